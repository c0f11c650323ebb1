/** Uploads: bytes that arrive in pieces, across connections and restarts, and become a file at the end. */
import { parseContentRange, type UploadSpan } from '../http/index.ts'
import { type File, parseRelativePath, printable, requireDigest } from '../registry/index.ts'
import { algorithmOf } from '../storage/index.ts'
import { FILE_ANSWER } from './files.ts'
import { refuseContentEncoding } from './json-body.ts'
import { newFileOf } from './new-file.ts'
import { type Call, type JsonBody, jsonReply, operation } from './operation.ts'
import { ApiError, fieldInvalid, receivedRange } from './problem.ts'
import { fileJson, uploadJson } from './representations.ts'
import { requireOnPackage } from './route-access.ts'
import { type CompleteUploadJson, MEDIA_TYPES, type NewUploadJson, paths } from './wire.ts'

const NEW_UPLOAD: JsonBody<NewUploadJson> = { schema: 'NewUpload' }
const COMPLETE_UPLOAD: JsonBody<CompleteUploadJson> = { schema: 'CompleteUpload' }
const RECEIVED = { Range: 'The bytes that are here, 0-<last>; absent while there are none' }

export const beginUpload = operation({
  id: 'beginUpload',
  summary: 'Begin an upload, or skip it where the bytes are here already',
  description:
    'With digest, size, package_id and relative_path: where the repository of the package holds these bytes, they ' +
    'become a file at once (201). Else, and always without these fields, an upload begins (202).',
  json: NEW_UPLOAD,
  answers: {
    201: FILE_ANSWER,
    202: {
      description: 'Send the bytes to the upload',
      content: { [MEDIA_TYPES.json]: 'Upload' },
      headers: { Location: "The upload's path" },
    },
  },
  errors: ['digest-invalid', 'path-invalid', 'path-taken', 'package-unknown', 'package-finalized', 'package-full'],
  async handle(call) {
    const { context, body, actor } = call
    const known = await addKnownFile(call)
    if (known !== undefined) return jsonReply(201, fileJson(known), { Location: paths.file(known.id) })
    const algorithm = body.digest === undefined ? undefined : algorithmOf(requireDigest(body.digest))
    const upload = await context.registry.uploads.begin({
      actor,
      ...(algorithm === undefined ? {} : { algorithm }),
    })
    return jsonReply(202, uploadJson(upload), { Location: paths.upload(upload.id) })
  },
})

async function addKnownFile({
  context,
  request,
  body,
  actor,
}: Call<Record<never, never>, NewUploadJson>): Promise<File | undefined> {
  const { digest, size, package_id, relative_path, media_type, mode } = body
  if (relative_path !== undefined) parseRelativePath(relative_path)
  const named = digest === undefined ? undefined : requireDigest(digest)
  if (named === undefined || size === undefined || package_id === undefined || relative_path === undefined) return
  const repository = await requireOnPackage(request, context.registry, { id: package_id, anyOf: ['push'] })
  // Whoever may not read there is not told what is there (core-rules 15).
  if (repository === undefined || !request.may('pull', repository)) return undefined
  const file = newFileOf({ relative_path, media_type, mode }, actor)
  return context.registry.packages.addKnownFile(package_id, file, named, size)
}

const UPLOAD_ANSWER = {
  description: 'Where the upload stands',
  content: { [MEDIA_TYPES.json]: 'Upload' },
  headers: RECEIVED,
} as const

export const getUpload = operation({
  id: 'getUpload',
  summary: 'How much of an upload is here',
  answers: { 200: UPLOAD_ANSWER },
  errors: ['upload-unknown'],
  async handle({ context, params, actor }) {
    const upload = await context.registry.uploads.status({ id: params.upload_id!, actor })
    return jsonReply(200, uploadJson(upload), receivedRange(upload.size))
  },
})

export const appendToUpload = operation({
  id: 'appendToUpload',
  summary: 'Send the next bytes of an upload',
  description:
    'Content-Range names where the bytes belong, and may be left out for the first ones. Bytes that came before a ' +
    'connection broke stay: ask for the size and go on from there.',
  headers: { 'Content-Range': 'bytes <first>-<last>/* or <first>-<last>; <first> is the size of the upload' },
  stream: { mediaType: MEDIA_TYPES.bytes, schema: 'bytes' },
  answers: { 200: UPLOAD_ANSWER },
  errors: [
    'upload-unknown',
    'upload-offset-mismatch',
    'upload-busy',
    'size-mismatch',
    'content-incomplete',
    'field-invalid',
    'media-type-unsupported',
    'storage-full',
  ],
  async handle({ context, request, params, actor }) {
    refuseForm(request)
    const span = spanOf(request.headers['content-range'], request.headers['content-length'])
    const key = { id: params.upload_id!, actor }
    const upload = await context.registry.uploads.append(key, request.content, span)
    return jsonReply(200, uploadJson(upload), receivedRange(upload.size))
  },
})

/** A form's boundaries and headers would become part of the stored bytes. */
function refuseForm(request: Call['request']): void {
  refuseContentEncoding(request)
  const given = request.headers['content-type']?.toLowerCase()
  if (given === undefined || !/^(multipart\/|application\/x-www-form-urlencoded)/.test(given)) return
  throw new ApiError('media-type-unsupported', `The body is a form: send the bytes alone, as ${MEDIA_TYPES.bytes}`, {
    detail: { field: 'Content-Type', expected: MEDIA_TYPES.bytes },
    headers: { Accept: MEDIA_TYPES.bytes },
  })
}

function spanOf(contentRange: string | undefined, contentLength: string | undefined): { at: number; length?: number } {
  const length = contentLength === undefined ? undefined : Number(contentLength)
  // Without a place the bytes are the first: a client that repeats itself is told where the upload stands.
  if (contentRange === undefined) return { at: 0, ...(length === undefined ? {} : { length }) }
  const span: UploadSpan | undefined = parseContentRange(contentRange)
  if (span === undefined) {
    throw fieldInvalid('Content-Range', `'${printable(contentRange)}' is no Content-Range: use bytes <first>-<last>/*`)
  }
  const announced = span.last - span.first + 1
  if (length !== undefined && length !== announced) {
    throw new ApiError('size-mismatch', `Content-Range names ${announced} bytes and Content-Length ${length}`, {
      detail: { field: 'Content-Range', announced, length },
    })
  }
  return { at: span.first, length: announced }
}

export const completeUpload = operation({
  id: 'completeUpload',
  summary: 'Make an upload a file of a package',
  json: COMPLETE_UPLOAD,
  answers: { 201: FILE_ANSWER },
  errors: [
    'upload-unknown',
    'upload-busy',
    'digest-invalid',
    'digest-mismatch',
    'size-mismatch',
    'path-invalid',
    'path-taken',
    'package-unknown',
    'package-finalized',
    'package-full',
    'storage-full',
  ],
  async handle({ context, request, params, body, actor }) {
    const { digest, size } = body
    await requireOnPackage(request, context.registry, { id: body.package_id, anyOf: ['push'] })
    const key = { id: params.upload_id!, actor }
    const file = await context.registry.uploads.completeAsFile(key, body.package_id, newFileOf(body, actor), {
      ...(digest === undefined ? {} : { digest: requireDigest(digest) }),
      ...(size === undefined ? {} : { size }),
    })
    return jsonReply(201, fileJson(file), { Location: paths.file(file.id) })
  },
})

export const cancelUpload = operation({
  id: 'cancelUpload',
  summary: 'Give up an upload and discard its bytes',
  answers: { 204: { description: 'It is gone' } },
  errors: ['upload-unknown', 'upload-busy'],
  async handle({ context, params, actor }) {
    await context.registry.uploads.cancel({ id: params.upload_id!, actor })
    return { status: 204 }
  },
})
