/** Certificate and key from files, taken again when they change: a renewed certificate needs no restart. */
import { readFileSync, statSync } from 'node:fs'
import { createSecureContext, type TlsOptions } from 'node:tls'

export interface TlsFiles {
  readonly certPath: string
  readonly keyPath: string
}

const CHECK_MS = 2_000
/** RFC 9325 section 3.1.1: nothing older. */
const OLDEST = 'TLSv1.2'

/** Throws when a file cannot be read or the two do not belong together. */
export function readTlsFiles({ certPath, keyPath }: TlsFiles): TlsOptions {
  const options = { cert: readFileSync(certPath), key: readFileSync(keyPath), minVersion: OLDEST } as const
  createSecureContext(options)
  return options
}

/** Hands over the new files' content whenever they change. What cannot be used is told, and the old stays. */
export function watchTlsFiles(
  files: TlsFiles,
  on: { changed: (options: TlsOptions) => void; problem: (error: unknown) => void },
): { stop(): void } {
  let version = versionOf(files)
  const timer = setInterval(() => {
    try {
      const found = versionOf(files)
      if (found === version) return
      version = found
      on.changed(readTlsFiles(files))
    } catch (error) {
      on.problem(error)
    }
  }, CHECK_MS)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}

function versionOf({ certPath, keyPath }: TlsFiles): string {
  return [certPath, keyPath].map((path) => `${statSync(path).mtimeMs} ${statSync(path).ino}`).join(' ')
}
