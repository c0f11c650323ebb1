/**
 * What a push must remember when it is killed: its package and the uploads under way. The server knows all else. The
 * file goes when the package is finalized; losing it costs bytes sent again, nothing more.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

interface Remembered {
  readonly packageId?: string
  /** Upload ids by path. */
  readonly uploads: Readonly<Record<string, string>>
}

export class PushState {
  readonly #file: string
  #remembered: Remembered

  /** `key`: the push's idempotency key, a plain file name. */
  constructor(stateFolder: string, key: string) {
    const folder = join(stateFolder, 'push')
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    this.#file = join(folder, `${key}.json`)
    this.#remembered = readRemembered(this.#file)
  }

  get packageId(): string | undefined {
    return this.#remembered.packageId
  }

  /** Forgets the uploads when it is another package. */
  begin(packageId: string): void {
    if (this.#remembered.packageId !== packageId) this.#write({ packageId, uploads: {} })
  }

  uploadOf(path: string): string | undefined {
    return this.#remembered.uploads[path]
  }

  rememberUpload(path: string, uploadId: string): void {
    this.#write({ ...this.#remembered, uploads: { ...this.#remembered.uploads, [path]: uploadId } })
  }

  forgetUpload(path: string): void {
    if (this.#remembered.uploads[path] === undefined) return
    const { [path]: _forgotten, ...uploads } = this.#remembered.uploads
    this.#write({ ...this.#remembered, uploads })
  }

  remove(): void {
    rmSync(this.#file, { force: true })
  }

  #write(next: Remembered): void {
    this.#remembered = next
    const temporary = `${this.#file}.${process.pid}.part`
    writeFileSync(temporary, JSON.stringify(next), { mode: 0o600 })
    renameSync(temporary, this.#file)
  }
}

function readRemembered(file: string): Remembered {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as Partial<Remembered>
    const packageId = typeof value.packageId === 'string' ? { packageId: value.packageId } : {}
    return { ...packageId, uploads: Object.assign(Object.create(null) as object, value.uploads) }
  } catch {
    // Nothing under way, or a half-written file of a machine that lost power: begin anew.
    return { uploads: {} }
  }
}
