/**
 * What a value must look like to be a native manifest: exactly the fields of `schemas/manifest.cddl`, no others, in
 * canonical order. Hand-written, so that a manifest of 100,000 files is checked in milliseconds and a refusal names the
 * field by its JSON pointer.
 */
import { parseDigest } from '../../storage/index.ts'
import { RegistryError } from '../errors.ts'
import { metadataProblem } from '../metadata/metadata.ts'
import { parseRepositoryName, pathKey, pathProblem, type RelativePath } from '../names.ts'
import { compareUtf8 } from './canonical-cbor.ts'
import type { NativeManifest } from './native-manifest.ts'

type Check = (value: unknown, pointer: string) => void
type Fields = Readonly<Record<string, unknown>>

const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/
/** RFC 6838 4.2, with parameters as a producer may have declared them, in characters that a header can carry. */
const MEDIA_TYPE =
  /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}(?:[ \t]*;[\t\x20-\x7e]*)?$/
const BACKEND_ID = /^[A-Za-z0-9._-]{1,64}$/
const MODE_MAXIMUM = 0o7777

const manifestShape = shape({
  manifest_version: (value, pointer) => {
    if (value !== 1) refuse(pointer, 'is not 1, the only version there is')
  },
  package: shape({
    id: text,
    name: text,
    producer: text,
    subject: text,
    repository,
    retention_class: text,
    metadata,
    created_at: timestamp,
  }),
  files,
  storage_receipts: receipts,
  retention_summary: shape({
    retention_class: text,
    expires_at: orNull(timestamp),
    default_duration_seconds: orNull(count),
  }),
  provenance: shape({ created_by: text, finalized_by: text, finalized_at: timestamp, generator: text }),
})

const fileShape = shape(
  {
    relative_path: path,
    media_type: mediaType,
    size: count,
    blake3: digest('blake3:'),
    sha256: digest('sha256:'),
  },
  { mode },
)

const receiptShape = shape({ blake3: digest('blake3:'), backend_id: backendId })

/** Returns `value` itself. Throws `manifest-invalid`; `detail.field` is the JSON pointer. */
export function requireManifest(value: unknown): NativeManifest {
  manifestShape(value, '')
  return value as NativeManifest
}

function files(value: unknown, pointer: string): void {
  const list = array(value, pointer)
  if (list.length === 0) refuse(pointer, 'is empty; a package has at least one file')
  const keys = new Set<string>()
  let previous: string | undefined
  for (let i = 0; i < list.length; i++) {
    const at = `${pointer}/${i}`
    fileShape(list[i], at)
    const { relative_path: name } = list[i] as { relative_path: RelativePath }
    const key = pathKey(name)
    if (keys.has(key)) refuse(`${at}/relative_path`, 'names the same file as an earlier path')
    if (previous !== undefined && compareUtf8(previous, name) >= 0) {
      refuse(`${at}/relative_path`, 'is not in the byte order of the paths')
    }
    keys.add(key)
    previous = name
  }
}

function receipts(value: unknown, pointer: string): void {
  const list = array(value, pointer)
  let previous: { blake3: string; backend_id: string } | undefined
  for (let i = 0; i < list.length; i++) {
    receiptShape(list[i], `${pointer}/${i}`)
    const receipt = list[i] as { blake3: string; backend_id: string }
    if (
      previous !== undefined &&
      (compareUtf8(previous.blake3, receipt.blake3) || compareUtf8(previous.backend_id, receipt.backend_id)) >= 0
    ) {
      refuse(`${pointer}/${i}`, 'is a repetition or not in the order of blake3, then backend_id')
    }
    previous = receipt
  }
}

/** A map with all of `required`, any of `optional`, and nothing else. */
function shape(required: Readonly<Record<string, Check>>, optional: Readonly<Record<string, Check>> = {}): Check {
  const requiredChecks = Object.entries(required)
  const optionalChecks = Object.entries(optional)
  return (value, pointer) => {
    const fields = plainObject(value, pointer)
    let known = requiredChecks.length
    for (const [name, check] of requiredChecks) {
      if (!Object.hasOwn(fields, name)) refuse(`${pointer}/${name}`, 'is missing')
      check(fields[name], `${pointer}/${name}`)
    }
    for (const [name, check] of optionalChecks) {
      if (!Object.hasOwn(fields, name)) continue
      known++
      check(fields[name], `${pointer}/${name}`)
    }
    const names = Object.keys(fields)
    if (names.length === known) return
    const unknown = names.find((name) => !Object.hasOwn(required, name) && !Object.hasOwn(optional, name))
    refuse(`${pointer}/${unknown}`, 'is no field of manifest version 1')
  }
}

function plainObject(value: unknown, pointer: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array) {
    refuse(pointer, 'is not a map')
  }
  return value as Fields
}

function array(value: unknown, pointer: string): readonly unknown[] {
  if (!Array.isArray(value)) refuse(pointer, 'is not a list')
  return value as readonly unknown[]
}

function text(value: unknown, pointer: string): void {
  if (typeof value !== 'string' || value === '') refuse(pointer, 'is not text of at least one character')
}

function repository(value: unknown, pointer: string): void {
  text(value, pointer)
  try {
    parseRepositoryName(value as string)
  } catch {
    refuse(pointer, 'is not a repository name')
  }
}

function metadata(value: unknown, pointer: string): void {
  const problem = metadataProblem(value)
  if (problem) refuse(`${pointer}${problem.pointer}`, `is refused: ${problem.reason}`)
}

function timestamp(value: unknown, pointer: string): void {
  const time = typeof value === 'string' && TIMESTAMP.test(value) ? Date.parse(value) : Number.NaN
  if (Number.isNaN(time) || new Date(time).toISOString() !== value) {
    refuse(pointer, 'is not a time such as 2026-01-31T12:00:00.000Z')
  }
}

function path(value: unknown, pointer: string): void {
  const problem = typeof value === 'string' ? pathProblem(value) : 'it is not text'
  if (problem !== undefined) refuse(pointer, `cannot be a path in a package: ${problem}`)
}

function mediaType(value: unknown, pointer: string): void {
  if (typeof value !== 'string' || !MEDIA_TYPE.test(value)) refuse(pointer, 'is not a media type')
}

function backendId(value: unknown, pointer: string): void {
  if (typeof value !== 'string' || !BACKEND_ID.test(value)) refuse(pointer, 'is not a backend id')
}

function count(value: unknown, pointer: string): void {
  if (!Number.isSafeInteger(value) || (value as number) < 0) refuse(pointer, 'is not a whole number from 0 to 2^53-1')
}

function mode(value: unknown, pointer: string): void {
  count(value, pointer)
  if ((value as number) > MODE_MAXIMUM) refuse(pointer, `is not a file mode: 0 to ${MODE_MAXIMUM} (0o7777)`)
}

function digest(prefix: string): Check {
  return (value, pointer) => {
    if (typeof value !== 'string' || !value.startsWith(prefix) || !parseDigest(value)) {
      refuse(pointer, `is not a digest of the form ${prefix}<64 lower-case hex digits>`)
    }
  }
}

function orNull(check: Check): Check {
  return (value, pointer) => {
    if (value !== null) check(value, pointer)
  }
}

function refuse(pointer: string, problem: string): never {
  throw new RegistryError('manifest-invalid', `'${pointer || '/'}' of the manifest ${problem}`, { field: pointer })
}
