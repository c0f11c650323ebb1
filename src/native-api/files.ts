/** Files: added to a package as a form, listed, described and downloaded. */
import { contentRangeOf, ifRangeHolds, type Reply, type RequestedRange, requestedRange } from '../http/index.ts'
import type { File } from '../registry/index.ts'
import { entityTag, IMMUTABLE, isUnchanged } from './conditional.ts'
import { receiveFileForm } from './file-form.ts'
import { requireMediaType } from './json-body.ts'
import { isMediaType, newFileOf } from './new-file.ts'
import { type Call, jsonReply, operation } from './operation.ts'
import { PAGE_QUERY, pageOf } from './packages.ts'
import { ApiError } from './problem.ts'
import { fileJson } from './representations.ts'
import { type FilePageJson, MEDIA_TYPES, type NewFileFields, paths } from './wire.ts'

const FORM_FIELDS: readonly (keyof NewFileFields)[] = ['relative_path', 'media_type', 'mode']

export const FILE_ANSWER = {
  description: 'The file',
  content: { [MEDIA_TYPES.json]: 'File' },
  headers: { Location: "The file's path" },
} as const

export const addFile = operation({
  id: 'addFile',
  summary: 'Add one file to an open package',
  description:
    'The form has the text fields first, then exactly one file part, whose bytes are streamed into the store. ' +
    'Large files that must survive a broken connection go through /uploads.',
  stream: { mediaType: MEDIA_TYPES.form, schema: 'NewFileForm' },
  answers: { 201: FILE_ANSWER },
  errors: [
    'form-invalid',
    'media-type-unsupported',
    'field-invalid',
    'path-invalid',
    'path-taken',
    'package-unknown',
    'package-finalized',
    'package-full',
    'content-incomplete',
    'storage-full',
  ],
  async handle({ context, request, params, actor }) {
    requireMediaType(request, MEDIA_TYPES.form)
    const added = await receiveFileForm(request, FORM_FIELDS, ({ filename, mediaType, fields, content }) => {
      const said = { relative_path: filename, media_type: mediaType, ...fields }
      return context.registry.packages.addFile(params.package_id!, newFileOf(said, actor), content)
    })
    return jsonReply(201, fileJson(added), { Location: paths.file(added.id) })
  },
})

export const listFiles = operation({
  id: 'listFiles',
  summary: 'The files of a package, in path order',
  query: PAGE_QUERY,
  answers: {
    200: { description: 'One page', content: { [MEDIA_TYPES.json]: 'FilePage' } },
  },
  errors: ['package-unknown', 'cursor-unknown'],
  async handle({ context, params, query }) {
    const page = await context.registry.files.list(params.package_id!, pageOf(query))
    const answer: FilePageJson = { files: page.items.map(fileJson), next_cursor: page.next ?? null }
    return jsonReply(200, answer)
  },
})

export const getFile = operation({
  id: 'getFile',
  summary: 'What is known about a file',
  answers: {
    200: { description: 'The file', content: { [MEDIA_TYPES.json]: 'File' } },
  },
  errors: ['file-unknown'],
  async handle({ context, params }) {
    return jsonReply(200, fileJson(await context.registry.files.get(params.file_id!)))
  },
})

const DOWNLOAD_HEADERS = {
  ETag: 'The digest of the bytes',
  'Content-Disposition': "attachment, with the file's name",
  'Accept-Ranges': 'bytes',
}

export const downloadFile = operation({
  id: 'downloadFile',
  summary: 'The bytes of a file',
  description: 'Takes one range at a time; several in one request are answered with the whole file.',
  headers: {
    Range: 'bytes=<first>-<last>, bytes=<first>- or bytes=-<length>',
    'If-Range': 'The ETag that the range belongs to; another one gets the whole file',
    'If-Match': 'ETags, one of which must be here',
    'If-None-Match': 'ETags that the client has',
  },
  answers: {
    200: {
      description: 'The whole file, under its own media type',
      content: { '*/*': 'bytes' },
      headers: DOWNLOAD_HEADERS,
    },
    206: {
      description: 'The part that was asked for',
      content: { '*/*': 'bytes' },
      headers: { ...DOWNLOAD_HEADERS, 'Content-Range': 'Which part' },
    },
    304: { description: 'If-None-Match names it' },
  },
  errors: [
    'file-unknown',
    'blob-unknown',
    'range-invalid',
    'precondition-failed',
    'content-missing',
    'content-damaged',
  ],
  handle: download,
})

async function download({ context, request, params }: Call): Promise<Reply> {
  const file = await context.registry.files.get(params.file_id!)
  const etag = entityTag(file.digest)
  const headers = downloadHeaders(file, etag)
  if (isUnchanged(request, etag)) return { status: 304, headers }
  const range = rangeOf(request, file, etag)
  if (range.kind === 'unsatisfiable') throw unsatisfiable(file)
  const opened = await context.registry.files.open(file.id, range.kind === 'part' ? range : undefined)
  if (range.kind === 'whole') {
    return { status: 200, headers: { ...headers, 'Content-Length': file.size }, body: opened.bytes ?? opened.content }
  }
  const { first, last } = range
  const part = { 'Content-Range': contentRangeOf(file.size, { first, last }), 'Content-Length': last - first + 1 }
  return { status: 206, headers: { ...headers, ...part }, body: opened.bytes ?? opened.content }
}

/** RFC 9110, section 14.2: Range means something to GET alone. */
function rangeOf(request: Call['request'], file: File, etag: string): RequestedRange {
  const { range, 'if-range': ifRange } = request.headers
  if (request.method !== 'GET' || !ifRangeHolds(ifRange?.toString(), etag)) return { kind: 'whole' }
  return requestedRange(range, file.size)
}

function unsatisfiable(file: File): ApiError {
  return new ApiError('range-invalid', `The file has ${file.size} bytes and none of the range that was asked for`, {
    detail: { field: 'Range', size: file.size },
    headers: { 'Content-Range': contentRangeOf(file.size) },
  })
}

/** The bytes are a stranger's: a browser must not run them in this origin, nor guess that they are a page. */
function downloadHeaders(file: File, etag: string): Record<string, string> {
  return {
    ETag: etag,
    'Accept-Ranges': 'bytes',
    'Content-Type': isMediaType(file.mediaType) ? file.mediaType : MEDIA_TYPES.bytes,
    'Content-Disposition': attachment(file.path.slice(file.path.lastIndexOf('/') + 1)),
    'Cache-Control': IMMUTABLE,
    Vary: 'Authorization',
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': 'sandbox',
  }
}

/** RFC 6266: an ASCII name for all, and the true one (RFC 8187) for those that read it. */
function attachment(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, '_')
  const encoded = encodeURIComponent(name).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`
}
