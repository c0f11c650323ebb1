import { describe, expect, it } from 'vitest'
import { RequestError } from '../../src/http/index.ts'
import { PROBLEM_CODES, PROBLEMS, problemReply } from '../../src/native-api/index.ts'
import { ApiError } from '../../src/native-api/problem.ts'
import { type ProblemJson, problemCode, problemType } from '../../src/native-api/wire.ts'
import { RegistryError } from '../../src/registry/index.ts'

const CONTEXT = { requestId: 'r-1', path: '/packages', origin: 'http://localhost:8000' }

function documentOf(error: unknown): ProblemJson {
  return JSON.parse(String(problemReply(error, CONTEXT)?.body))
}

describe('a problem document', () => {
  it('is not made of what is no coded refusal: that stays in the log', () => {
    expect(problemReply(new Error('secret'), CONTEXT)).toBeUndefined()
    expect(problemReply('thrown text', CONTEXT)).toBeUndefined()
  })

  it.each(PROBLEM_CODES.filter((code) => PROBLEMS[code].status >= 500))('of %s keeps the cause to the log', (code) => {
    const problem = documentOf(new ApiError(code, 'open /srv/secret', { detail: { path: '/srv/secret', field: 'x' } }))
    expect(JSON.stringify(problem)).not.toContain('secret')
    expect(problem.detail).toMatch(/request id/)
  })

  it.each(PROBLEM_CODES)('of %s has a stable type, a title and the status of its table row', (code) => {
    const problem = documentOf(new ApiError(code, 'Why.'))
    expect(problem).toMatchObject({
      type: `urn:artifactstore:problem:${code}`,
      request_id: 'r-1',
      instance: '/packages',
    })
    expect(problem.title).toBe(PROBLEMS[code].title)
    expect(problemReply(new ApiError(code, 'Why.'), CONTEXT)?.status).toBe(problem.status)
    expect(problemCode(problemType(code))).toBe(code)
  })

  it('carries the field and the facts of the refusal, in snake case and as plain data', () => {
    const detail = { field: 'tag', packageId: 'p', count: 12n, known: ['a'], nothing: undefined, call: () => 1 }
    const problem = documentOf(new RegistryError('tag-unknown', 'No tag.', detail))
    expect(problem).toMatchObject({ field: 'tag', context: { package_id: 'p', count: '12', known: ['a'] } })
    expect(Object.keys(problem.context ?? {})).toEqual(['package_id', 'count', 'known'])
  })

  it('tells a refused client what to do next by its headers', () => {
    const headers = (error: unknown) => problemReply(error, CONTEXT)?.headers
    expect(headers(new RequestError('credentials-missing', 'x'))).toMatchObject({
      'WWW-Authenticate': 'Bearer realm="artifact-store"',
    })
    expect(headers(new RequestError('method-not-allowed', 'x', { allow: 'GET' }))).toMatchObject({ Allow: 'GET' })
    expect(headers(new RegistryError('upload-offset-mismatch', 'x', { size: 5 }))).toMatchObject({ Range: '0-4' })
    expect(headers(new RegistryError('upload-offset-mismatch', 'x', { size: 0 }))).not.toHaveProperty('Range')
    expect(headers(new RegistryError('unavailable', 'x'))).toMatchObject({ 'Retry-After': '1' })
  })

  it('of a type that is not ours has no code', () => {
    expect(problemCode('about:blank')).toBeUndefined()
  })
})
