/** Holds an answer against the OpenAPI document. */
import { openApiDocument, ROUTES } from '../../src/native-api/index.ts'
import { createValidator } from '../../src/native-api/json-body.ts'
import type { SchemaName } from '../../src/native-api/schemas.ts'

const document = openApiDocument(ROUTES, '1.2.3-test')
const validator = createValidator()

interface Described {
  readonly content?: Record<string, { schema?: { $ref?: string } }>
  readonly headers?: Record<string, unknown>
}

/** The path of the document that `path` is an instance of. */
export function pathTemplateOf(path: string): string | undefined {
  const wanted = path.replace(/\?.*$/, '')
  // Literal segments first: /packages/{id}/manifest.json before anything with a parameter in its place.
  return Object.keys(document.paths).find((template) => {
    const pattern = template.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+')
    return new RegExp(`^${pattern}$`).test(wanted)
  })
}

/** What is wrong with the answer; undefined when it is as described, or belongs to no route. */
export function describedAnswer(
  method: string,
  path: string,
  answer: { readonly status: number; readonly headers: Headers; readonly json: unknown },
): string | undefined {
  const template = pathTemplateOf(path)
  const verb = method === 'HEAD' ? 'get' : method.toLowerCase()
  const operation = template === undefined ? undefined : document.paths[template]?.[verb]
  if (operation === undefined) return answer.status === 404 || answer.status === 405 ? undefined : 'no such route'
  const described = operation.responses[answer.status] as Described | undefined
  if (described === undefined) return `status ${answer.status} is not in the document`
  for (const name of Object.keys(described.headers ?? {})) {
    if (name !== 'Range' && !answer.headers.has(name)) return `the header ${name} is missing`
  }
  if (described.content === undefined || method === 'HEAD') return undefined
  return contentProblem(described.content, answer)
}

function contentProblem(
  content: NonNullable<Described['content']>,
  answer: { readonly headers: Headers; readonly json: unknown },
): string | undefined {
  const type = answer.headers.get('content-type')?.split(';')[0] ?? ''
  const known = Object.keys(content).find((mediaType) => {
    const pattern = mediaType.replace(/[.+]/g, '\\$&').replaceAll('*', '.*')
    return new RegExp(`^${pattern}$`).test(type)
  })
  if (known === undefined) return `the media type ${type} is not in the document`
  const name = content[known]?.schema?.$ref?.split('/').at(-1)
  if (name === undefined || answer.json === undefined) return undefined
  const validate = validator(name as SchemaName)
  if (validate(answer.json)) return undefined
  const [error] = validate.errors ?? []
  return `the body is no ${name}: ${error?.instancePath} ${error?.message} ${JSON.stringify(error?.params)}`
}
