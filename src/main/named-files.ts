/** Files that settings name: there, and what they should be, or the server does not start. */
import { readFileSync } from 'node:fs'
import { type Config, ConfigError } from '../config.ts'
import { readTlsFiles } from '../http/index.ts'
import { parseUsers } from '../registry/index.ts'
import { readTrustedKeys, type TrustedKey, TrustedKeyError } from '../signing/index.ts'

/** Before anything is made: what settings name must be there and be what it should. Throws `ConfigError`. */
export function requireUsableFiles({ server: { tls }, auth: { usersFile } }: Config): void {
  const problems: string[] = []
  const requireUse = (settings: string, use: () => unknown): void => {
    try {
      use()
    } catch (error) {
      problems.push(`${settings} cannot be used: ${(error as Error).message}`)
    }
  }
  if (tls) requireUse('ARTIFACTSTORE_TLS_CERT with ARTIFACTSTORE_TLS_KEY', () => readTlsFiles(tls))
  if (usersFile) requireUse('ARTIFACTSTORE_USERS_FILE', () => parseUsers(readFileSync(usersFile, 'utf8')))
  if (problems.length > 0) throw new ConfigError(problems)
}

/** Throws `ConfigError` naming every file that is no key: a server that silently trusts fewer keys would call good signatures unknown. */
export function readSigningKeys(config: Config): readonly TrustedKey[] {
  const problems: string[] = []
  const keys = config.signing.keys.flatMap(({ name, path }) => {
    try {
      return readTrustedKeys(readFileSync(path), name)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const problem = error instanceof TrustedKeyError ? error.problem : `cannot be read (${code})`
      problems.push(`ARTIFACTSTORE_SIGNING_KEYS: ${path} ${problem}`)
      return []
    }
  })
  if (problems.length > 0) throw new ConfigError(problems)
  return keys
}
