/**
 * Puts a surface's route table on an Express router. Unknown paths are 404 and known paths with another method are 405,
 * both in the surface's own error body.
 */
import { type IRouter, type NextFunction, type Request, type RequestHandler, type Response, Router } from 'express'
import type { Endpoint } from './endpoint.ts'
import { answer } from './error-boundary.ts'
import { RequestError } from './request-error.ts'
import type { Surface } from './surface.ts'

/**
 * Rows are matched in their order, except that a surface's HEAD rows come before the GET rows, which answer HEAD too.
 * Paths are case-sensitive; a trailing slash is accepted.
 */
export function mount(router: IRouter, endpoints: readonly Endpoint[], surface: Surface): void {
  const own = Router({ caseSensitive: true })
  const heads = endpoints.filter((endpoint) => endpoint.method === 'head')
  for (const endpoint of [...heads, ...endpoints.filter((endpoint) => endpoint.method !== 'head')]) {
    own[endpoint.method](endpoint.path, handlerOf(surface, endpoint))
  }
  for (const [path, allow] of methodsByPath(endpoints)) {
    own.all(path, handlerOf(surface, refusal(path, methodNotAllowed(allow))))
  }
  const prefix = surface.prefix ?? '/'
  own.use(prefix, handlerOf(surface, refusal('unknown', routeUnknown)))
  router.use(own)
  router.use(prefix, (error: unknown, request: Request, response: Response, next: NextFunction) =>
    handlerOf(
      surface,
      refusal('unknown', () => expressError(error)),
    )(request, response, next),
  )
}

function handlerOf(surface: Surface, endpoint: Endpoint): RequestHandler {
  return (request, response) =>
    answer(surface, endpoint, { request, response, route: endpoint.path, params: () => decoded(request.params) })
}

/** Express decodes each segment once. A '/' inside one came as %2F and must not pass for a separator. */
function decoded(params: Readonly<Record<string, string | string[]>>): Readonly<Record<string, string>> {
  const values: Record<string, string> = {}
  for (const name in params) {
    const value = params[name] ?? ''
    if (typeof value !== 'string' && value.some((segment) => segment.includes('/'))) {
      throw new RequestError('path-malformed', `an encoded '/' cannot stand in '${name}'`)
    }
    values[name] = typeof value === 'string' ? value : value.join('/')
  }
  return values
}

/** A row that only refuses: open to everybody, since the route table is no secret. */
function refusal(path: string, error: () => unknown): Endpoint {
  return { method: 'get', path, access: 'open', handle: async () => Promise.reject(error()) }
}

function routeUnknown(): RequestError {
  return new RequestError('route-unknown', 'there is nothing at this path')
}

function methodNotAllowed(allow: readonly string[]): () => RequestError {
  const list = allow.join(', ')
  return () => new RequestError('method-not-allowed', `this path answers ${list} only`, { allow: list })
}

/** What Express itself throws: a path that does not decode. Anything else is a fault of ours. */
function expressError(error: unknown): unknown {
  if ((error as { status?: unknown } | null)?.status !== 400) return error
  return new RequestError('path-malformed', 'the path is not validly percent-encoded', {}, { cause: error })
}

function methodsByPath(endpoints: readonly Endpoint[]): Map<string, readonly string[]> {
  const byPath = new Map<string, string[]>()
  for (const { path, method } of endpoints) {
    const methods = byPath.get(path) ?? []
    for (const name of method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]) {
      if (!methods.includes(name)) methods.push(name)
    }
    byPath.set(path, methods)
  }
  return byPath
}
