/** The bytes of the files: those that the server gives, and those of a local folder, against what the manifest names. */
import { createReadStream } from 'node:fs'
import type { ApiClient } from '../api-client.ts'
import { mismatchError } from '../failure.ts'
import { eachParallel } from '../pool.ts'
import type { LocalFile } from '../tree.ts'
import { Digester, isCheckable } from './digests.ts'
import type { ExpectedFile, Problem } from './package-content.ts'
import { absenceOf, hashRemote } from './receive.ts'

export interface Checking {
  readonly width: number
  readonly onBytes: (bytes: number) => void
}

/** Every file that is not what the manifest says, in its order. Reads all of them, whatever it finds. */
export async function checkRemoteFiles(
  api: ApiClient,
  files: readonly ExpectedFile[],
  { width, onBytes }: Checking,
): Promise<readonly Problem[]> {
  const reasons = new Map<ExpectedFile, string>()
  await eachParallel(files, width, async (file) => {
    const reason = await remoteProblem(api, file, onBytes)
    if (reason !== undefined) reasons.set(file, reason)
  })
  return files.filter((file) => reasons.has(file)).map((file) => ({ path: file.path, reason: reasons.get(file)! }))
}

async function remoteProblem(
  api: ApiClient,
  { remote, digests, size }: ExpectedFile,
  onBytes: (bytes: number) => void,
): Promise<string | undefined> {
  if (!remote) return 'the manifest names it, and the server does not list it'
  const uncheckable = digests.find((digest) => !isCheckable(digest))
  if (uncheckable !== undefined) return `its digest ${uncheckable} is of a kind that is not known here`
  try {
    return differenceOf(await hashRemote(api, remote, { digests, size, onBytes }), { digests, size })
  } catch (error) {
    const absence = absenceOf(error)
    if (absence !== undefined) return absence
    throw error
  }
}

/** Undefined when the bytes have all the digests and the size. */
function differenceOf(found: Digester, expected: { digests: readonly string[]; size: number }): string | undefined {
  if (found.size > expected.size) return `it has more than the ${expected.size} bytes of the manifest`
  if (found.size < expected.size) return `it has ${found.size} bytes, and by the manifest ${expected.size}`
  const digests = found.digests()
  const wrong = expected.digests.find((digest) => !digests.includes(digest))
  return wrong === undefined ? undefined : `its bytes are ${digests.join(' and ')}, not ${wrong}`
}

export interface FolderDifference {
  /** In the package only. */
  readonly missing: readonly string[]
  /** In the folder only. */
  readonly extra: readonly string[]
  readonly different: readonly Problem[]
}

/** Compares content, not permissions: those depend on where and how a folder came to be. */
export async function compareFolder(
  local: readonly LocalFile[],
  expected: readonly ExpectedFile[],
  { width, onBytes }: Checking,
): Promise<FolderDifference> {
  const byPath = new Map(local.map((file) => [file.path, file]))
  const names = new Set(expected.map(({ path }) => path))
  const reasons = new Map<string, string>()
  const both = expected.filter(({ path }) => byPath.has(path))
  await eachParallel(both, width, async (file) => {
    const reason = await localProblem(byPath.get(file.path)!, file, onBytes)
    if (reason !== undefined) reasons.set(file.path, reason)
  })
  return {
    missing: expected.map(({ path }) => path).filter((path) => !byPath.has(path)),
    extra: local.map(({ path }) => path).filter((path) => !names.has(path)),
    different: both.flatMap(({ path }) => (reasons.has(path) ? [{ path, reason: reasons.get(path)! }] : [])),
  }
}

async function localProblem(
  { absolute, path, size: localSize }: LocalFile,
  { digests, size }: ExpectedFile,
  onBytes: (bytes: number) => void,
): Promise<string | undefined> {
  if (localSize !== size) return `it has ${localSize} bytes, and in the package ${size}`
  const checkable = digests.filter(isCheckable)
  if (checkable.length === 0) return `its digest ${digests[0]} is of a kind that is not known here`
  const digester = new Digester(checkable)
  for await (const piece of createReadStream(absolute, { highWaterMark: 1024 * 1024 })) {
    digester.update(piece as Buffer)
    onBytes((piece as Buffer).length)
  }
  if (digester.size !== size)
    throw mismatchError(`${path} changed while it was read; verify again when nobody writes to it`)
  return differenceOf(digester, { digests: checkable, size })
}
