/**
 * The clients of the benchmark that do more than ask for one answer again and again: they push as oras does, keep their
 * connections, and take nothing but the answer that they expect. They share the machine with whom they measure, so they must be
 * cheap: undici takes a third of the time of node:http.
 */
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { Client, type Dispatcher } from 'undici'
import type { Running } from './contestant.ts'

export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'
/** As clients send it: distribution has no OCI manifests for whoever does not ask for them. */
export const ACCEPT = { Accept: `${MANIFEST_TYPE}, application/vnd.oci.image.index.v1+json, */*` }
const OCTETS = { 'Content-Type': 'application/octet-stream' }

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

export interface Blob {
  readonly digest: string
  readonly size: number
  /** In pieces that may be one and the same buffer. */
  readonly pieces: readonly Buffer[]
}

export function sha256(...pieces: readonly Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const piece of pieces) hash.update(piece)
  return `sha256:${hash.digest('hex')}`
}

export function blobOf(...pieces: readonly Buffer[]): Blob {
  return { digest: sha256(...pieces), size: pieces.reduce((size, piece) => size + piece.length, 0), pieces }
}

export type SentHeaders = Readonly<Record<string, string>>

/** One client: one connection, one request at a time. */
export class PushClient {
  readonly #server: Running
  readonly #client: Client

  constructor(server: Running) {
    this.#server = server
    // A large push is answered when it is on disk, whenever that is.
    this.#client = new Client(new URL(server.url).origin, { headersTimeout: 0, bodyTimeout: 0 })
  }

  /** Throws for any status but `expected`. */
  async send(
    method: string,
    path: string | URL,
    options: { expected: number; headers?: SentHeaders; pieces?: readonly Buffer[] },
  ): Promise<Answer> {
    const { expected, headers = {}, pieces = [] } = options
    const target = typeof path === 'string' ? path : path.pathname + path.search
    const length = pieces.reduce((size, piece) => size + piece.length, 0)
    const answer = await this.#ask({
      method: method as 'GET',
      path: target,
      headers: { ...this.#server.headers, ...ACCEPT, 'Content-Length': String(length), ...headers },
      body: length === 0 ? null : pieces.length === 1 ? pieces[0]! : Readable.from(pieces),
    })
    const { status, body } = answer
    if (status !== expected) {
      throw new Error(`${method} ${target} answered ${status} where ${expected} belongs: ${body.subarray(0, 300)}`)
    }
    return answer
  }

  /** Below `Client.request`, whose streams cost more than the rest of a small request. */
  #ask(options: Dispatcher.DispatchOptions): Promise<Answer> {
    return new Promise((resolve, reject) => {
      let status = 0
      let headers: Answer['headers'] = {}
      const chunks: Buffer[] = []
      this.#client.dispatch(options, {
        onRequestStart: () => undefined,
        onResponseStart(_, statusCode, answered) {
          status = statusCode
          headers = answered
        },
        onResponseData: (_, chunk) => void chunks.push(chunk),
        onResponseEnd: () => resolve({ status, headers, body: Buffer.concat(chunks) }),
        onResponseError: (_, error) => reject(error),
      })
    })
  }

  /** `POST`, then the whole blob in one `PUT`. */
  async pushBlob(repository: string, { digest, pieces }: Blob): Promise<void> {
    const location = await this.#begin(repository)
    location.searchParams.set('digest', digest)
    await this.send('PUT', location, { expected: 201, headers: OCTETS, pieces })
  }

  /** `POST`, a `PATCH` for each piece, and a `PUT` without bytes. */
  async pushInChunks(repository: string, { digest, pieces }: Blob): Promise<void> {
    let location = await this.#begin(repository)
    let offset = 0
    for (const piece of pieces) {
      const headers = { ...OCTETS, 'Content-Range': `${offset}-${offset + piece.length - 1}` }
      const answer = await this.send('PATCH', location, { expected: 202, headers, pieces: [piece] })
      location = this.#locationOf(answer)
      offset += piece.length
    }
    location.searchParams.set('digest', digest)
    await this.send('PUT', location, { expected: 201 })
  }

  async putManifest(repository: string, reference: string, bytes: Buffer): Promise<Answer> {
    const headers = { 'Content-Type': MANIFEST_TYPE }
    return this.send('PUT', `/v2/${repository}/manifests/${reference}`, { expected: 201, headers, pieces: [bytes] })
  }

  async get(path: string | URL, headers: SentHeaders = {}): Promise<Answer> {
    return this.send('GET', path, { expected: 200, headers })
  }

  close(): void {
    void this.#client.destroy()
  }

  async #begin(repository: string): Promise<URL> {
    return this.#locationOf(await this.send('POST', `/v2/${repository}/blobs/uploads/`, { expected: 202 }))
  }

  #locationOf({ headers }: Answer): URL {
    return new URL(String(headers.location), this.#server.url)
  }
}

/** Everything in `work` at once, `width` at a time, each lane with a client of its own. */
export async function withClients<T>(
  server: Running,
  width: number,
  work: (client: PushClient, lane: number) => Promise<T>,
): Promise<T[]> {
  const clients = Array.from({ length: width }, () => new PushClient(server))
  try {
    return await Promise.all(clients.map(work))
  } finally {
    for (const client of clients) client.close()
  }
}

/** A manifest with these blobs as its layers, `note` making it one of its own. */
export function manifestOf(options: {
  config: Blob
  layers: readonly Blob[]
  note?: string
  artifactType?: string
  subject?: { digest: string; size: number }
}): Buffer {
  const { config, layers, note = '', artifactType, subject } = options
  const mediaType = 'application/vnd.oci.image.layer.v1.tar'
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      ...(artifactType && { artifactType }),
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: config.digest, size: config.size },
      layers: layers.map(({ digest, size }) => ({ mediaType, digest, size })),
      ...(subject && { subject: { mediaType: MANIFEST_TYPE, ...subject } }),
      annotations: { note },
    }),
  )
}
