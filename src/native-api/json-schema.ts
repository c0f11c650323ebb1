/** Small builders for the JSON Schemas (2020-12) of this API: documentation and validation come from the same value. */

export interface JsonSchema {
  readonly [keyword: string]: unknown
}

/** An object that has the `required` members, may have the `optional` ones, and has no others. */
export function record(
  required: Readonly<Record<string, JsonSchema>>,
  optional: Readonly<Record<string, JsonSchema>> = {},
  description?: string,
): JsonSchema {
  return {
    type: 'object',
    ...(description === undefined ? {} : { description }),
    properties: { ...required, ...optional },
    required: Object.keys(required),
    additionalProperties: false,
  }
}

export function text(description?: string, limits: JsonSchema = {}): JsonSchema {
  return {
    type: 'string',
    ...(description === undefined ? {} : { description }),
    ...limits,
  }
}

export function oneOf(values: readonly string[], description?: string): JsonSchema {
  return {
    type: 'string',
    enum: values,
    ...(description === undefined ? {} : { description }),
  }
}

export function count(description?: string, limits: JsonSchema = {}): JsonSchema {
  return {
    type: 'integer',
    minimum: 0,
    ...(description === undefined ? {} : { description }),
    ...limits,
  }
}

export function list(of: JsonSchema, description?: string): JsonSchema {
  return {
    type: 'array',
    items: of,
    ...(description === undefined ? {} : { description }),
  }
}

export function nullable(schema: JsonSchema): JsonSchema {
  return { anyOf: [schema, { type: 'null' }] }
}

export const claim: JsonSchema = { type: 'boolean' }

/** RFC 3339 in UTC, as `Date.prototype.toISOString` writes it. */
export function instant(description?: string): JsonSchema {
  return text(description, { format: 'date-time' })
}

export function digest(description?: string): JsonSchema {
  return text(description, {
    pattern: '^(blake3:[0-9a-f]{64}|sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$',
  })
}
