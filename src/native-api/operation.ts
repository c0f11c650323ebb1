/**
 * An operation: what a route does, with everything its documentation says kept beside the code that does it. The query
 * and the JSON body that `handle` receives were parsed by what is declared here, so docs and behaviour cannot part.
 */
import type { ApiRequest, Endpoint, Reply } from '../http/index.ts'
import type { Registry } from '../registry/index.ts'
import { readJsonBody } from './json-body.ts'
import type { ProblemCode } from './problem.ts'
import { parseQuery, type QueryDeclaration, type QueryValues } from './query.ts'
import { boundaryAccess, type RouteAccess, requireAccess } from './route-access.ts'
import type { SchemaName } from './schemas.ts'

export interface NativeContext {
  readonly registry: Registry
  readonly version: string
  /** Aborts when the server begins to stop. */
  readonly draining?: AbortSignal
  /** The document of `GET /openapi.json`. */
  readonly openApi: () => object
}

/** Names the schema of a JSON body; `T` is the wire type that the schema describes. */
export interface JsonBody<T> {
  readonly schema: SchemaName
  /** Never set: it carries `T` to `handle`. */
  readonly type?: T
}

export interface Answer {
  readonly description: string
  /** By media type: the schema of its JSON, or `bytes`. Absent: no body. */
  readonly content?: Readonly<Record<string, SchemaName | 'bytes' | 'html'>>
  readonly headers?: Readonly<Record<string, string>>
}

export interface Call<Q extends QueryDeclaration = QueryDeclaration, B = unknown> {
  readonly request: ApiRequest
  readonly context: NativeContext
  readonly params: Readonly<Record<string, string>>
  readonly query: QueryValues<Q>
  readonly body: B
  /** The authenticated identity, for `actor`. */
  readonly actor: string
}

export interface Operation<Q extends QueryDeclaration = QueryDeclaration, B = unknown> {
  /** OpenAPI's operationId. */
  readonly id: string
  readonly summary: string
  readonly description?: string
  readonly query?: Q
  /** Request headers that mean something here beyond the usual ones. */
  readonly headers?: Readonly<Record<string, string>>
  readonly json?: JsonBody<B>
  /** A body that `handle` reads itself: media type and schema. */
  readonly stream?: {
    readonly mediaType: string
    readonly schema: SchemaName | 'bytes'
  }
  readonly answers: Readonly<Record<number, Answer>>
  /** Codes it can refuse with, beyond those that every route of its kind has (`openapi.ts` adds them). */
  readonly errors: readonly ProblemCode[]
  // A method, not a property: operations of different queries and bodies stand in one table.
  handle(call: Call<Q, B>): Promise<Reply>
}

/** Infers the types of `query` and `body` from what is declared. */
export function operation<const Q extends QueryDeclaration = Record<never, never>, B = undefined>(
  declared: Operation<Q, B>,
): Operation<Q, B> {
  return declared
}

export interface Route {
  readonly method: Endpoint['method']
  /** An Express 5 path. */
  readonly path: string
  readonly access: RouteAccess
  readonly operation: Operation
}

export function endpointOf(route: Route, context: NativeContext): Endpoint {
  const { operation: declared } = route
  return {
    method: route.method,
    path: route.path,
    access: boundaryAccess(route.access),
    async handle(request) {
      // Probes and browsers add parameters of their own (cache busters) to the open routes: they mean nothing there.
      await requireAccess(request, context.registry, route.access)
      const query = route.access === 'open' ? {} : parseQuery(declared.query ?? {}, request.query)
      const body = declared.json === undefined ? undefined : await readJsonBody(request, declared.json.schema)
      const actor = request.identity.name
      return declared.handle({ request, context, params: request.params, query, body, actor })
    },
  }
}

/** What changes with time is not kept by anybody. */
export function jsonReply(status: number, value: unknown, headers: Reply['headers'] = {}): Reply {
  return {
    status,
    headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...headers },
    body: JSON.stringify(value),
  }
}
