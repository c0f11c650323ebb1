/** Bytes from the server, bounded and repeated after outages; none of them written to disk. */
import { type FileJson, paths } from '../../native-api/wire.ts'
import { type ApiClient, ApiError, UnreachableError } from '../api-client.ts'
import { mismatchError } from '../failure.ts'
import { Digester } from './digests.ts'

/** All bytes of an answer. Throws a content mismatch when they are more than `limit`. */
export async function receiveBytes(
  api: ApiClient,
  path: string,
  options: { limit: number; accept?: string },
): Promise<Uint8Array> {
  return api.retrying(async () => {
    const response = await api.once({ path, headers: { accept: options.accept ?? '*/*' } })
    const pieces: Uint8Array[] = []
    let size = 0
    try {
      for await (const piece of response.body ?? []) {
        size += piece.length
        if (size > options.limit) break
        pieces.push(piece)
      }
    } catch (error) {
      throw new UnreachableError(api.baseUrl, error)
    }
    if (size > options.limit) throw mismatchError(`${path} answered more than ${options.limit} bytes`)
    return Buffer.concat(pieces)
  })
}

/** Refusals that are about these bytes: they never came, are lost, or are damaged. */
const ABSENT = ['blob-unknown', 'file-unknown', 'content-missing', 'content-damaged']

/** Why the server does not give the bytes; undefined when the error is about something else. */
export function absenceOf(error: unknown): string | undefined {
  if (!(error instanceof ApiError) || !ABSENT.includes(error.problemCode ?? '')) return undefined
  return error.problemCode === 'blob-unknown' || error.problemCode === 'file-unknown'
    ? 'the server does not have its bytes'
    : 'the server has lost its bytes, or they are damaged there'
}

/** The file read to its end and hashed. `onBytes` is negative when bytes have to be fetched again. */
export async function hashRemote(
  api: ApiClient,
  file: Pick<FileJson, 'id' | 'digest'>,
  expected: { digests: readonly string[]; size: number; onBytes: (bytes: number) => void },
): Promise<Digester> {
  let digester = new Digester(expected.digests)
  await api.retrying(async () => {
    const start = digester.size
    // It broke off after the last byte: there is nothing left to ask for.
    if (start > 0 && start >= expected.size) return
    const response = await api.once({
      path: paths.fileDownload(file.id),
      headers: {
        accept: '*/*',
        // Compressed on the way, the ranges would be of something else.
        'accept-encoding': 'identity',
        ...(start > 0 ? { range: `bytes=${start}-`, 'if-range': `"${file.digest}"` } : {}),
      },
    })
    if (start > 0 && response.status !== 206) {
      expected.onBytes(-start)
      digester = new Digester(expected.digests)
    }
    try {
      for await (const piece of response.body ?? []) {
        digester.update(piece)
        expected.onBytes(piece.length)
        // What is too long is wrong already; the rest could be without an end.
        if (digester.size > expected.size) return
      }
    } catch (error) {
      throw new UnreachableError(api.baseUrl, error)
    }
  })
  return digester
}
