/**
 * What the fuzzer knows of the registry that it attacks: who may do what, names and bodies to choose from (a bounded
 * number, so that its own memory does not grow), what it has learned from answers, and what was acknowledged.
 */
import { createHash } from 'node:crypto'
import type { AccessOptions } from '../../src/registry/index.ts'
import type { Choices } from '../support/choices.ts'

export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'
export const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json'

const everything = ['pull', 'push', 'delete', 'tag', 'admin', 'audit', 'collect']
export const ACCESS = {
  tokens: ['admin:t-admin', 'reader:t-reader', 'pusher:t-pusher', 'tagger:t-tagger'],
  rules: [
    { identities: ['admin'], repositories: ['**'], allow: everything, origin: 'rules[0]' },
    { identities: ['reader'], repositories: ['team/**'], allow: ['pull'], origin: 'rules[1]' },
    { identities: ['pusher'], repositories: ['drop/**'], allow: ['push'], origin: 'rules[2]' },
    { identities: ['tagger'], repositories: ['team/**'], allow: ['pull', 'tag'], origin: 'rules[3]' },
    { identities: ['anonymous'], repositories: ['open/**'], allow: ['pull'], origin: 'rules[4]' },
  ],
} as unknown as AccessOptions

export const IDENTITIES = ['admin', 'reader', 'pusher', 'tagger'] as const
export type Who = (typeof IDENTITIES)[number] | 'nobody'

export const REPOSITORIES = [
  'team/a',
  'team/b',
  'drop/x',
  'open/p',
  'secret/s',
  'solo',
  'blobs/uploads',
  'manifests/manifests',
  'tags/list',
  `long/${'x'.repeat(240)}`,
]
export const TAGS = ['v1', 'v1.0', 'v1.0-a', 'latest', '_', 'A'.repeat(128), 'sha256-abc', 'list']

export function sha256(bytes: string | Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** A blob's bytes by number: few, so that the same come again in other repositories. */
export function blobBytes(number: number): Buffer {
  const size = [0, 1, 7, 300, 4_096, 20_000][number % 6]!
  return Buffer.alloc(size, `blob ${number} `)
}
export const BLOBS = Array.from({ length: 120 }, (_, number) => {
  const bytes = blobBytes(number)
  const sha512 = `sha512:${createHash('sha512').update(bytes).digest('hex')}`
  return { bytes, sha256: sha256(bytes), sha512 }
})

export interface LearnedToken {
  readonly who: Who
  readonly secret: string
}
export interface LearnedUpload {
  readonly location: string
  readonly who: Who
}

/** Lists of what answers gave away, the newest few. */
export class World {
  readonly uploads: LearnedUpload[] = []
  readonly manifests: { readonly repository: string; readonly digest: string; readonly size: number }[] = []
  readonly tokens: LearnedToken[] = []
  readonly refreshTokens: string[] = []

  learn<T>(list: T[], value: T, choose: Choices): void {
    if (list.length < 100) list.push(value)
    else list[choose.below(list.length)] = value
  }
}

/** `repository digest` and `repository tag` of everything that a 201 spoke of, and uploads of every 202. */
export class Ledger {
  readonly blobs = new Set<string>()
  readonly manifests = new Set<string>()
  readonly tags = new Set<string>()
  readonly uploads = new Set<string>()
  /** Paths for which a DELETE was answered 202: what they name may be gone, or back. */
  readonly deleted = new Set<string>()
}
