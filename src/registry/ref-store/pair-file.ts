/**
 * The file of a pair: one line of JSON that says what follows, the manifest, the data. Deterministic, so equal pairs are
 * equal files; with a checksum, so that a file that is damaged or was copied to another name is not taken for the pair.
 */
import { digestWith } from '../../storage/index.ts'
import { RegistryError } from '../errors.ts'
import { printable } from '../names.ts'
import type { RefPair } from './ref-store.ts'

interface Header {
  readonly ref: string
  readonly manifest_size: number
  readonly data_size: number
  /** Over manifest and data as they stand in the file. */
  readonly blake3: string
}

const MAGIC = 'artifact-store ref 1 '
const NEWLINE = 0x0a

export function encodePair(ref: string, { data, manifest }: RefPair): Buffer {
  const body = Buffer.concat([manifest, data])
  const header: Header = {
    ref,
    manifest_size: manifest.length,
    data_size: data.length,
    blake3: digestWith('blake3', body),
  }
  return Buffer.concat([Buffer.from(`${MAGIC}${JSON.stringify(header)}\n`), body])
}

/** Throws `content-damaged` when the file is not a whole pair of this ref. */
export function decodePair(ref: string, file: Buffer): RefPair {
  const end = file.indexOf(NEWLINE)
  const header = end < 0 ? undefined : parseHeader(file.toString('utf8', 0, end))
  if (header?.ref !== ref) throw damaged(ref, 'it does not begin with the header of this ref')
  const body = file.subarray(end + 1)
  if (body.length !== header.manifest_size + header.data_size) throw damaged(ref, 'its length is not what it says')
  if (digestWith('blake3', body) !== header.blake3) throw damaged(ref, 'its bytes do not match its checksum')
  const { buffer, byteOffset } = body
  return {
    manifest: new Uint8Array(buffer, byteOffset, header.manifest_size),
    data: new Uint8Array(buffer, byteOffset + header.manifest_size, header.data_size),
  }
}

function parseHeader(line: string): Header | undefined {
  if (!line.startsWith(MAGIC)) return undefined
  try {
    return JSON.parse(line.slice(MAGIC.length)) as Header
  } catch {
    return undefined
  }
}

function damaged(ref: string, reason: string): RegistryError {
  return new RegistryError('content-damaged', `the file of ref '${printable(ref)}' is damaged: ${reason}`, { ref })
}
