/** The package a push writes into: opened once however often the push is tried, its files known, closed at the end. */
import { createHash } from 'node:crypto'
import {
  type FileJson,
  type FinalizedJson,
  HEADERS,
  type NewPackageJson,
  type PackageJson,
  paths,
} from '../../native-api/wire.ts'
import { type ApiClient, ApiError } from '../api-client.ts'
import { CliError, EXIT } from '../failure.ts'
import type { HashedFile } from '../hash-files.ts'
import { listFiles } from '../package-files.ts'

/**
 * The same request with the same files gives the same key, on any machine; `nonce` makes another one. Also the name of
 * the state file.
 */
export function idempotencyKeyOf(request: NewPackageJson, files: readonly HashedFile[], nonce = ''): string {
  const hash = createHash('sha256').update(JSON.stringify([canonical(request), nonce]))
  for (const { path, size, mode, digest } of files) hash.update(`\n${JSON.stringify([path, size, mode, digest])}`)
  return `push-${hash.digest('hex')}`
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== 'object' || value === null) return value
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => [key, canonical(inner)])
}

export class Draft {
  readonly id: string
  readonly #api: ApiClient
  #files: Promise<ReadonlyMap<string, FileJson>> | undefined

  private constructor(api: ApiClient, id: string) {
    this.#api = api
    this.id = id
  }

  /** The draft, or the finalized package of an earlier push under this key. */
  static async open(
    api: ApiClient,
    request: NewPackageJson,
    key: { readonly idempotencyKey: string; readonly knownId: string | undefined },
  ): Promise<{ draft: Draft; found: PackageJson }> {
    const known = key.knownId === undefined ? undefined : await findPackage(api, key.knownId)
    const found =
      known ??
      (await api.json<PackageJson>({
        method: 'POST',
        path: paths.packages,
        json: request,
        headers: { [HEADERS.idempotencyKey]: key.idempotencyKey },
      }))
    if (found.status === 'created' || found.status === 'finalized') return { draft: new Draft(api, found.id), found }
    throw new CliError({
      code: 'package-gone',
      message: `the same content was pushed as ${found.id}, which is ${found.status}; push with --new for another package`,
      exit: EXIT.conflict,
    })
  }

  /** What the draft holds under `path`; `fresh` asks the server again. */
  async fileAt(path: string, options: { fresh?: boolean } = {}): Promise<FileJson | undefined> {
    if (options.fresh) this.#files = undefined
    this.#files ??= this.#listFiles()
    return (await this.#files).get(path)
  }

  async #listFiles(): Promise<ReadonlyMap<string, FileJson>> {
    return new Map((await listFiles(this.#api, this.id)).map((file) => [file.relative_path, file]))
  }

  async finalize(): Promise<PackageJson> {
    try {
      const done = await this.#api.json<FinalizedJson>({ method: 'POST', path: paths.finalize(this.id) })
      return done.package
    } catch (error) {
      // The answer to an earlier attempt was lost, or the same push ran twice: both times it is done.
      if (!(error instanceof ApiError) || error.problemCode !== 'package-finalized') throw error
      return this.#api.json<PackageJson>({ path: paths.package(this.id) })
    }
  }
}

async function findPackage(api: ApiClient, id: string): Promise<PackageJson | undefined> {
  try {
    return await api.json<PackageJson>({ path: paths.package(id) })
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined
    throw error
  }
}
