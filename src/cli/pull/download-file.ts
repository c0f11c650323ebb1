/**
 * One file from the server: into a partial file beside its target, resumed after outages and kills, verified, and only
 * then given its name.
 */
import { createHash, type Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, type FileHandle, link, open, rename, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type FileJson, paths } from '../../native-api/wire.ts'
import { type ApiClient, UnreachableError } from '../api-client.ts'
import { CliError, EXIT, mismatchError } from '../failure.ts'

export interface Download {
  readonly file: FileJson
  readonly target: string
  /** Replace what is at the target. */
  readonly force: boolean
  /** Negative when bytes have to be fetched again. */
  readonly onBytes: (bytes: number) => void
}

/** Throws a content mismatch when the bytes are not those of the package; nothing is left behind then. */
export async function downloadFile(api: ApiClient, download: Download): Promise<void> {
  const { file, target } = download
  const { algorithm, digest } = verifiable(file)
  // The same name next time, so that a killed pull goes on where it stopped.
  const name = createHash('sha256').update(`${file.id} ${target}`).digest('hex').slice(0, 20)
  const partial = join(dirname(target), `.artifactstore-${name}.part`)
  // A link planted under that name must not be followed.
  await using handle = await open(partial, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  const found = await new Receiver(handle, algorithm, download).receive(api)
  if (found.size !== file.size || found.digest !== digest) {
    await unlink(partial)
    throw mismatchError(
      `${file.relative_path} arrived as ${found.digest} with ${found.size} bytes; the package says ${digest} with ${file.size}`,
    )
  }
  await chmod(partial, modeOf(file))
  await giveName(partial, download)
}

/** Without set-id and sticky bits, whoever asks for them. */
function modeOf(file: FileJson): number {
  const mode = file.mode === undefined ? 0o644 & ~process.umask() : Number.parseInt(file.mode, 8)
  return mode & 0o777
}

function verifiable(file: FileJson): { algorithm: 'sha256' | 'sha512'; digest: string } {
  if (file.sha256 !== undefined) return { algorithm: 'sha256', digest: file.sha256 }
  if (file.digest.startsWith('sha256:')) return { algorithm: 'sha256', digest: file.digest }
  if (file.digest.startsWith('sha512:')) return { algorithm: 'sha512', digest: file.digest }
  const reason = 'the registry never received its bytes'
  throw new CliError({ code: 'blob-unknown', message: `${file.relative_path}: ${reason}`, exit: EXIT.notFound })
}

async function giveName(partial: string, { file, target, force }: Download): Promise<void> {
  if (force) return rename(partial, target)
  try {
    // A link never replaces what appeared meanwhile; renaming would.
    await link(partial, target)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // File systems without links (FAT, some network mounts).
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'ENOSYS') return rename(partial, target)
    if (code !== 'EEXIST') throw error
    const message = `${file.relative_path} appeared while it was being pulled; --force replaces it`
    throw new CliError({ code: 'files-differ', message, exit: EXIT.conflict })
  }
  await unlink(partial)
}

const WRITE_BYTES = 1024 * 1024

class Receiver {
  readonly #handle: FileHandle
  readonly #algorithm: 'sha256' | 'sha512'
  readonly #download: Download
  #hash: Hash
  /** Received and hashed; the last `#piecesBytes` of them not yet written. */
  #size = 0
  #pieces: Uint8Array[] = []
  #piecesBytes = 0

  constructor(handle: FileHandle, algorithm: 'sha256' | 'sha512', download: Download) {
    this.#handle = handle
    this.#algorithm = algorithm
    this.#download = download
    this.#hash = createHash(algorithm)
  }

  async receive(api: ApiClient): Promise<{ size: number; digest: string }> {
    await this.#readWhatIsThere()
    await api.retrying(() => this.#fetchRest(api))
    return { size: this.#size, digest: `${this.#algorithm}:${this.#hash.digest('hex')}` }
  }

  async #readWhatIsThere(): Promise<void> {
    const { size } = await this.#handle.stat()
    if (size > this.#download.file.size) return this.#startOver()
    const buffer = Buffer.allocUnsafe(1024 * 1024)
    for (;;) {
      const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, this.#size)
      if (bytesRead === 0) return
      this.#count(buffer.subarray(0, bytesRead))
    }
  }

  async #fetchRest(api: ApiClient): Promise<void> {
    const { file } = this.#download
    if (this.#size === file.size && file.size > 0) return
    const isResumed = this.#size > 0
    const response = await api.once({
      path: paths.fileDownload(file.id),
      headers: {
        accept: '*/*',
        // Compressed on the way, the ranges would be of something else.
        'accept-encoding': 'identity',
        ...(isResumed ? { range: `bytes=${this.#size}-`, 'if-range': `"${file.digest}"` } : {}),
      },
    })
    if (isResumed && response.status !== 206) await this.#startOver()
    try {
      for await (const piece of response.body ?? []) {
        await this.#take(piece)
        if (this.#size > file.size) break
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall?.startsWith('write')) throw error
      throw new UnreachableError(api.baseUrl, error)
    } finally {
      await this.#writeOut()
    }
    if (this.#size < file.size) throw new UnreachableError(api.baseUrl, new Error('the answer broke off'))
  }

  /** Pieces come in tens of KiB; written one by one they cost more than they weigh. */
  async #take(piece: Uint8Array): Promise<void> {
    this.#pieces.push(piece)
    this.#piecesBytes += piece.length
    this.#count(piece)
    if (this.#piecesBytes >= WRITE_BYTES) await this.#writeOut()
  }

  async #writeOut(): Promise<void> {
    const bytes = Buffer.concat(this.#pieces)
    const start = this.#size - bytes.length
    let written = 0
    while (written < bytes.length) {
      const rest = bytes.length - written
      written += (await this.#handle.write(bytes, written, rest, start + written)).bytesWritten
    }
    this.#pieces = []
    this.#piecesBytes = 0
  }

  #count(bytes: Uint8Array): void {
    this.#hash.update(bytes)
    this.#size += bytes.length
    this.#download.onBytes(bytes.length)
  }

  async #startOver(): Promise<void> {
    await this.#handle.truncate(0)
    this.#download.onBytes(-this.#size)
    this.#hash = createHash(this.#algorithm)
    this.#size = 0
  }
}
