/**
 * `multipart/form-data` with one file in it, streamed: the part's bytes go to `receive` as they come, with no copy
 * beside the store and nothing kept in memory. multer reads the form; this file gives it a storage engine and holds the
 * content open until the form has ended well, because what is handed over cannot be taken back: a second file, a field
 * too late or a missing end must fail the file while its last byte is still outstanding.
 */
import { createRequire } from 'node:module'
import type { Readable, Writable } from 'node:stream'
import type multer from 'multer'
import type { ApiRequest } from '../http/index.ts'
import { isRegistryError, printable } from '../registry/index.ts'
import type { Content } from '../storage/index.ts'
import { ApiError, fieldInvalid } from './problem.ts'
import { FILE_PART, MEDIA_TYPES } from './wire.ts'

// Loaded with the first form: 25 ms and 3 MiB, and most clients send none.
const require = createRequire(import.meta.url)
const loadMulter = () => require('multer') as typeof multer

export interface FilePart {
  readonly filename: string
  /** As the part said it; what multer assumes where it said nothing. */
  readonly mediaType: string
  readonly fields: Readonly<Record<string, string>>
  readonly content: Content
}

/** Longest field names and values that mean anything here: a path of 1,024 bytes, with room for an honest mistake. */
const LIMITS = { fieldNameSize: 100, fieldSize: 8192, fields: 16, files: 2, headerPairs: 32 }

/** multer 2.5 knows `streamHandler`; its types do not yet. */
type Options = multer.Options & {
  streamHandler(request: Readable, parser: Writable): void
}

/**
 * Calls `receive` with the file part and answers what it answers. Throws `form-invalid`, `field-invalid` for a field
 * not in `known`, `content-incomplete` when the form breaks off, and what `receive` throws.
 */
export async function receiveFileForm<T>(
  request: ApiRequest,
  known: readonly string[],
  receive: (part: FilePart) => Promise<T>,
): Promise<T> {
  const end = new FormEnd()
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  // The form's failure reaches the caller as such, also while `receive` is still cleaning up after it.
  end.closed.catch(reject)
  const take = async (fields: Readonly<Record<string, string>>, file: Express.Multer.File): Promise<T> => {
    requireFilePart(file.fieldname)
    requireKnownFields(fields, known)
    const content = untilFormEnds(file.stream, end)
    return receive({ filename: file.originalname, mediaType: file.mimetype, fields, content })
  }
  const storage: multer.StorageEngine = {
    _handleFile(form, file, done) {
      end.fileBegan()
      take(form.body, file).then(
        (taken) => {
          resolve(taken)
          done(null, {})
        },
        (error: unknown) => {
          reject(end.failure ?? error)
          file.stream.resume()
          done(error)
        },
      )
    },
    // Nothing to take back: content that was handed over completely belongs to a form that ended well.
    _removeFile: (_form, _file, done) => done(null),
  }
  const options: Options = {
    storage,
    preservePath: true,
    defParamCharset: 'utf8',
    limits: LIMITS,
    streamHandler(body, parser) {
      end.watch(parser)
      body.pipe(parser)
    },
  }
  loadMulter()(options).any()(request.body as never, {} as never, (error: unknown) => {
    if (error !== undefined) reject(end.failure ?? formProblem(error))
    else if (!end.hasFile) reject(noFile(request))
  })
  return promise
}

/** Whether the form ended as it must: after exactly one file part, with nothing behind it. */
class FormEnd {
  readonly closed: Promise<void>
  failure: Error | undefined
  hasFile = false
  readonly #resolve: () => void
  readonly #reject: (error: Error) => void

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.closed = promise
    this.#resolve = resolve
    this.#reject = reject
  }

  /** Before multer listens to the parser for longer than one turn: `close` comes last. */
  watch(parser: Writable): void {
    parser.prependListener('field', (name: unknown) => {
      if (this.hasFile) this.#fail(tooLate(String(name)))
    })
    parser.prependListener('file', () => {
      if (this.hasFile)
        this.#fail(new ApiError('form-invalid', 'The form has a second file part: send one file a request'))
    })
    parser.once('error', (error: unknown) => this.#fail(formProblem(error)))
    parser.once('close', () => this.#resolve())
  }

  fileBegan(): void {
    this.hasFile = true
  }

  #fail(error: Error): void {
    this.failure ??= error
    this.#reject(this.failure)
  }
}

async function* untilFormEnds(stream: Readable, end: FormEnd): AsyncGenerator<Uint8Array> {
  try {
    yield* stream
  } catch (cause) {
    throw end.failure ?? brokenOff(cause)
  }
  await end.closed
}

function requireFilePart(name: string): void {
  if (name === FILE_PART) return
  const field = name.slice(0, 120)
  throw new ApiError('form-invalid', `The file part is named '${printable(field)}': name it '${FILE_PART}'`, {
    detail: { field, known: [FILE_PART] },
  })
}

function requireKnownFields(fields: Readonly<Record<string, unknown>>, known: readonly string[]): void {
  for (const [name, value] of Object.entries(fields)) {
    if (!known.includes(name)) {
      throw fieldInvalid(
        name.slice(0, 120),
        `There is no form field '${printable(name)}': known are ${known.join(', ')}`,
        { known },
      )
    }
    if (typeof value !== 'string') throw fieldInvalid(name, `The form field '${name}' must be given once, as text`)
  }
}

function tooLate(name: string): ApiError {
  const field = name.slice(0, 120)
  return new ApiError('form-invalid', `The field '${printable(field)}' comes after the file part: send fields first`, {
    detail: { field },
  })
}

function noFile(request: ApiRequest): ApiError {
  const isForm = request.headers['content-type']?.toLowerCase().startsWith(MEDIA_TYPES.form)
  const hint = `send the bytes as a part named '${FILE_PART}' with a filename, after the fields`
  return new ApiError('form-invalid', isForm ? `The form has no file part: ${hint}` : `The body is no form: ${hint}`, {
    detail: { field: FILE_PART },
  })
}

function brokenOff(cause: unknown): ApiError {
  return new ApiError('content-incomplete', 'The form ended before its closing boundary', { cause })
}

/** multer's and busboy's complaints in our words. What `receive` threw passes as it is. */
function formProblem(error: unknown): Error {
  if (error instanceof ApiError || isRegistryError(error)) return error
  if (error instanceof loadMulter().MulterError) {
    return new ApiError('form-invalid', `The form is not acceptable: ${error.message}`, {
      detail: error.field === undefined ? {} : { field: error.field.slice(0, 120) },
      cause: error,
    })
  }
  const message = error instanceof Error ? error.message : ''
  if (/^(Multipart: Boundary|Malformed|Unsupported content type)/.test(message)) {
    return new ApiError('form-invalid', `The form cannot be read: ${message}`, { cause: error })
  }
  if (/^(Unexpected end of|Request (aborted|closed|error)|aborted)/.test(message)) return brokenOff(error)
  return error instanceof Error ? error : new Error('the form failed', { cause: error })
}
