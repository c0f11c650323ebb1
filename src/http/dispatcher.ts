/**
 * Answers the rows of a route table that name a repository without Express, which costs as much as a small answer itself. Rows
 * of the shape `/prefix/*name/literals/:last`, with one or two literals, and `/prefix/*name/literal/literal` are matched from the
 * right, exactly as Express matches them; every other request, and whatever is unusual about a path (escapes), goes to
 * the fallback.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Endpoint } from './endpoint.ts'
import { answer } from './error-boundary.ts'
import type { Surface } from './surface.ts'

interface HotRoute {
  readonly endpoint: Endpoint
  readonly prefix: string
  readonly name: string
  /** Absent where the path ends with literals. */
  readonly last?: string
}

const HOT_PATH = /^(\/(?:[\w-]+\/)*)\*(\w+)\/((?:[\w-]+\/)?[\w-]+)(?:\/:(\w+))?$/

/** `fallback` is the Express application on which the same rows are mounted. */
export function createDispatcher(
  endpoints: readonly Endpoint[],
  surface: Surface,
  fallback: RequestListener,
): RequestListener {
  const routes = compile(endpoints)
  return (request, response) => {
    if (!dispatch(request, response)) fallback(request, response)
  }

  function dispatch(request: IncomingMessage, response: ServerResponse): boolean {
    const path = pathOf(request.url ?? '')
    if (path.includes('%')) return false
    const { method = '' } = request
    const hot = find(method, path) ?? (method === 'HEAD' ? find('GET', path) : undefined)
    if (hot === undefined) return false
    const { route, end } = hot
    if (!path.startsWith(route.prefix) || end <= route.prefix.length) return false
    const params = () => {
      const name = { [route.name]: path.slice(route.prefix.length, end) }
      return route.last === undefined ? name : { ...name, [route.last]: path.slice(path.lastIndexOf('/') + 1) }
    }
    const { endpoint } = route
    void answer(surface, endpoint, { request, response, route: endpoint.path, params })
    return true
  }

  /** The row, and where in the path the name ends. */
  function find(method: string, path: string): { route: HotRoute; end: number } | undefined {
    const last = path.lastIndexOf('/')
    const first = path.lastIndexOf('/', last - 1)
    if (first <= 0) return undefined
    const second = path.lastIndexOf('/', first - 1)
    // Clients write `blobs/uploads/`: a slash at the end is no empty name.
    if (last === path.length - 1) {
      const literal = routes.get(`${method} ${path.slice(second + 1, last)}`)
      return literal && { route: literal, end: second }
    }
    const two = routes.get(`${method} ${path.slice(second + 1, last)}/:`)
    if (two) return { route: two, end: second }
    const one = routes.get(`${method} ${path.slice(first + 1, last)}/:`)
    if (one) return { route: one, end: first }
    const none = routes.get(`${method} ${path.slice(first + 1)}`)
    return none && { route: none, end: first }
  }
}

function pathOf(url: string): string {
  const mark = url.indexOf('?')
  return mark < 0 ? url : url.slice(0, mark)
}

/** By method and literals, `/:` after them where a parameter follows. */
function compile(endpoints: readonly Endpoint[]): ReadonlyMap<string, HotRoute> {
  const routes = new Map<string, HotRoute>()
  for (const endpoint of endpoints) {
    const [matched, prefix, name, literals, last] = HOT_PATH.exec(endpoint.path) ?? []
    if (matched === undefined || !prefix || !name || !literals) continue
    // A single literal at the end, without a parameter, would be any name's last segment.
    if (last === undefined && !literals.includes('/')) continue
    const key = `${endpoint.method.toUpperCase()} ${literals}${last === undefined ? '' : '/:'}`
    if (!routes.has(key)) routes.set(key, { endpoint, prefix, name, ...(last !== undefined && { last }) })
  }
  return routes
}
