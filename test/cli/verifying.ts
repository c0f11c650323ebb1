/** `artifactstore verify` in this process against a real registry that can be made to lie. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import type { PackageJson } from '../../src/native-api/wire.ts'
import type { Registry } from '../../src/registry/index.ts'
import { type Door, openDoor, TOKEN } from '../native-api/native-fixture.ts'
import { attachBundle, signedPackage } from '../support/attach-signatures.ts'
import { bytesOf } from '../support/bytes.ts'
import { makeSigner, type Signer } from '../support/signatures.ts'
import { commandHere } from './in-process.ts'
import type { CommandResult } from './server-process.ts'

export const release = makeSigner('release')
export const stranger = makeSigner('stranger')
export const PROVENANCE = 'https://slsa.dev/provenance/v1'
export const FILES = { 'a.txt': 'alpha', 'sub/b.bin': bytesOf(70_000) }
export const withKeys = (...names: string[]) => names.flatMap((name) => ['--key', `${name}.pub`])

export interface Report {
  readonly content: {
    readonly valid: boolean
    readonly files: number
    readonly bytes: number
    readonly problems: readonly { readonly path: string; readonly reason: string }[]
  }
  readonly against: {
    readonly equal: boolean
    readonly missing: readonly string[]
    readonly extra: readonly string[]
    readonly different: readonly { readonly path: string }[]
  } | null
  readonly signatures: readonly {
    readonly kind: string
    readonly verdict: string
    readonly key: string | null
    readonly reason: string | null
  }[]
  readonly verdict: string
  readonly exit_code: number
}

export interface Verifying {
  readonly door: Door
  /** Where the command runs; holds `release.pub` and `stranger.pub`. */
  readonly folder: string
  run(...args: string[]): Promise<CommandResult>
  /** The same with --json, whose exit code must be the one of the process. */
  report(...args: string[]): Promise<Report>
  /** A package of its own: what hangs on one would hang on the next. */
  push(files?: Readonly<Record<string, string | Uint8Array>>): Promise<PackageJson>
  sign(id: string, signer: Signer, predicateType?: string): ReturnType<typeof attachBundle>
  /** Until the test ends, the registry's service of this name has some of its methods replaced. */
  lying<K extends 'packages' | 'files' | 'signatures'>(name: K, methods: Partial<Registry[K]>): void
}

/** Opened before the tests of a file and closed after them. */
export function verifying(): Verifying {
  let door: Door
  let folder: string
  let lies: Partial<Registry> = {}
  let count = 0
  const wrap = (registry: Registry): Registry =>
    new Proxy(registry, { get: (target, name) => Reflect.get(lies, name) ?? Reflect.get(target, name) })
  beforeAll(async () => {
    // Of the server's verdicts nothing is believed, so it has a key that would say otherwise.
    door = await openDoor({ dependencies: { signingKeys: [stranger.trusted] }, wrap })
  })
  afterAll(() => door[Symbol.asyncDispose]())
  beforeEach(() => {
    lies = {}
    folder = mkdtempSync(join(tmpdir(), 'verify-'))
    for (const signer of [release, stranger]) writeFileSync(join(folder, `${signer.name}.pub`), signer.pem)
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const run: Verifying['run'] = (...args) => {
    const env = { ARTIFACTSTORE_API_URL: door.url, ARTIFACTSTORE_API_TOKEN: TOKEN, HOME: folder }
    return commandHere(['verify', ...args], { cwd: folder, env })
  }
  return {
    get door() {
      return door
    },
    get folder() {
      return folder
    },
    run,
    async report(...args) {
      const { code, stdout, stderr } = await run(...args, '--json')
      expect(stderr).toBe('')
      const found = JSON.parse(stdout) as Report
      expect(found.exit_code).toBe(code)
      return found
    },
    async push(files = FILES) {
      count += 1
      const { id } = await door.newPackage({ name: `p-${count}` })
      for (const [path, bytes] of Object.entries(files)) await door.addFile(id, path, bytes)
      await door.send('POST', `/packages/${id}/finalize`)
      return (await door.send('GET', `/packages/${id}`)).json as PackageJson
    },
    async sign(id, signer, predicateType) {
      const about = predicateType === undefined ? {} : { predicateType }
      return attachBundle(door, await signedPackage(door.registry, id), { signer, ...about })
    },
    lying(name, methods) {
      lies = { ...lies, [name]: { ...door.registry[name], ...methods } }
    },
  }
}
