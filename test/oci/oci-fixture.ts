/** `/v2/` in process, over a real registry, and the few requests that most tests begin with. */
import { createHash } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import express from 'express'
import pino, { type Logger } from 'pino'
import { createDispatcher, createHttpServer, createOrigins, mount, type OriginOptions } from '../../src/http/index.ts'
import { ociEndpoints, ociSurface } from '../../src/oci/index.ts'
import type { AccessOptions, DatabaseLocation, RegistryDependencies } from '../../src/registry/index.ts'
import { openTestRegistry } from '../support/open-test-registry.ts'

export const TOKEN = 'test-token'
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
const EMPTY = { mediaType: 'application/vnd.oci.empty.v1+json', digest: '', size: 2 }
EMPTY.digest = sha256('{}')

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
  /** Parsed when it is JSON. */
  readonly json: unknown
  /** The code of the first OCI error. */
  readonly code: string | undefined
}

type Body = string | Uint8Array | ReadableStream<Uint8Array>
export interface RequestOptions {
  readonly headers?: Record<string, string>
  readonly body?: Body
  /** Undefined: the valid one; null: none. */
  readonly token?: string | null
}

export interface Door extends AsyncDisposable {
  readonly port: number
  readonly location: DatabaseLocation
  readonly registry: Awaited<ReturnType<typeof openTestRegistry>>['registry']
  send(method: string, path: string, options?: RequestOptions): Promise<Answer>
  /** Puts a blob and returns its sha256 digest. */
  putBlob(repository: string, bytes: string | Uint8Array): Promise<string>
  /** Puts a manifest under a tag, or under its digest, and returns its digest. */
  putManifest(repository: string, manifest: object, tag?: string): Promise<string>
}

/** With `ci` and `other` as static tokens. */
export async function openDoor(
  options: {
    access?: AccessOptions
    dependencies?: Partial<RegistryDependencies>
    origins?: OriginOptions
    /** Absent: none. */
    log?: Logger
    durability?: 'durable' | 'relaxed'
  } = {},
): Promise<Door> {
  const access = { tokens: [`ci:${TOKEN}`, 'other:other-token'], ...options.access }
  const opened = await openTestRegistry({
    dependencies: { ...options.dependencies, access },
    ...(options.durability && { durability: options.durability }),
  })
  const surface = ociSurface({
    guard: opened.registry.access,
    origins: createOrigins(options.origins),
    log: options.log ?? pino({ level: 'silent' }),
  })
  const endpoints = ociEndpoints({ registry: opened.registry })
  const app = express()
  app.disable('x-powered-by')
  mount(app, endpoints, surface)
  const http = createHttpServer(createDispatcher(endpoints, surface, app))
  await new Promise<void>((resolve) => http.server.listen(0, '127.0.0.1', resolve))
  const { port } = http.server.address() as AddressInfo
  const send: Door['send'] = (method, path, options = {}) => exchange(`http://127.0.0.1:${port}`, method, path, options)
  return {
    port,
    location: opened.location,
    registry: opened.registry,
    send,
    async putBlob(repository, bytes) {
      const digest = sha256(bytes)
      const answer = await send('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, { body: bytes })
      if (answer.status !== 201) throw new Error(`blob was not put: ${answer.status} ${answer.bytes}`)
      return digest
    },
    async putManifest(repository, manifest, tag) {
      const body = JSON.stringify(manifest)
      const digest = sha256(body)
      const headers = { 'content-type': (manifest as { mediaType?: string }).mediaType ?? OCI_MANIFEST }
      const answer = await send('PUT', `/v2/${repository}/manifests/${tag ?? digest}`, { body, headers })
      if (answer.status !== 201) throw new Error(`manifest was not put: ${answer.status} ${answer.bytes}`)
      return digest
    },
    async [Symbol.asyncDispose]() {
      await http.drain(0)
      await opened.close()
    },
  }
}

/** One request to the server at `base`. */
export async function exchange(base: string, method: string, path: string, options: RequestOptions): Promise<Answer> {
  const { token = TOKEN, body } = options
  const response = await fetch(base + path, {
    method,
    redirect: 'manual',
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/octet-stream' }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body: body as NonNullable<RequestInit['body']>, duplex: 'half' as const }),
  })
  const bytes = Buffer.from(await response.arrayBuffer())
  const isJson = /json/.test(response.headers.get('content-type') ?? '') && bytes.length > 0
  const json: unknown = isJson ? JSON.parse(bytes.toString()) : undefined
  const code = (json as { errors?: { code: string }[] } | undefined)?.errors?.[0]?.code
  return { status: response.status, headers: response.headers, bytes, json, code }
}

export function sha256(bytes: string | Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

export function sha512(bytes: string | Uint8Array): string {
  return `sha512:${createHash('sha512').update(bytes).digest('hex')}`
}

/** A body that comes without a length, a chunk at a time. */
export function streamed(...chunks: (string | Uint8Array)[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(chunks.map((chunk) => Buffer.from(chunk))) as ReadableStream<Uint8Array>
}

/** An image manifest without layers, made unlike others by `extra`. */
export function imageManifest(extra: object = {}): object {
  return { schemaVersion: 2, mediaType: OCI_MANIFEST, config: EMPTY, layers: [], ...extra }
}
