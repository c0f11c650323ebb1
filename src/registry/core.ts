/** What every service works with: handed over once by `openRegistry`, never looked up. */
import type { KeyObject } from 'node:crypto'
import type { TrustedKey } from '../signing/index.ts'
import { type BlobStore, StorageError, type UploadStore } from '../storage/index.ts'
import type { Database } from './database/sql.ts'
import { RegistryError } from './errors.ts'
import type { Ids } from './ids.ts'
import type { Recorder } from './record.ts'
import type { RetentionClasses } from './retention/classes.ts'
import type { TagRule } from './tag-rules.ts'

/** A storage backend: where blobs are, and where bytes become blobs. */
export interface Backend {
  readonly id: string
  readonly blobs: BlobStore
  readonly uploads: UploadStore
}

/** Which backend takes the bytes: a pure function, so that every replica decides alike (core-rules 17). */
export type Placement = (facts: { repository: string; producer: string; retentionClass: string }) => string

/** Something that the log says and the store denies: for the operator, at once. */
export type Alarm = (what: 'content-missing' | 'content-damaged', detail: Readonly<Record<string, unknown>>) => void

export interface Core {
  readonly database: Database
  readonly recorder: Recorder
  readonly backends: ReadonlyMap<string, Backend>
  readonly defaultBackend: string
  readonly placement: Placement
  readonly clock: () => number
  readonly ids: Ids
  readonly retentionClasses: RetentionClasses
  /** The class of what is pushed to a repository through `/v2/` without one. */
  readonly classOfRepository: (repository: string) => string
  /** A hold is released by somebody else than the one who applied it. */
  readonly releaseByOther: boolean
  readonly uploadExpirySeconds: number
  /** 0: drafts stay. */
  readonly draftExpirySeconds: number
  readonly undeleteGraceSeconds: number
  readonly tagRules: readonly TagRule[]
  readonly alarm: Alarm
  /** Whose signatures are told from others'; empty: nothing is checked. */
  readonly signingKeys: readonly TrustedKey[]
  /** Authenticates upload ids; shared by all processes. */
  /** A key object: as bytes it would be made one on each use, which takes six times the MAC's own time. */
  readonly uploadSecret: KeyObject
  /** As manifests name the software that wrote them: `name/version`. */
  readonly generator: string
}

export function backendOf(core: Core, id: string): Backend {
  const backend = core.backends.get(id)
  if (backend) return backend
  throw new RegistryError('unavailable', `The storage backend '${id}' is not configured on this server`, {
    backend: id,
  })
}

/** The refusal that a failure of a store means to the domain; anything else is thrown on as it is. */
export function storageRefusal(error: unknown): unknown {
  if (!(error instanceof StorageError)) return error
  const options = { cause: error }
  switch (error.code) {
    case 'no-space':
      return new RegistryError('storage-full', 'The store has no room left; nothing was stored', {}, options)
    case 'read-only':
      return new RegistryError('unavailable', 'The store does not take writes; nothing was stored', {}, options)
    case 'unavailable':
      return new RegistryError('unavailable', 'The store cannot be reached; try again', {}, options)
    case 'size-mismatch':
      return new RegistryError('size-mismatch', 'The number of bytes is not the announced one', error.detail, options)
    case 'digest-mismatch':
      return new RegistryError('digest-mismatch', 'The bytes do not match the digest', error.detail, options)
    default:
      return error
  }
}
