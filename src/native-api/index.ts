/** The public face of the native API: its endpoints and its error table. `cli/` and `web/` use `wire.ts` instead. */
import type { Endpoint } from '../http/index.ts'
import { type OpenApiDocument, openApiDocument } from './openapi.ts'
import { endpointOf, type NativeContext } from './operation.ts'
import { ROUTES } from './routes.ts'

export { errorsOf, type OpenApiDocument, type OpenApiOperation, openApiDocument, openApiPath } from './openapi.ts'
export type { Operation, Route } from './operation.ts'
export {
  NATIVE_PROBLEM_CODES,
  type NativeProblemCode,
  PROBLEM_CODES,
  PROBLEMS,
  type ProblemCode,
  type ProblemKind,
  problemReply,
} from './problem.ts'
export { ROUTES } from './routes.ts'

export type NativeApiOptions = Omit<NativeContext, 'openApi'>

/** The rows to mount; `problemReply` is their surface's error table. */
export function nativeEndpoints(options: NativeApiOptions): readonly Endpoint[] {
  let document: OpenApiDocument | undefined
  const openApi = (): OpenApiDocument => {
    document ??= openApiDocument(ROUTES, options.version)
    return document
  }
  const context: NativeContext = { ...options, openApi }
  return ROUTES.map((route) => endpointOf(route, context))
}
