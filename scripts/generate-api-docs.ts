/**
 * Writes docs/api.md and docs/openapi.json from the route table of the native API. With --check it writes nothing and
 * fails when one of them differs.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { errorsOf, openApiDocument, openApiPath, PROBLEMS, ROUTES, type Route } from '../src/native-api/index.ts'

const ROOT = new URL('../', import.meta.url)

/** Path below the project's folder to content. */
export function apiDocuments(): Readonly<Record<string, string>> {
  const { version } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as { version: string }
  return {
    'docs/api.md': apiPage(),
    'docs/openapi.json': `${JSON.stringify(openApiDocument(ROUTES, version), null, 2)}\n`,
  }
}

const INTRODUCTION = `# Native API

Generated from the route table (\`src/native-api/routes.ts\`) by \`scripts/generate-api-docs.ts\`: change it there.
A running server shows the same as a page to try at \`/docs\`, and as OpenAPI 3.1 at \`/openapi.json\`.

- JSON is snake_case; instants are RFC 3339 in UTC; sizes are bytes; digests are \`algorithm:hex\`.
- A credential is a bearer token, or the password of Basic authentication. \`open\` routes need none; \`read\` routes need
  none where \`ARTIFACTSTORE_ANON_READ\` is set.
- A \`GET\` answers \`HEAD\` too. Every answer carries \`X-Request-Id\`, which also stands in the log; a client may choose it.
- A refusal is a problem document (RFC 9457, \`application/problem+json\`) with a stable \`type\`, the \`field\` at fault and
  the \`request_id\`. Every code is explained in [errors.md](errors.md).
- An unknown query parameter or JSON field is refused, and the answer lists the known ones.
- Lists are paged: pass \`next_cursor\` as \`cursor\` until it is null.
`

function apiPage(): string {
  const rows = ROUTES.map(
    ({ method, path, access, operation }) =>
      `| [\`${method.toUpperCase()} ${openApiPath(path)}\`](#${operation.id.toLowerCase()}) | ${accessWord(access)} | ${operation.summary} |`,
  )
  const table = ['| Route | Access | What it does |', '|---|---|---|', ...rows].join('\n')
  return `${[INTRODUCTION, table, ...ROUTES.map(routeSection), '# Shapes', ...shapeSections()].join('\n\n').replace(/\n{3,}/g, '\n\n')}\n`
}

function accessWord(access: Route['access']): string {
  if (typeof access === 'string') return access === 'open' ? 'open' : 'a credential'
  return access.anyOf.map((action) => `\`${action}\``).join(' or ')
}

function routeSection(route: Route): string {
  const { operation, method, path } = route
  return [
    `## ${operation.id}`,
    `\`${method.toUpperCase()} ${openApiPath(path)}\`: ${operation.summary}.`,
    operation.description ?? '',
    parameterList(route),
    bodyLine(route),
    answerList(route),
    `Refuses with ${errorsOf(route)
      .map((code) => `\`${code}\` (${PROBLEMS[code].status})`)
      .join(', ')}.`,
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

function parameterList({ operation }: Route): string {
  const query = Object.entries(operation.query ?? {}).map(([name, parameter]) => {
    const shown = parameter.kind === 'map' ? `${name}.<key>` : name
    const range =
      parameter.kind === 'integer'
        ? ` (${parameter.minimum} to ${parameter.maximum}, default ${parameter.default})`
        : ''
    const choice = parameter.kind === 'choice' ? ` (${parameter.values.join(', ')})` : ''
    return `| \`${shown}\` | query | ${parameter.description}${range}${choice} |`
  })
  const headers = Object.entries(operation.headers ?? {}).map(
    ([name, meaning]) => `| \`${name}\` | header | ${escaped(meaning)} |`,
  )
  if (query.length + headers.length === 0) return ''
  return ['| Parameter | In | Meaning |', '|---|---|---|', ...query, ...headers].join('\n')
}

function bodyLine({ operation: { json, stream } }: Route): string {
  if (json !== undefined) return `Body: \`application/json\`, ${schemaLink(json.schema)}.`
  if (stream === undefined) return ''
  return `Body: \`${stream.mediaType}\`, ${stream.schema === 'bytes' ? 'the bytes' : schemaLink(stream.schema)}.`
}

function answerList({ operation }: Route): string {
  const rows = Object.entries(operation.answers).map(([status, { description, content, headers }]) => {
    const types = Object.entries(content ?? {}).map(([type, schema]) =>
      schema === 'bytes' || schema === 'html' ? `\`${type}\`` : `\`${type}\` ${schemaLink(schema)}`,
    )
    const names = Object.keys(headers ?? {}).map((name) => `\`${name}\``)
    return `| ${status} | ${escaped(description)} | ${types.join('<br>') || 'no body'} | ${names.join(', ')} |`
  })
  return ['| Status | When | Body | Headers |', '|---|---|---|---|', ...rows].join('\n')
}

interface Shape {
  readonly description?: string
  readonly properties?: Readonly<Record<string, Shape>>
  readonly required?: readonly string[]
  readonly type?: string
  readonly format?: string
  readonly enum?: readonly string[]
  readonly const?: string
  readonly items?: Shape
  readonly anyOf?: readonly Shape[]
  readonly $ref?: string
}

function shapeSections(): string[] {
  const { schemas } = openApiDocument(ROUTES, '').components as { schemas: Readonly<Record<string, Shape>> }
  return Object.entries(schemas).map(
    ([name, shape]) => `## ${name}\n\n${shape.description ?? ''}\n\n${fieldTable(shape)}`,
  )
}

function fieldTable({ properties, required = [] }: Shape): string {
  const rows = Object.entries(properties ?? {}).map(([name, field]) => {
    const presence = required.includes(name) ? 'always' : 'optional'
    return `| \`${name}\` | ${typeOf(field)} | ${presence} | ${escaped(field.description ?? meaningInside(field))} |`
  })
  return rows.length === 0 ? '' : ['| Field | Type | Present | Meaning |', '|---|---|---|---|', ...rows].join('\n')
}

function typeOf(field: Shape): string {
  if (field.$ref !== undefined) return schemaLink(field.$ref.split('/').at(-1)!)
  if (field.anyOf !== undefined) return field.anyOf.map(typeOf).join(' or ')
  if (field.const !== undefined) return `\`${field.const}\``
  if (field.enum !== undefined) return field.enum.map((value) => `\`${value}\``).join(', ')
  if (field.type === 'array') return `list of ${typeOf(field.items ?? {})}`
  if (field.type === 'object' && field.properties !== undefined) {
    const members = Object.entries(field.properties).map(([name, member]) => `\`${name}\` (${typeOf(member)})`)
    return members.join(', ')
  }
  return field.format === 'date-time' ? 'instant' : (field.type ?? 'any')
}

function meaningInside(field: Shape): string {
  return field.anyOf?.find(({ description }) => description !== undefined)?.description ?? ''
}

function schemaLink(name: string): string {
  return `[${name}](#${name.toLowerCase()})`
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
}

if (import.meta.main) {
  const isCheck = process.argv.includes('--check')
  for (const [path, text] of Object.entries(apiDocuments())) {
    const file = new URL(path, ROOT)
    if (!isCheck) writeFileSync(file, text)
    else if (readFileSync(file, 'utf8') !== text) {
      console.error(`${path} differs from the route table: run node scripts/generate-api-docs.ts`)
      process.exitCode = 1
    }
  }
}
