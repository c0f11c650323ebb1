/** The public face of the HTTP mechanics: what every surface needs and no surface owns. Knows no domain. */
export {
  type AuthRefusal,
  type Credential,
  credentialOf,
  EVERYTHING,
  type Guard,
  missingCredential,
  refusedCredential,
  SOMEWHERE,
  type Standing,
} from './authenticate.ts'
export {
  contentRangeOf,
  ifMatchHolds,
  ifRangeHolds,
  isNotModified,
  parseContentRange,
  type RequestedRange,
  requestedRange,
  type Span,
  type UploadSpan,
} from './content-range.ts'
export { type Counted, createTally } from './counts.ts'
export { createDispatcher } from './dispatcher.ts'
export type { Access, ApiRequest, Endpoint, Identity, Need } from './endpoint.ts'
export type { FileHandover } from './file-handover.ts'
export { healthReply } from './health.ts'
export {
  createMetrics,
  type Metrics,
  type MetricsPart,
  type MetricsSource,
  metricsEndpoint,
  sumOfMetrics,
} from './metrics.ts'
export { mount } from './mount.ts'
export { createOrigins, type OriginOptions, type Origins } from './origins.ts'
export { nextLink, type PageQuery, parseCount } from './pagination.ts'
export type { Reply } from './reply.ts'
export { expectsBody, readBody } from './request-body.ts'
export { REQUEST_ERROR_CODES, RequestError, type RequestErrorCode } from './request-error.ts'
export { requestLog } from './request-log.ts'
export { createHttpServer, type HttpServer, type HttpServerOptions } from './server.ts'
export type { ErrorContext, ErrorReply, RequestFacts, RequestObserver, Surface } from './surface.ts'
export { readTlsFiles, type TlsFiles } from './tls-files.ts'
