/** What this machine can do at all, in the same run: the disk, one core's SHA-256, and a bare `node:http` server. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { runChild } from './processes.ts'

const MIB = 1024 * 1024

/** Bytes a second of `dd conv=fsync` for a file of this many MiB in `folder`. */
export async function diskSpeed(folder: string, mebibytes: number): Promise<number> {
  const file = join(folder, 'dd.bin')
  const started = performance.now()
  const written = await runChild('dd', ['if=/dev/zero', `of=${file}`, 'bs=1M', `count=${mebibytes}`, 'conv=fsync'])
  if (written.code !== 0) throw new Error(`dd could not write ${file}: ${written.stderr}`)
  const seconds = (performance.now() - started) / 1_000
  await rm(file)
  return (mebibytes * MIB) / seconds
}

/** Bytes a second of SHA-256 on one core. */
export function sha256Speed(mebibytes: number): number {
  const block = Buffer.alloc(MIB, 7)
  const hash = createHash('sha256')
  const started = performance.now()
  for (let n = 0; n < mebibytes; n += 1) hash.update(block)
  hash.digest()
  return (mebibytes * MIB) / ((performance.now() - started) / 1_000)
}

export interface BareServer {
  readonly url: string
  close(): void
}

/** `node:http` answering the same bytes with the same headers from memory. Run in a process of its own. */
export async function bareBytes(body: Buffer, headers: Record<string, string>): Promise<BareServer> {
  return listen(
    createServer((_request, response) => {
      response.writeHead(200, { ...headers, 'Content-Length': body.length })
      response.end(body)
    }),
  )
}

/** `node:http` piping a file. */
export async function bareFile(path: string, size: number): Promise<BareServer> {
  return listen(
    createServer((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': size })
      createReadStream(path).pipe(response)
    }),
  )
}

const LOOP_BYTES = 256 * 1024

/** `node:http` reading a file into buffers that are used again, the fastest loop that we found. */
export async function bareLoop(path: string, size: number): Promise<BareServer> {
  const idle: Buffer[] = []
  const answer = async (response: ServerResponse): Promise<void> => {
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': size })
    const file = await open(path, 'r')
    const gone = once(response, 'close')
    for (let at = 0; at < size && !response.destroyed; at += LOOP_BYTES) {
      const buffer = idle.pop() ?? Buffer.allocUnsafeSlow(LOOP_BYTES)
      const { bytesRead } = await file.read(buffer, 0, LOOP_BYTES, at)
      const isTaken = response.write(buffer.subarray(0, bytesRead), () => void idle.push(buffer))
      if (!isTaken) await Promise.race([drained(response), gone])
    }
    await file.close()
    response.end()
  }
  return listen(createServer((_request, response) => void answer(response)))
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => void response.once('drain', resolve))
}

async function listen(server: ReturnType<typeof createServer>): Promise<BareServer> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
