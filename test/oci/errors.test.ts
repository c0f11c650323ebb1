import { describe, expect, test } from 'vitest'
import { REQUEST_ERROR_CODES, RequestError } from '../../src/http/index.ts'
import { OCI_ERRORS, OCI_REQUEST_ERRORS, type OciErrorRow, ociErrorReply } from '../../src/oci/index.ts'
import { REGISTRY_ERROR_CODES, RegistryError } from '../../src/registry/index.ts'

const context = { requestId: 'r-1', path: '/v2/a/blobs/uploads/u-1', origin: 'http://localhost:8000' }
const rows: readonly (readonly [string, OciErrorRow])[] = [
  ...Object.entries(OCI_ERRORS),
  ...Object.entries(OCI_REQUEST_ERRORS),
]

function bodyOf(error: unknown): { code: string; message: string; detail?: Record<string, unknown> } {
  const reply = ociErrorReply(error, context)
  return JSON.parse(String(reply?.body)).errors[0]
}

describe('the error table of /v2/', () => {
  test('knows exactly the codes there are', () => {
    expect(Object.keys(OCI_ERRORS).toSorted()).toEqual(REGISTRY_ERROR_CODES.toSorted())
    expect(Object.keys(OCI_REQUEST_ERRORS).toSorted()).toEqual(REQUEST_ERROR_CODES.toSorted())
  })

  test('does not invite clients to repeat what will fail again', () => {
    const transient = new Set(['upload-busy', 'unavailable', 'attempts-exceeded'])
    const repeatedCodes = ['BLOB_UPLOAD_INVALID', 'TOOMANYREQUESTS', 'UNKNOWN', 'UNAVAILABLE']
    const repeatedStatuses = [408, 429, 500, 502, 503, 504]
    for (const [code, row] of rows) {
      if (transient.has(code) || row.status === 500) continue
      expect([code, repeatedCodes.includes(row.code)]).toEqual([code, false])
      expect([code, repeatedStatuses.includes(row.status)]).toEqual([code, false])
    }
  })

  test('leaves what it does not know to the boundary', () => {
    expect(ociErrorReply(new Error('x'), context)).toBeUndefined()
    expect(ociErrorReply('x', context)).toBeUndefined()
  })

  test('hides the message and the detail of a fault of ours, and names the request', () => {
    const error = new RegistryError('content-missing', 'blob at /srv/x is gone', { path: '/srv/x' })
    expect(bodyOf(error)).toEqual({
      code: 'UNKNOWN',
      message: 'the stored bytes are gone; the same content pushed again heals it',
      detail: { requestId: 'r-1' },
    })
  })

  test('shows the message and the detail of a refusal', () => {
    expect(bodyOf(new RegistryError('retained', 'held by audit-7', { package: 'p' }))).toEqual({
      code: 'DENIED',
      message: 'held by audit-7',
      detail: { package: 'p' },
    })
    expect(bodyOf(new RegistryError('blob-unknown', 'no such blob'))).toEqual({
      code: 'BLOB_UNKNOWN',
      message: 'no such blob',
    })
  })

  test('tells where an upload goes on, how large a blob is, and how to authenticate', () => {
    const headers = (error: unknown) => ociErrorReply(error, context)?.headers
    expect(headers(new RegistryError('upload-offset-mismatch', 'no', { size: 100 }))).toMatchObject({
      Location: '/v2/a/blobs/uploads/u-1',
      Range: '0-99',
      'Docker-Upload-UUID': 'u-1',
    })
    expect(headers(new RegistryError('upload-offset-mismatch', 'no', { size: 0 }))).toMatchObject({ Range: '0-0' })
    expect(headers(new RegistryError('range-invalid', 'no', { size: 7 }))).toMatchObject({
      'Content-Range': 'bytes */7',
    })
    expect(headers(new RegistryError('upload-busy', 'no', { seconds: 7 }))).toMatchObject({ 'Retry-After': 7 })
    expect(headers(new RegistryError('unavailable', 'no'))).toMatchObject({ 'Retry-After': 1 })
    expect(headers(new RequestError('credentials-missing', 'no'))).toMatchObject({
      'WWW-Authenticate': 'Bearer realm="http://localhost:8000/token",service="artifact-store"',
    })
    expect(headers(new RequestError('method-not-allowed', 'no', { allow: 'GET' }))).toMatchObject({ Allow: 'GET' })
  })
})
