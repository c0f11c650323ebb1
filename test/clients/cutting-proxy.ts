/**
 * A loopback proxy that breaks connections in the middle of a transfer, counts what went each way, and keeps those who
 * come waiting while the server is down.
 */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

export type Direction = 'up' | 'down'

export class CuttingProxy {
  /** Bytes that arrived at the other side. */
  readonly passed: Record<Direction, number> = { up: 0, down: 0 }
  /** Connections broken so far. */
  cuts = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #plan: { direction: Direction; after: number } | undefined

  private constructor(target: number) {
    this.#server = createServer((client) => {
      this.#keep(client)
      // Nothing is read, so nothing is lost, until the other side is there.
      client.pause()
      this.#reach(client, target)
    })
  }

  static async start(target: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(target)
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening')
    return proxy
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as { port: number }).port}`
  }

  /** Breaks the next connection on which more than this goes that way; one only. Counting starts anew. */
  cutNext(direction: Direction, after: number): void {
    this.#plan = { direction, after }
    this.passed.up = 0
    this.passed.down = 0
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  /** Connects the client with the server, or tries again shortly for as long as the client waits. */
  #reach(client: Socket, target: number): void {
    const upstream = connect(target, '127.0.0.1')
    this.#keep(upstream)
    const again = () => {
      if (!client.destroyed) setTimeout(() => this.#reach(client, target), 100)
    }
    upstream.once('error', again)
    upstream.once('connect', () => {
      upstream.off('error', again)
      // Ended and not destroyed: what was written before must still arrive.
      client.once('close', () => upstream.end())
      upstream.once('close', () => client.end())
      this.#relay('up', client, upstream)
      this.#relay('down', upstream, client)
      client.resume()
    })
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => this.#sockets.delete(socket))
  }

  #relay(direction: Direction, from: Socket, to: Socket): void {
    let here = 0
    from.on('data', (chunk: Buffer) => {
      here += chunk.byteLength
      this.passed[direction] += chunk.byteLength
      if (this.#plan?.direction === direction && here > this.#plan.after) {
        this.#plan = undefined
        this.cuts += 1
        to.end(chunk)
        from.resetAndDestroy()
        return
      }
      if (!to.write(chunk)) {
        from.pause()
        to.once('drain', () => from.resume())
      }
    })
  }
}
