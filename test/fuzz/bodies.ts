/** Bodies as they should be, and bent: cut, bloated, deep, of the wrong type, or not text at all. */
import type { Choices } from '../support/choices.ts'
import type { Who } from './world.ts'

/** A request of the API before anything is bent. */
export interface Draft {
  readonly kind: 'blob' | 'begin' | 'upload' | 'manifest' | 'read' | 'token'
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: readonly (readonly [string, string])[]
  /** Whose request it is, where only one would succeed. */
  readonly owner: Who | undefined
  readonly content?: Buffer
  readonly manifest?: Record<string, unknown>
  readonly type?: string
}

/** `type` is undefined where no Content-Type is sent. */
export function bodyFor(choose: Choices, draft: Draft, isBent: boolean): { body: Buffer; type: string | undefined } {
  const type = draft.type === '' ? undefined : draft.type
  if (draft.manifest) return { body: manifestBody(choose, draft.manifest, isBent), type }
  const body = draft.content ?? Buffer.alloc(0)
  if (!isBent) return { body, type: type ?? (body.length > 0 ? 'application/octet-stream' : undefined) }
  return {
    body: bentBytes(choose, body),
    type: choose.of([type, undefined, 'multipart/form-data', 'application/json']),
  }
}

function bentBytes(choose: Choices, body: Buffer): Buffer {
  switch (choose.below(5)) {
    case 0:
      return body.subarray(0, Math.floor(body.length / 2))
    case 1:
      return Buffer.concat([body, Buffer.from('more')])
    case 2:
      return Buffer.alloc(0)
    case 3:
      return Buffer.from([0xff, 0xfe, 0x00, 0xc3, 0x28])
    default:
      return Buffer.alloc(70_000, '%00&')
  }
}

const ODD: readonly unknown[] = [
  null,
  true,
  -1,
  1e308,
  2 ** 53,
  '',
  'x',
  '\u0000',
  '\ud800',
  '💥'.repeat(50),
  [],
  {},
  [null],
  'sha256:',
  `sha256:${'0'.repeat(64)}`,
  `sha999:${'0'.repeat(64)}`,
  '../../etc/passwd',
]

function manifestBody(choose: Choices, manifest: Record<string, unknown>, isBent: boolean): Buffer {
  const text = JSON.stringify(manifest)
  if (!isBent) return Buffer.from(text)
  switch (choose.below(9)) {
    case 0:
      return Buffer.from(text.slice(0, choose.below(text.length)))
    case 1:
      return bentBytes(choose, Buffer.from(text))
    case 2:
      return Buffer.from(`${'['.repeat(20_000)}${']'.repeat(20_000)}`)
    case 3:
      return Buffer.from(`{"schemaVersion":2,"schemaVersion":1,${text.slice(1)}`)
    case 4:
      return Buffer.from(`\ufeff${text}`)
    case 5:
      return Buffer.from(text.replace('{', `{"__proto__":{"layers":1},"constructor":{"prototype":{}},`))
    default:
      return Buffer.from(JSON.stringify(bentValue(choose, manifest)))
  }
}

/** One member somewhere inside becomes something else, goes, or comes twice. */
function bentValue(choose: Choices, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || choose.chance(15)) return choose.of(ODD)
  if (Array.isArray(value)) {
    if (value.length === 0) return [choose.of(ODD)]
    const at = choose.below(value.length)
    return choose.chance(20)
      ? [...value, ...value]
      : value.map((each, i) => (i === at ? bentValue(choose, each) : each))
  }
  const keys = Object.keys(value)
  const key =
    keys.length > 0 && choose.chance(85) ? choose.of(keys) : choose.of(['subject', 'annotations', 'manifests', 'x'])
  const { [key]: old, ...rest } = value as Record<string, unknown>
  return choose.chance(20) ? rest : { ...rest, [key]: bentValue(choose, old) }
}
