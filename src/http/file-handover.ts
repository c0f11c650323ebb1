/**
 * Leaves a file's bytes to the proxy in front: it is on the same disk and copies them from the kernel, which this process
 * cannot. Only proxies that the operator named are told where a file lies; anybody else gets its bytes from here.
 */
import { Readable } from 'node:stream'
import type { Exchange } from './exchange.ts'
import type { Reply } from './reply.ts'

/** `x-accel-redirect` as nginx knows it, `x-sendfile` as Apache and lighttpd do. */
export type FileHandover = 'off' | 'x-accel-redirect' | 'x-sendfile'

/** Under which nginx has the storage root, for itself alone (`internal`). */
const LOCATION = '/artifactstore-files/'

/** What the proxy itself says of the file that it sends. */
const OF_THE_FILE: ReadonlySet<string> = new Set(['Content-Length', 'Content-Range', 'Accept-Ranges'])

/** Where the bytes of a stream lie on a disk. */
interface StoredFile {
  readonly root: string
  /** Below the root, its segments joined with '/'. */
  readonly path: string
}

/** The answer without its bytes, for a proxy that will send them; undefined where they have to go out from here. */
export function handedOver(exchange: Exchange, reply: Reply): Reply | undefined {
  const { handover = 'off', origins } = exchange.surface
  if (handover === 'off' || exchange.method !== 'GET' || !(reply.body instanceof Readable)) return undefined
  const file = storedFileOf(reply.body)
  if (!file || !readsAlike(exchange, reply) || !origins.isProxied(exchange.body)) return undefined
  reply.body.destroy()
  const headers = Object.fromEntries(Object.entries(reply.headers ?? {}).filter(([name]) => !OF_THE_FILE.has(name)))
  const where =
    handover === 'x-accel-redirect'
      ? { 'X-Accel-Redirect': `${LOCATION}${file.path}` }
      : { 'X-Sendfile': `${file.root}/${file.path}` }
  return { status: 200, headers: { ...headers, ...where } }
}

function storedFileOf(body: Readable): StoredFile | undefined {
  return 'storedFile' in body ? (body.storedFile as StoredFile) : undefined
}

/**
 * The proxy reads `Range` once more and knows no `If-Range` of ours: handed over is only what it will understand as we did,
 * the whole without either, or the one part that was asked for.
 */
function readsAlike({ headers }: Exchange, { status }: Reply): boolean {
  if (headers['if-range'] !== undefined) return false
  return status === (headers.range === undefined ? 200 : 206)
}
