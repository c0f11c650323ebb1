/** What must hold of every answer, whatever was asked. Each function returns sentences; none is good news. */
import type { FuzzRequest } from './grammar.ts'
import type { WireAnswer } from './wire.ts'
import { sha256 } from './world.ts'

const CODES = new Set([
  'BLOB_UNKNOWN',
  'BLOB_UPLOAD_UNKNOWN',
  'DENIED',
  'DIGEST_INVALID',
  'MANIFEST_BLOB_UNKNOWN',
  'MANIFEST_INVALID',
  'MANIFEST_UNKNOWN',
  'NAME_INVALID',
  'NAME_UNKNOWN',
  'SIZE_INVALID',
  'TOOMANYREQUESTS',
  'UNAUTHORIZED',
  'UNAVAILABLE',
  'UNSUPPORTED',
])
/** Of Node itself, for what is no request: without a body, before any route. */
const BEFORE_ROUTES = new Set([400, 408, 413, 417, 431])

export function problemsOf(request: FuzzRequest, answer: WireAnswer): string[] {
  const isOurs = /^\/(?:v2(?:[/?]|$)|token(?:\?|$))/.test(request.target)
  return [
    ...statusProblems(answer),
    ...placeProblems(answer),
    ...(isOurs ? errorProblems(request, answer) : []),
    ...contentProblems(request, answer),
    ...rightsProblems(request, answer),
  ]
}

function statusProblems({ status, body }: WireAnswer): string[] {
  if (status >= 200 && status < 300) return []
  if (status === 304 || (status >= 400 && status < 500)) return []
  if (status === 503 || status === 507) return []
  return [`answered ${status}: ${body.toString('latin1', 0, 300)}`]
}

/** Path-absolute on this server, whatever the request called it. */
function placeProblems({ headers }: WireAnswer): string[] {
  const problems: string[] = []
  for (const location of headers.get('location') ?? [])
    if (!/^\/v2\/[^/\\]/.test(location)) problems.push(`Location is '${location}'`)
  for (const link of headers.get('link') ?? [])
    if (!/^<\/v2\/[^/\\>][^>]*>; rel="next"$/.test(link)) problems.push(`Link is '${link}'`)
  if (/evil|other\.example/.test((headers.get('location') ?? []).join())) problems.push('Location names another host')
  return problems
}

function errorProblems({ method }: FuzzRequest, { status, headers, body }: WireAnswer): string[] {
  if (status < 400) return []
  if (!headers.has('x-request-id')) {
    return BEFORE_ROUTES.has(status) && body.length === 0 ? [] : [`${status} that no route made, with a body`]
  }
  if (method === 'HEAD') return []
  if (headers.get('content-type')?.[0] !== 'application/json') return [`a ${status} that is not JSON`]
  try {
    const { errors } = JSON.parse(body.toString('utf8')) as { errors: { code: string; message: unknown }[] }
    const isGood =
      errors.length > 0 && errors.every(({ code, message }) => CODES.has(code) && typeof message === 'string')
    return isGood ? [] : [`an error body with an unknown code: ${body}`]
  } catch {
    return [`an error body in another form: ${body.toString('latin1', 0, 200)}`]
  }
}

/** The bytes are what the digest says: no stub, no empty body, no body of another request. */
function contentProblems({ method, target }: FuzzRequest, { status, headers, body }: WireAnswer): string[] {
  if (status !== 200 || method !== 'GET' || !/\/(?:blobs|manifests)\/[^/]+$/.test(target.split('?', 1)[0]!)) return []
  const digest = headers.get('docker-content-digest')?.[0]
  if (digest === undefined) return []
  return digest.startsWith('sha256:') && sha256(body) !== digest ? [`the body is not ${digest}`] : []
}

/** Nobody but the administrator may do anything in `secret/`, and strangers may only read in `open/`. */
function rightsProblems({ who, method, target }: FuzzRequest, { status }: WireAnswer): string[] {
  if (status >= 400 || who === 'admin') return []
  if (/^\/v2\/secret\//.test(target)) return [`${who} was answered ${status} in secret/`]
  if (who === 'nobody' && !/^(?:GET|HEAD)$/.test(method) && target.startsWith('/v2/')) return ['a stranger could write']
  if (who === 'reader' && !/^(?:GET|HEAD)$/.test(method) && target.startsWith('/v2/')) return ['a reader could write']
  return []
}
