/**
 * The native API in process over a real registry. Every answer that passes through `send` is held against the OpenAPI
 * document: its status, its media type and its JSON must be what the document says of that route.
 */
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import express from 'express'
import pino from 'pino'
import { createHttpServer, createOrigins, mount } from '../../src/http/index.ts'
import { type NativeApiOptions, nativeEndpoints, problemReply } from '../../src/native-api/index.ts'
import type { FileJson, PackageJson, ProblemJson, UploadJson } from '../../src/native-api/wire.ts'
import type { AccessOptions, Registry, RegistryDependencies } from '../../src/registry/index.ts'
import { openTestRegistry } from '../support/open-test-registry.ts'
import { describedAnswer } from './described-answer.ts'

export const TOKEN = 'test-token'
export const OTHER_TOKEN = 'other-token'
export const AUTHORIZED = { authorization: `Bearer ${TOKEN}` }

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
  /** Parsed when it is JSON. */
  readonly json: unknown
}

type Body = string | Uint8Array | FormData | ReadableStream<Uint8Array>
export interface RequestOptions {
  readonly headers?: Record<string, string>
  /** Sent as JSON. */
  readonly json?: unknown
  readonly body?: Body
  /** Undefined: the valid one; null: none. */
  readonly token?: string | null
}

export interface Door extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly registry: Registry
  send(method: string, path: string, options?: RequestOptions): Promise<Answer>
  /** What the refusal says; fails when there is none. */
  refusal(method: string, path: string, options?: RequestOptions): Promise<ProblemJson & { code: string }>
  newPackage(fields?: Record<string, unknown>): Promise<PackageJson>
  addFile(packageId: string, path: string, bytes: string | Uint8Array): Promise<FileJson>
  /** A finalized package of these files. */
  finalized(files: Record<string, string | Uint8Array>): Promise<PackageJson>
  newUpload(): Promise<UploadJson>
}

export const NEW_PACKAGE = { name: 'nightly', producer: 'ops', subject: 'example.org', retention_class: 'raw-evidence' }

export interface DoorOptions extends Partial<Omit<NativeApiOptions, 'registry'>> {
  readonly access?: AccessOptions
  readonly publicUrl?: string
  readonly dependencies?: Partial<RegistryDependencies>
  /** Stands between the API and the registry, to make parts of it fail. */
  readonly wrap?: (registry: Registry) => Registry
}

export async function openDoor({ access, dependencies, publicUrl, wrap, ...options }: DoorOptions = {}): Promise<Door> {
  const opened = await openTestRegistry({
    dependencies: { ...dependencies, access: { tokens: [`ci:${TOKEN}`, `other:${OTHER_TOKEN}`], ...access } },
  })
  const registry = wrap?.(opened.registry) ?? opened.registry
  const app = express()
  app.disable('x-powered-by')
  mount(app, nativeEndpoints({ registry, version: '1.2.3-test', ...options }), {
    guard: opened.registry.access,
    origins: createOrigins({ publicUrl }),
    errorReply: problemReply,
    log: pino({ level: 'silent' }),
  })
  const http = createHttpServer(app)
  await new Promise<void>((resolve) => http.server.listen(0, '127.0.0.1', resolve))
  const { port } = http.server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  const send: Door['send'] = async (method, path, options = {}) => {
    const answer = await exchange(url, method, path, options)
    const problem = describedAnswer(method, path, answer)
    if (problem !== undefined) throw new Error(`${method} ${path}: ${problem}\n${answer.status} ${answer.bytes}`)
    return answer
  }
  return {
    ...conveniences(send),
    url,
    port,
    registry,
    send,
    async [Symbol.asyncDispose]() {
      await http.drain(0)
      await opened.close()
    },
  }
}

function conveniences(
  send: Door['send'],
): Pick<Door, 'refusal' | 'newPackage' | 'addFile' | 'finalized' | 'newUpload'> {
  const expected = async (status: number, answer: Promise<Answer>): Promise<unknown> => {
    const { status: found, json, bytes } = await answer
    if (found !== status) throw new Error(`expected ${status}, got ${found}: ${bytes}`)
    return json
  }
  const newPackage: Door['newPackage'] = async (fields = {}) =>
    (await expected(201, send('POST', '/packages', { json: { ...NEW_PACKAGE, ...fields } }))) as PackageJson
  const addFile: Door['addFile'] = async (packageId, path, bytes) => {
    const body = formOf({ relative_path: path }, bytes)
    return (await expected(201, send('POST', `/packages/${packageId}/files`, { body }))) as FileJson
  }
  return {
    newPackage,
    addFile,
    async refusal(method, path, options) {
      const { status, json, bytes } = await send(method, path, options)
      if (status < 400) throw new Error(`expected a refusal, got ${status}: ${bytes}`)
      const problem = json as ProblemJson
      return { ...problem, code: problem.type.replace('urn:artifactstore:problem:', '') }
    },
    async finalized(files) {
      const { id } = await newPackage({ name: `p-${Object.keys(files).length}` })
      for (const [path, bytes] of Object.entries(files)) await addFile(id, path, bytes)
      const closed = await expected(200, send('POST', `/packages/${id}/finalize`))
      return (closed as { package: PackageJson }).package
    },
    async newUpload() {
      return (await expected(202, send('POST', '/uploads', { json: {} }))) as UploadJson
    },
  }
}

async function exchange(url: string, method: string, path: string, options: RequestOptions): Promise<Answer> {
  const { token = TOKEN, json } = options
  const body = json === undefined ? options.body : JSON.stringify(json)
  const response = await fetch(url + path, {
    method,
    redirect: 'manual',
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body: body as NonNullable<RequestInit['body']>, duplex: 'half' as const }),
  })
  const bytes = Buffer.from(await response.arrayBuffer())
  const isJson = /json/.test(response.headers.get('content-type') ?? '') && bytes.length > 0
  return {
    status: response.status,
    headers: response.headers,
    bytes,
    json: isJson ? JSON.parse(bytes.toString()) : undefined,
  }
}

/** A form with the fields first and then one file part. */
export function formOf(fields: Record<string, string>, bytes: string | Uint8Array, filename = 'upload.bin'): FormData {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.append(name, value)
  form.append('file', new Blob([bytes as string]), filename)
  return form
}

/** A multipart body written by hand, for what FormData would not write. `parts` are header lines and content. */
export function rawForm(
  parts: readonly { readonly disposition: string; readonly content: string }[],
  { end = '\r\n--bound--\r\n' } = {},
): { headers: Record<string, string>; body: string } {
  const text = parts.map(
    ({ disposition, content }) => `--bound\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${content}`,
  )
  return {
    headers: { 'content-type': 'multipart/form-data; boundary=bound' },
    body: text.join('\r\n') + end,
  }
}

/** Sends the head and a part of a request on a connection of its own, and hangs up when the server has had time to read. */
export async function hangUpAfter(port: number, head: readonly string[], part: string | Uint8Array): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(`${head.join('\r\n')}\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`)
  await new Promise<void>((resolve) => socket.write(part, () => resolve()))
  await new Promise((resolve) => setTimeout(resolve, 50))
  socket.destroy()
}

/** Repeats `look` until it is satisfied, for what happens after a client has left. */
export async function eventually<T>(look: () => Promise<T>, isRight: (found: T) => boolean): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    const found = await look()
    if (isRight(found) || attempt === 100) return found
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
