/** The OpenAPI 3.1 document, made from the route table: what is not declared there does not exist. */
import type { JsonSchema } from './json-schema.ts'
import type { Answer, Operation, Route } from './operation.ts'
import { PROBLEMS, type ProblemCode } from './problem.ts'
import { schemaOf } from './query.ts'
import { SCHEMAS } from './schemas.ts'
import { HEADERS, MEDIA_TYPES } from './wire.ts'

export interface OpenApiDocument {
  readonly openapi: '3.1.1'
  readonly info: JsonSchema
  readonly servers: readonly JsonSchema[]
  readonly tags: readonly JsonSchema[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>
  readonly components: JsonSchema
}

export interface OpenApiOperation {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly summary: string
  readonly description?: string
  readonly security: readonly JsonSchema[]
  readonly parameters: readonly JsonSchema[]
  readonly requestBody?: JsonSchema
  readonly responses: Readonly<Record<string, JsonSchema>>
}

const PATH_PARAMETERS: Readonly<Record<string, string>> = {
  package_id: 'The id of the package',
  file_id: 'The id of the file',
  upload_id: 'The id of the upload',
  token_id: 'The id of the token',
  tag: "The tag: 1 to 128 letters, digits, '_', '.' and '-', not starting with '.' or '-'",
}

const GROUPS = {
  service: 'The service about itself; no credential needed',
  packages: 'Sets of files: opened, filled, finalized, found',
  files: 'What a package holds, and the bytes',
  uploads: 'Bytes in pieces, resumable across connections and restarts',
  events: 'The log of every state change',
  tokens: 'Credentials that the server issues',
  'token-keys': 'The keys that sign access tokens of /v2/',
  access: 'Who may do what, and why',
} as const

/** `version` is the server's. The same routes and version always give the same document. */
export function openApiDocument(routes: readonly Route[], version: string): OpenApiDocument {
  const paths: Record<string, Record<string, OpenApiOperation>> = {}
  for (const route of routes) {
    const path = openApiPath(route.path)
    paths[path] = { ...paths[path], [route.method]: operationOf(route) }
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'artifact-store native API',
      version,
      summary: 'Packages of files with producer, subject, metadata and retention over one content-addressed store.',
      description:
        'JSON is snake_case, instants are RFC 3339 in UTC, sizes are bytes, digests are `algorithm:hex`. A GET ' +
        `answers HEAD too. Every answer carries ${HEADERS.requestId}. Refusals are problem documents (RFC 9457) ` +
        'with a stable type.',
    },
    servers: [{ url: '/' }],
    tags: Object.entries(GROUPS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'A token of this server' } },
      schemas: SCHEMAS,
    },
  }
}

export function openApiPath(expressPath: string): string {
  return expressPath.replace(/:(\w+)/g, '{$1}')
}

/** Every code that the route can refuse with: its own and those of its kind. */
export function errorsOf({ access, operation }: Route): readonly ProblemCode[] {
  const codes = new Set<ProblemCode>()
  const isOpen = access === 'open'
  if (!isOpen) {
    for (const code of ['field-invalid', 'path-malformed', 'unauthenticated', 'denied', 'attempts-exceeded'] as const) {
      codes.add(code)
    }
  }
  if (operation.json !== undefined) {
    for (const code of ['json-invalid', 'media-type-unsupported', 'body-too-large', 'content-incomplete'] as const) {
      codes.add(code)
    }
  }
  for (const code of operation.errors) codes.add(code)
  codes.add('internal')
  if (!isOpen) codes.add('unavailable')
  return [...codes]
}

function operationOf(route: Route): OpenApiOperation {
  const { operation, access } = route
  const requestBody = bodyOf(operation)
  return {
    operationId: operation.id,
    tags: [groupOf(route.path)],
    summary: operation.summary,
    ...(operation.description === undefined ? {} : { description: operation.description }),
    security: access === 'open' ? [] : [{ bearer: [] }],
    parameters: parametersOf(route),
    ...(requestBody === undefined ? {} : { requestBody }),
    responses: { ...answersOf(operation.answers), ...refusalsOf(route) },
  }
}

function groupOf(path: string): keyof typeof GROUPS {
  const first = path.split('/')[1] ?? ''
  return Object.hasOwn(GROUPS, first) ? (first as keyof typeof GROUPS) : 'service'
}

function parametersOf({ path, operation }: Route): JsonSchema[] {
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    description: PATH_PARAMETERS[name],
    schema: { type: 'string' },
  }))
  const inQuery = Object.entries(operation.query ?? {}).map(([name, parameter]) => ({
    name: parameter.kind === 'map' ? `${name}.<key>` : name,
    in: 'query',
    required: false,
    description: parameter.description,
    schema: schemaOf(parameter),
  }))
  // OpenAPI 3.1, "Parameter Object": a header parameter named Accept, Content-Type or Authorization is ignored, so
  // Accept is told in the description of the operation and by the answers' media types.
  const inHeader = Object.entries(operation.headers ?? {})
    .filter(([name]) => name !== 'Accept')
    .map(([name, description]) => ({ name, in: 'header', required: false, description, schema: { type: 'string' } }))
  return [...inPath, ...inQuery, ...inHeader]
}

function bodyOf({ json, stream }: Operation): JsonSchema | undefined {
  if (json !== undefined) return { required: true, content: { [MEDIA_TYPES.json]: mediaTypeObject(json.schema) } }
  if (stream === undefined) return undefined
  return { required: true, content: { [stream.mediaType]: mediaTypeObject(stream.schema) } }
}

function mediaTypeObject(schema: string): JsonSchema {
  if (schema === 'bytes') return {}
  return {
    schema: schema === 'html' ? { type: 'string' } : { $ref: `#/components/schemas/${schema}` },
  }
}

function answersOf(answers: Operation['answers']): Record<string, JsonSchema> {
  return Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, answerOf(answer)]))
}

function answerOf({ description, content, headers }: Answer): JsonSchema {
  const named = Object.entries(headers ?? {})
  return {
    description,
    ...(named.length === 0
      ? {}
      : {
          headers: Object.fromEntries(
            named.map(([name, meaning]) => [name, { description: meaning, schema: { type: 'string' } }]),
          ),
        }),
    ...(content === undefined
      ? {}
      : {
          content: Object.fromEntries(
            Object.entries(content).map(([mediaType, schema]) => [mediaType, mediaTypeObject(schema)]),
          ),
        }),
  }
}

function refusalsOf(route: Route): Record<string, JsonSchema> {
  const byStatus = new Map<number, ProblemCode[]>()
  for (const code of errorsOf(route)) {
    const { status } = PROBLEMS[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  const problem = { [MEDIA_TYPES.problem]: mediaTypeObject('Problem') }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join('; '),
        content: problem,
      },
    ]),
  )
}
