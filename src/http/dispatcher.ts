/**
 * Answers the hottest GET and HEAD rows of a route table without Express, which costs as much as the answer itself.
 * Rows of the shape `/prefix/*name/literal/:last` are matched from the right, exactly as Express matches them; every
 * other request, and whatever is unusual about a path (escapes, empty segments), goes to the fallback.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Endpoint } from './endpoint.ts'
import { answer } from './error-boundary.ts'
import type { Surface } from './surface.ts'

interface HotRoute {
  readonly prefix: string
  readonly name: string
  readonly last: string
  readonly get?: Endpoint
  readonly head?: Endpoint
}

const HOT_PATH = /^(\/(?:[\w-]+\/)*)\*(\w+)\/([\w-]+)\/:(\w+)$/

/** `fallback` is the Express application on which the same rows are mounted. */
export function createDispatcher(
  endpoints: readonly Endpoint[],
  surface: Surface,
  fallback: RequestListener,
): RequestListener {
  const routes = compile(endpoints)
  return (request, response) => {
    const { method } = request
    if ((method !== 'GET' && method !== 'HEAD') || !dispatch(request, response)) fallback(request, response)
  }

  function dispatch(request: IncomingMessage, response: ServerResponse): boolean {
    const path = pathOf(request.url ?? '')
    const beforeLast = path.lastIndexOf('/')
    const beforeLiteral = path.lastIndexOf('/', beforeLast - 1)
    if (beforeLiteral < 0 || beforeLast === path.length - 1 || path.includes('%')) return false
    const route = routes.get(path.slice(beforeLiteral + 1, beforeLast))
    if (route === undefined || !path.startsWith(route.prefix) || beforeLiteral <= route.prefix.length) return false
    const endpoint = request.method === 'HEAD' ? (route.head ?? route.get) : route.get
    if (endpoint === undefined) return false
    const params = () => ({
      [route.name]: path.slice(route.prefix.length, beforeLiteral),
      [route.last]: path.slice(beforeLast + 1),
    })
    void answer(surface, endpoint, { request, response, route: endpoint.path, params })
    return true
  }
}

function pathOf(url: string): string {
  const mark = url.indexOf('?')
  return mark < 0 ? url : url.slice(0, mark)
}

/** By the literal segment before the last. */
function compile(endpoints: readonly Endpoint[]): ReadonlyMap<string, HotRoute> {
  const routes = new Map<string, HotRoute>()
  for (const endpoint of endpoints) {
    const { method, path } = endpoint
    const [matched, prefix, name, literal, last] = HOT_PATH.exec(path) ?? []
    if (matched === undefined || !prefix || !name || !literal || !last) continue
    if (method !== 'get' && method !== 'head') continue
    routes.set(literal, { prefix, name, last, ...routes.get(literal), [method]: endpoint })
  }
  return routes
}
