/**
 * Query parameters: each route declares the ones it takes, as data that the documentation shows and `parseQuery`
 * reads. An unknown parameter is refused, because a mistyped filter would otherwise list everything.
 */
import { printable } from '../registry/index.ts'
import type { JsonSchema } from './json-schema.ts'
import { fieldInvalid } from './problem.ts'

interface Described {
  readonly description: string
}
export type QueryParameter = Described &
  (
    | { readonly kind: 'text' }
    | { readonly kind: 'instant' }
    | { readonly kind: 'choice'; readonly values: readonly string[] }
    | { readonly kind: 'integer'; readonly minimum: number; readonly maximum: number; readonly default: number }
    /** May be given several times. */
    | { readonly kind: 'texts' }
    /** A family of parameters, `<name>.<key>=<value>`. */
    | { readonly kind: 'map' }
  )
export type QueryDeclaration = Readonly<Record<string, QueryParameter>>

type Value<P extends QueryParameter> = P extends { kind: 'integer' }
  ? number
  : P extends { kind: 'texts' }
    ? readonly string[]
    : P extends { kind: 'map' }
      ? Readonly<Record<string, string>>
      : P extends { kind: 'choice'; values: readonly (infer V)[] }
        ? V | undefined
        : string | undefined
export type QueryValues<D extends QueryDeclaration> = { readonly [Name in keyof D]: Value<D[Name]> }

const REPEAT_LIMIT = 32

/** RFC 3339; the offset is mandatory, because a local time means nothing to a server. */
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/

/** Throws `field-invalid`, naming the parameter, and for an unknown one those that are known. */
export function parseQuery<D extends QueryDeclaration>(declaration: D, query: URLSearchParams): QueryValues<D> {
  refuseUnknown(declaration, query)
  const values: Record<string, unknown> = {}
  for (const [name, parameter] of Object.entries(declaration)) values[name] = readValue(name, parameter, query)
  return values as QueryValues<D>
}

function refuseUnknown(declaration: QueryDeclaration, query: URLSearchParams): void {
  for (const given of query.keys()) {
    const dot = given.indexOf('.')
    const family = dot > 0 && dot < given.length - 1 ? declaration[given.slice(0, dot)] : undefined
    if (family?.kind === 'map') continue
    if (Object.hasOwn(declaration, given) && declaration[given]!.kind !== 'map') continue
    const known = Object.entries(declaration).map(([name, { kind }]) => (kind === 'map' ? `${name}.<key>` : name))
    const hint = known.length === 0 ? 'this route takes none' : `this route takes ${known.join(', ')}`
    throw fieldInvalid(given.slice(0, 120), `There is no query parameter '${printable(given)}': ${hint}`, { known })
  }
}

function readValue(name: string, parameter: QueryParameter, query: URLSearchParams): unknown {
  if (parameter.kind === 'map') return mapOf(name, query)
  const given = query.getAll(name)
  if (parameter.kind === 'texts') return atMostRepeated(name, given)
  if (given.length > 1)
    throw fieldInvalid(name, `The query parameter '${name}' was given ${given.length} times: once is right`)
  const value = given[0]
  if (parameter.kind === 'integer') return integerOf(name, value, parameter)
  if (value === undefined) return undefined
  if (value === '') throw fieldInvalid(name, `The query parameter '${name}' is empty: give a value or leave it out`)
  if (parameter.kind === 'choice' && !parameter.values.includes(value)) {
    const known = parameter.values
    throw fieldInvalid(name, `'${printable(value)}' is no ${name}: use one of ${known.join(', ')}`, { known })
  }
  return parameter.kind === 'instant' ? instantOf(name, value) : value
}

function integerOf(
  name: string,
  value: string | undefined,
  { minimum, maximum, default: absent }: { minimum: number; maximum: number; default: number },
): number {
  if (value === undefined) return absent
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN
  if (number >= minimum && number <= maximum) return number
  throw fieldInvalid(name, `'${printable(value)}' is no ${name}: use a whole number from ${minimum} to ${maximum}`)
}

/** The instant in the one form the views compare by. */
function instantOf(name: string, value: string): string {
  const milliseconds = INSTANT.test(value) ? Date.parse(value) : Number.NaN
  if (!Number.isNaN(milliseconds)) return new Date(milliseconds).toISOString()
  throw fieldInvalid(
    name,
    `'${printable(value)}' is no instant: use RFC 3339 with an offset, such as 2026-01-31T12:00:00Z`,
  )
}

function mapOf(name: string, query: URLSearchParams): Record<string, string> {
  const entries: [string, string][] = []
  for (const [given, value] of query) {
    if (!given.startsWith(`${name}.`)) continue
    const key = given.slice(name.length + 1)
    if (entries.some(([other]) => other === key)) {
      throw fieldInvalid(given, `The query parameter '${printable(given)}' was given twice: once is right`)
    }
    entries.push([key, value])
  }
  return Object.fromEntries(atMostRepeated(name, entries))
}

/** Each repetition becomes a condition of the search. */
function atMostRepeated<T>(name: string, given: readonly T[]): readonly T[] {
  if (given.length <= REPEAT_LIMIT) return given
  throw fieldInvalid(name, `'${name}' was given ${given.length} times: at most ${REPEAT_LIMIT} are taken`)
}

/** How OpenAPI and the documentation show a parameter's value. */
export function schemaOf(parameter: QueryParameter): JsonSchema {
  switch (parameter.kind) {
    case 'integer':
      return { type: 'integer', minimum: parameter.minimum, maximum: parameter.maximum, default: parameter.default }
    case 'choice':
      return { type: 'string', enum: parameter.values }
    case 'instant':
      return { type: 'string', format: 'date-time' }
    case 'texts':
      return { type: 'array', items: { type: 'string' } }
    case 'map':
      return { type: 'object', additionalProperties: { type: 'string' } }
    case 'text':
      return { type: 'string' }
  }
}
