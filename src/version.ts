/** This package's version, from the `package.json` above this file: one folder up in a checkout, two in `dist/src`. */
import { readFileSync } from 'node:fs'

export const VERSION = readVersion()

function readVersion(): string {
  for (const up of ['../package.json', '../../package.json']) {
    try {
      return (JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8')) as { version: string }).version
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  throw new Error('artifact-store lies outside its package: no package.json above it')
}
