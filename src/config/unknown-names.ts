/** Names of the environment that look like settings and are none. */
import { SETTING_PATHS, SETTINGS } from './settings.ts'
import type { Environment } from './sources.ts'
import { nearestName, printable } from './spelling.ts'

/** A warning each, with the nearest known name. */
export function unknownNames(env: Environment, dotEnv: Environment): string[] {
  const known = SETTING_PATHS.map((path) => SETTINGS[path].name)
  const given = new Set([...Object.keys(env), ...Object.keys(dotEnv)])
  return [...given]
    .filter((name) => name.startsWith('ARTIFACTSTORE_') && !known.includes(name) && !isReferred(name, env, dotEnv))
    .sort()
    .map((name) => {
      const near = nearestName(name, known)
      return `${printable(name)} is not a setting and does nothing${near ? `; did you mean ${near}?` : ''}`
    })
}

/** `env:ARTIFACTSTORE_RGW_ACCESS_KEY` gives a name of the user's own a meaning. */
function isReferred(name: string, ...environments: Environment[]): boolean {
  return environments.some((each) => Object.values(each).some((value) => value?.includes(`env:${name}`)))
}
