/**
 * Real clients from Debian, by the name of their command. What is not there is installed where this runs as root;
 * elsewhere the failure says the line to type.
 */
import { accessSync, constants, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { ran } from './run-command.ts'

/** Which package brings which command. */
export const DEBIAN_TOOLS = {
  skopeo: 'skopeo',
  podman: 'podman',
  buildah: 'buildah',
  umoci: 'umoci',
  ctr: 'containerd',
  containerd: 'containerd',
  runc: 'runc',
} as const
export type DebianToolName = keyof typeof DEBIAN_TOOLS

export const DEBIAN_TOOL_NAMES = Object.keys(DEBIAN_TOOLS) as DebianToolName[]

/** The lines of debian-packages.txt, which `.ci/run` installs too. */
export function debianPackages(): string[] {
  return readFileSync(new URL('./debian-packages.txt', import.meta.url), 'utf8')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '')
}

/** The path of the command. All that is missing is installed at once: the lists are read once for a run. */
export async function debianTool(name: DebianToolName): Promise<string> {
  const missing = DEBIAN_TOOL_NAMES.filter((each) => !findCommand(each))
  if (missing.length > 0) await install([...new Set(missing.map((each) => DEBIAN_TOOLS[each]))])
  const path = findCommand(name)
  if (!path) throw new Error(`the package ${DEBIAN_TOOLS[name]} is installed and brought no command ${name}`)
  return path
}

async function install(packages: readonly string[]): Promise<void> {
  const line = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`
  if (process.getuid?.() !== 0) throw new Error(`missing clients from Debian; as root: ${line}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const installed = await ran('sh', ['-c', line.replaceAll('apt-get', 'apt-get -o DPkg::Lock::Timeout=300')], { env })
  if (installed.code !== 0) throw new Error(`could not install clients from Debian with: ${line}\n${installed.stderr}`)
}

/** sbin too: containerd and runc are there, and an ordinary user's PATH leaves it out. */
function findCommand(name: DebianToolName): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
