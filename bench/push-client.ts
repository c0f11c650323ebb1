/**
 * The clients of the benchmark that do more than ask for one answer again and again: they push as oras does, keep their
 * connections, and take nothing but the answer that they expect.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Agent, type OutgoingHttpHeaders, request } from 'node:http'
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

/** One client: one connection, one request at a time. */
export class PushClient {
  readonly #server: Running
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })

  constructor(server: Running) {
    this.#server = server
  }

  /** Throws for any status but `expected`. */
  async send(
    method: string,
    path: string | URL,
    options: { expected: number; headers?: OutgoingHttpHeaders; pieces?: readonly Buffer[] },
  ): Promise<Answer> {
    const { expected, headers = {}, pieces = [] } = options
    const url = new URL(path, this.#server.url)
    const length = pieces.reduce((size, piece) => size + piece.length, 0)
    const sent = request(url, {
      method,
      agent: this.#agent,
      headers: { ...this.#server.headers, ...ACCEPT, 'Content-Length': length, ...headers },
    })
    const answered = once(sent, 'response') as Promise<[import('node:http').IncomingMessage]>
    // An answer that comes early, or never, must not leave the sender waiting for its socket.
    answered.catch(() => undefined)
    for (const piece of pieces) {
      if (!sent.write(piece)) await Promise.race([once(sent, 'drain'), answered])
    }
    sent.end()
    const [response] = await answered
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    const status = response.statusCode ?? 0
    if (status !== expected) {
      throw new Error(
        `${method} ${url.pathname} answered ${status} where ${expected} belongs: ${body.subarray(0, 300)}`,
      )
    }
    return { status, headers: response.headers, body }
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

  async get(path: string | URL, headers: OutgoingHttpHeaders = {}): Promise<Answer> {
    return this.send('GET', path, { expected: 200, headers })
  }

  close(): void {
    this.#agent.destroy()
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
