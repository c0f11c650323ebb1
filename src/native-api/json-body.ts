/**
 * JSON request bodies: bounded, strict, and validated with the schema that the documentation shows. What JSON.parse
 * lets pass and another reader would read otherwise (a name that stands twice) is refused here, where the text still is.
 */
import { createRequire } from 'node:module'
import type * as Validation from 'ajv/dist/2020.js'
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js'
import { type ApiRequest, readBody } from '../http/index.ts'
import { jsonTextProblem, printable } from '../registry/index.ts'
import { ApiError, fieldInvalid } from './problem.ts'
import { SCHEMAS, type SchemaName } from './schemas.ts'
import { LIMITS, MEDIA_TYPES } from './wire.ts'

// Loaded with the first JSON body: 45 ms and 6 MiB that neither a starting server nor one for OCI clients should pay.
const require = createRequire(import.meta.url)
let validator: Validator | undefined

type Validator = (name: SchemaName) => ValidateFunction

/** Compiles the schemas by name; the tests use it to validate answers. `$ref`s resolve as they do in the OpenAPI document. */
export function createValidator(): Validator {
  const { Ajv2020 } = require('ajv/dist/2020.js') as typeof Validation
  const ajv = new Ajv2020({
    allErrors: false,
    strict: true,
    keywords: ['components'],
    formats: { 'date-time': true },
    // That the schemas are valid ones is tested; here it would mean compiling the schema of schemas, for 100 ms.
    validateSchema: false,
  })
  ajv.addSchema({ $id: 'urn:artifactstore:native-api', components: { schemas: SCHEMAS } })
  return (name) => ajv.getSchema(`urn:artifactstore:native-api#/components/schemas/${name}`)!
}

/** Throws `media-type-unsupported`, `body-too-large`, `content-incomplete`, `json-invalid`, `field-invalid`. */
export async function readJsonBody(request: ApiRequest, schema: SchemaName): Promise<unknown> {
  requireMediaType(request, MEDIA_TYPES.json)
  const bytes = await readBody(request.content, LIMITS.jsonBody)
  const value = parseJson(bytes)
  validator ??= createValidator()
  const validate = validator(schema)
  if (!validate(value)) throw schemaProblem(validate.errors?.[0], schema)
  return value
}

/** Throws `media-type-unsupported` unless the body says it is `expected`, and is not compressed. */
export function requireMediaType(request: ApiRequest, expected: string): void {
  const given = request.headers['content-type']
  const essence = given?.split(';')[0]?.trim().toLowerCase()
  if (essence !== expected) {
    const found = given === undefined ? 'has no Content-Type' : `is ${printable(given)}`
    throw new ApiError('media-type-unsupported', `The body ${found}: send it as ${expected}`, {
      detail: { field: 'Content-Type', expected },
      headers: { Accept: expected },
    })
  }
  refuseContentEncoding(request)
}

/** A compressed body would be stored as it came, under the digest of the compressed bytes. */
export function refuseContentEncoding(request: ApiRequest): void {
  const encoding = request.headers['content-encoding']
  if (encoding === undefined || encoding === 'identity') return
  throw new ApiError('media-type-unsupported', `The body is encoded as ${printable(encoding)}: send it unencoded`, {
    detail: { field: 'Content-Encoding', expected: 'identity' },
    headers: { 'Accept-Encoding': 'identity' },
  })
}

function parseJson(bytes: Uint8Array): unknown {
  const text = decodeUtf8(bytes)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    const place = placeOf(cause, text)
    throw new ApiError(
      'json-invalid',
      `The body is not JSON: it goes wrong at line ${place.line}, column ${place.column}`,
      { detail: place, cause },
    )
  }
  const problem = jsonTextProblem(text)
  if (problem === undefined) return value
  throw new ApiError('json-invalid', `In the body, '${printable(problem.pointer)}' ${problem.reason}`, {
    detail: { field: problem.pointer },
  })
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new ApiError('json-invalid', 'The body is not JSON: it is not valid UTF-8', { cause })
  }
}

/** V8 names the position in its message, except at the end of the text and for very short texts. */
function placeOf(cause: unknown, text: string): { line: number; column: number } {
  const position = cause instanceof Error ? /at position (\d+)/.exec(cause.message)?.[1] : undefined
  const before = text.slice(0, position === undefined ? text.length : Number(position)).split('\n')
  return { line: before.length, column: before.at(-1)!.length + 1 }
}

function schemaProblem(error: ErrorObject | undefined, schema: SchemaName): ApiError {
  if (error === undefined) return fieldInvalid('', 'The body is not what this route takes')
  const at = error.instancePath.slice(1).replaceAll('/', '.')
  const inside = (name: unknown) => (at === '' ? String(name) : `${at}.${name}`)
  if (error.keyword === 'additionalProperties') {
    const known = Object.keys(error.parentSchema?.properties ?? knownFields(schema))
    const field = inside(error.params.additionalProperty).slice(0, 120)
    return fieldInvalid(field, `There is no field '${printable(field)}': known are ${known.join(', ')}`, { known })
  }
  if (error.keyword === 'required') {
    const field = inside(error.params.missingProperty)
    return fieldInvalid(field, `The field '${field}' is missing`)
  }
  if (at === '') return fieldInvalid('', `The body ${error.message}`)
  return fieldInvalid(at, `The field '${printable(at)}' ${error.message}`)
}

function knownFields(schema: SchemaName): object {
  return (SCHEMAS[schema] as { properties?: object }).properties ?? {}
}
