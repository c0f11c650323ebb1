/** The committed configurations beside this file, with this run's port and folders in the place of `{{port}}` and the like. */
import { readFile, writeFile } from 'node:fs/promises'

/** Of a file of this folder. A placeholder without a value is an error. */
export async function filled(name: string, values: Readonly<Record<string, string>>): Promise<string> {
  const template = await readFile(new URL(name, import.meta.url), 'utf8')
  return template.replaceAll(/\{\{(\w+)\}\}/g, (placeholder, key: string) => {
    const value = values[key]
    if (value === undefined) throw new Error(`bench/peers/${name} has ${placeholder}, for which there is no value`)
    // Each stands inside double quotes, whose escapes JSON, TOML, YAML and nginx have in common.
    return JSON.stringify(value).slice(1, -1)
  })
}

/** Fills `name` in and writes it to `path`. */
export async function writeFilled(path: string, name: string, values: Readonly<Record<string, string>>): Promise<void> {
  await writeFile(path, await filled(name, values))
}
