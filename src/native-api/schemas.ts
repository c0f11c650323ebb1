/**
 * The JSON Schemas of every request and answer, under the names that OpenAPI's `components/schemas` gives them. They
 * say what `wire.ts` says as types; request bodies are validated with them and the tests validate every answer.
 */
import { claim, count, digest, instant, type JsonSchema, list, nullable, oneOf, record, text } from './json-schema.ts'
import { RETENTION_SCHEMAS } from './retention-wire.ts'
import { LIMITS } from './wire.ts'

const METADATA: JsonSchema = {
  type: 'object',
  description: 'Facts about the package, as I-JSON: no integer beyond 2^53-1 and no key twice.',
  examples: [{ run: 'nightly-42', passed: true }],
}

const MODE = text("POSIX permission bits as octal text, such as '0644'", {
  pattern: '^0?[0-7]{3,4}$',
  examples: ['0644'],
})
const MEDIA_TYPE = text('The media type of the bytes; application/octet-stream where absent', {
  examples: ['application/json'],
})
const RELATIVE_PATH = text("Where the file stands in the package, with '/' between segments", {
  minLength: 1,
  examples: ['reports/summary.json'],
})

const OCI_FACE = record(
  {
    repository: text(),
    digest: digest('Of the OCI manifest'),
    media_type: text(),
    size: count('Bytes of the OCI manifest'),
    tags: list(text(), 'All tags on it now'),
    reference: text('What to pull it by: host/repository:tag, or @digest where it has no tag'),
  },
  {},
  'How the OCI endpoint /v2/ names the package',
)

const OCI_ABSENT_REASON = text('Why the package has no OCI face; absent where it has one')

const PACKAGE = record(
  {
    id: text(),
    origin: oneOf(['native', 'oci'], 'Which door it came through'),
    status: oneOf(['created', 'finalized', 'deleted', 'erased']),
    name: text(),
    producer: text(),
    subject: text(),
    retention_class: text(),
    expires_at: nullable(instant('Null: no expiry')),
    metadata: METADATA,
    file_count: count(),
    total_size: count('Bytes of all files together'),
    manifest_digest: nullable(digest('Null until finalized')),
    repository: text('The OCI repository that the producer and name map to'),
    oci: nullable({ $ref: '#/components/schemas/OciFace' }),
    created_at: instant(),
    created_by: text('Who created it: the authenticated identity'),
    finalized_at: nullable(instant()),
    last_event_sequence: count('The last event that changed it'),
  },
  { oci_absent_reason: OCI_ABSENT_REASON },
)

const FILE = record(
  {
    id: text(),
    package_id: text(),
    relative_path: RELATIVE_PATH,
    media_type: text(),
    size: count(),
    digest: digest('The address of the bytes, and the ETag of the download'),
    created_at: instant(),
  },
  {
    blake3: digest('Absent where the bytes never came'),
    sha256: digest('Absent where the bytes never came'),
    mode: MODE,
  },
)

const CHECKED_SIGNATURE = record(
  {
    verdict: oneOf(
      ['valid', 'invalid', 'unknown-key'],
      'By one of the keys of this server and over this package; broken, tampered with or over something else; by none of the keys',
    ),
    kind: oneOf(['signature', 'attestation']),
    format: oneOf(['sigstore-bundle', 'cosign-simple-signing', 'dsse-envelope']),
    layer: text('Digest of the layer that holds it'),
  },
  {
    key: text('Whose it is, by the name of a configured key; of an invalid one: whose it claims to be'),
    predicate_type: text('Signed where the verdict is valid, else claimed'),
    reason: text('Why it is not valid'),
  },
)

const REFERRER = record(
  {
    kind: oneOf(['signature', 'attestation', 'sbom', 'referrer']),
    package_id: text('It is a package itself: its manifest and files are read like those of any other'),
    digest: digest('Of its manifest'),
    media_type: text(),
    artifact_type: nullable(text()),
    size: count('Bytes of its manifest'),
    annotations: { type: 'object', additionalProperties: text() },
    tag: nullable(text('By which cosign 2 ties it to the package; null where it names the package as its subject')),
    signatures: list({ $ref: '#/components/schemas/CheckedSignature' }, 'Those in it that were checked'),
  },
  { unchecked_reason: text('Why signatures in it were not checked') },
)

const UPLOAD = record({
  id: text(),
  size: count('Bytes received and on disk: where the next PATCH starts'),
  expires_at: instant('When the upload is discarded unless it was completed'),
  location: text("The upload's own path"),
})

const EVENT = record({
  sequence: count('Gapless, in commit order'),
  created_at: instant(),
  event_type: text('A versioned slug such as v1.package.finalized; tolerate those you do not know'),
  subject_kind: text(),
  subject_id: text(),
  actor: text('Who did it: the authenticated identity'),
  payload: {
    description: 'The payload as JSON, byte strings as base64; null when erased. In CBOR answers: its canonical bytes.',
  },
  payload_digest: digest('BLAKE3 of the canonical payload bytes'),
})

const PROBLEM = record(
  {
    type: text('urn:artifactstore:problem:<code>; stable', { pattern: '^urn:artifactstore:problem:[a-z-]+$' }),
    title: text(),
    status: { type: 'integer', minimum: 400, maximum: 599 },
    detail: text('What was wrong, where, and what would be right'),
    request_id: text('The same text stands in the log of the server'),
  },
  {
    instance: text('The path that was asked for'),
    field: text('The input at fault, by its name in this API'),
    context: { type: 'object', description: 'Further facts, by code' },
  },
  'RFC 9457',
)

const HEALTH = record({
  status: oneOf(['ok', 'degraded']),
  version: text(),
  db: record({ healthy: claim, detail: text() }),
  backend: record({
    backend_id: text(),
    healthy: claim,
    detail: text(),
    free_bytes: nullable(count()),
    total_bytes: nullable(count()),
  }),
  failed_locations: count('Places whose bytes failed verification'),
})

const BANNER = record({
  name: { const: 'artifact-store' },
  version: text(),
  links: { type: 'object', additionalProperties: text() },
})

const FINALIZED = record(
  {
    package_id: text(),
    manifest_digest: digest(),
    package: { $ref: '#/components/schemas/Package' },
    oci: nullable({ $ref: '#/components/schemas/OciFace' }),
  },
  { oci_absent_reason: OCI_ABSENT_REASON },
)

const NAMED = { minLength: 1 }

const NEW_PACKAGE = record(
  {
    name: text('Together with the producer it maps to the OCI repository', { ...NAMED, examples: ['nightly'] }),
    producer: text('Who made the files', { ...NAMED, examples: ['ops'] }),
    subject: text('What the files are about', { ...NAMED, examples: ['example.org'] }),
    retention_class: text('How long the package must stay', { ...NAMED, examples: ['raw-evidence'] }),
  },
  { metadata: METADATA },
)

const NEW_FILE_FORM: JsonSchema = {
  type: 'object',
  description: 'multipart/form-data: the text fields first, then exactly one file part.',
  properties: {
    relative_path: { ...RELATIVE_PATH, description: "Absent: the file part's filename" },
    media_type: {
      ...MEDIA_TYPE,
      description: "Absent: the file part's Content-Type, which is text/plain where it has none",
    },
    mode: MODE,
    file: {
      type: 'string',
      contentMediaType: 'application/octet-stream',
      description: 'The bytes, with a filename; the last part of the form',
    },
  },
  required: ['file'],
  additionalProperties: false,
}

const NEW_UPLOAD = record(
  {},
  {
    digest: digest('Of the bytes to come: where the repository of the package holds them, no upload is needed'),
    size: count('Of the bytes to come'),
    package_id: text(undefined, NAMED),
    relative_path: RELATIVE_PATH,
    media_type: MEDIA_TYPE,
    mode: MODE,
  },
)

const COMPLETE_UPLOAD = record(
  { package_id: text(undefined, NAMED), relative_path: RELATIVE_PATH },
  {
    media_type: MEDIA_TYPE,
    mode: MODE,
    digest: digest('Refused when the bytes hash to something else'),
    size: count('Refused when the upload holds another number of bytes'),
  },
)

const TOKEN_FIELDS = {
  id: text(),
  scopes: list(text(), 'repository:<name or pattern>:<action,action> each'),
  note: text('What it is for'),
  expires_at: nullable(instant('Null: until it is revoked')),
  created_at: instant(),
  created_by: text(),
  revoked_at: nullable(instant()),
  last_used_at: nullable(instant('To the minute')),
}

const NEW_TOKEN = record(
  {
    scopes: {
      ...list(text(undefined, { examples: ['repository:team/**:pull,push'] }), 'All that the token may do'),
      minItems: 1,
    },
    note: text('What it is for', { ...NAMED, examples: ['ci of team'] }),
  },
  {
    expires_in_seconds: {
      type: 'integer',
      minimum: 60,
      maximum: 315_360_000,
      description: 'Absent: until it is revoked',
    },
  },
)

const EXPLANATION = record(
  {
    identity: text(),
    known: claim,
    action: text(),
    repository: text(),
    allowed: claim,
  },
  { by: text('The rule, scope or circumstance that decided; absent where nothing allows it') },
)

const NEXT_CURSOR = nullable(text('What to pass as cursor for the following page; null on the last'))

export const SCHEMAS = {
  Banner: BANNER,
  Health: HEALTH,
  Problem: PROBLEM,
  Package: PACKAGE,
  OciFace: OCI_FACE,
  NewPackage: NEW_PACKAGE,
  PackagePage: record({ packages: list({ $ref: '#/components/schemas/Package' }), next_cursor: NEXT_CURSOR }),
  Finalized: FINALIZED,
  File: FILE,
  FilePage: record({ files: list({ $ref: '#/components/schemas/File' }), next_cursor: NEXT_CURSOR }),
  CheckedSignature: CHECKED_SIGNATURE,
  Referrer: REFERRER,
  ReferrerPage: record({ referrers: list({ $ref: '#/components/schemas/Referrer' }), next_cursor: NEXT_CURSOR }),
  NewFileForm: NEW_FILE_FORM,
  Upload: UPLOAD,
  NewUpload: NEW_UPLOAD,
  CompleteUpload: COMPLETE_UPLOAD,
  NewToken: NEW_TOKEN,
  Token: record(TOKEN_FIELDS),
  IssuedToken: record({ ...TOKEN_FIELDS, secret: text('The token itself, shown this once') }),
  TokenPage: record({ tokens: list({ $ref: '#/components/schemas/Token' }), next_cursor: NEXT_CURSOR }),
  RotatedKey: record({ key_id: text('The key that signs from now on'), retired: text('The key before') }),
  Explanation: EXPLANATION,
  ...RETENTION_SCHEMAS,
  Event: EVENT,
  EventPage: record({
    events: list({ $ref: '#/components/schemas/Event' }),
    next_cursor: text(`What to pass as after next; present also when no event came within ${LIMITS.waitMaximum} s`),
  }),
  OpenApi: {
    type: 'object',
    description: 'An OpenAPI 3.1 document',
    properties: { openapi: text(), info: { type: 'object' }, paths: { type: 'object' } },
    required: ['openapi', 'info', 'paths'],
  },
  ManifestJson: {
    type: 'object',
    description: 'The manifest as JSON in canonical form (RFC 8785), or the OCI manifest',
  },
} as const satisfies Record<string, JsonSchema>
export type SchemaName = keyof typeof SCHEMAS
