/** The client against a server that lies, breaks off or is something else: a real HTTP server that plays it. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { run } from '../../src/cli/index.ts'

const ID = '00000000-0000-7000-8000-000000000001'
type Play = (request: IncomingMessage, response: ServerResponse) => void

let folder: string
let server: Server
let play: Play
let requests: { method: string; url: string; headers: IncomingMessage['headers'] }[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hostile-'))
  requests = []
  server = createServer((request, response) => {
    requests.push({ method: request.method!, url: request.url!, headers: request.headers })
    request.resume()
    play(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

function apiUrl(): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** One command in this process; waiting for the server takes no time. */
async function cli(...args: string[]): Promise<{ code: number; stdout: string; stderr: string; waits: number }> {
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  let waits = 0
  const nobody = () => Promise.reject(new Error('no store here'))
  const code = await run(args, {
    cwd: folder,
    version: '0.0.0',
    settings: () => ({
      apiUrl: apiUrl(),
      apiToken: 'secret',
      tokenFile: join(folder, 'token'),
      configFolder: join(folder, 'config'),
      stateFolder: join(folder, 'state'),
      color: false,
    }),
    store: {
      serve: nobody,
      migrate: nobody,
      replay: nobody,
      verifyViews: nobody,
      verifyLog: nobody,
      sweepRetention: nobody,
      confirmClock: nobody,
      configuration: () => ({ settings: [], warnings: [] }),
    },
    streams: { stdin: new PassThrough() as unknown as NodeJS.ReadStream, stdout, stderr },
    retry: {
      delays: [1, 1, 1, 1, 1, 1],
      sleep: async () => {
        waits += 1
      },
      onOutage: (reason) => stderr.write(`outage ${reason}\n`),
    },
  })
  return { code, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? ''), waits }
}

function sha256(content: string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}

interface Served {
  readonly path: string
  /** What the list says. */
  readonly content: string
  readonly mode?: string
  readonly download?: Play
}

/** A package of these files, each downloadable under its position. */
function packageOf(files: readonly Served[]): Play {
  return (request, response) => {
    const url = new URL(request.url!, 'http://x')
    const download = /^\/files\/(\d+)\/download$/.exec(url.pathname)
    if (download) {
      const file = files[Number(download[1])]!
      if (file.download) file.download(request, response)
      else response.end(file.content)
      return
    }
    response.setHeader('content-type', 'application/json')
    if (url.pathname === `/packages/${ID}`) response.end(JSON.stringify({ id: ID, status: 'finalized' }))
    else
      response.end(
        JSON.stringify({
          files: files.map(({ path, content, mode }, index) => ({
            id: String(index),
            package_id: ID,
            relative_path: path,
            media_type: 'text/plain',
            size: Buffer.byteLength(content),
            digest: sha256(content),
            sha256: sha256(content),
            ...(mode === undefined ? {} : { mode }),
            created_at: '2026-01-01T00:00:00Z',
          })),
          next_cursor: null,
        }),
      )
  }
}

function pull(...args: string[]) {
  return cli('pull', ID, '-o', join(folder, 'out'), ...args)
}

function written(): string[] {
  return existsSync(join(folder, 'out')) ? (readdirSync(join(folder, 'out'), { recursive: true }) as string[]) : []
}

describe('a pull never trusts the server', () => {
  test.each(['../escape', '/etc/cron.d/x', 'a/../../b', 'a\\..\\b', 'a\u0000b', './a', 'C:/x', 'bell\u0007'])(
    'the path %j is refused before anything is written',
    async (path) => {
      play = packageOf([
        { path: 'fine', content: 'fine' },
        { path, content: 'x' },
      ])
      const result = await pull()
      expect([result.code, written()]).toEqual([7, []])
      expect(result.stderr).toContain('must not be written here')
      expect(result.stderr).not.toMatch(/[^\P{Cc}\n]/u)
    },
  )

  test.each([
    ['other bytes of the same size', 'hellx'],
    ['too many bytes', 'hello and more'],
  ])('%s: 7, and the name is not given', async (_, sent) => {
    play = packageOf([{ path: 'a/b', content: 'hello', download: (_request, response) => response.end(sent) }])
    const result = await pull()
    expect(result.code).toBe(7)
    expect(result.stderr).toContain('a/b arrived as sha256:')
    expect(written()).toEqual(['a'])
  })

  test('set-id and sticky bits are not restored', async () => {
    play = packageOf([{ path: 'tool', content: '#!', mode: '7755' }])
    expect((await pull()).code).toBe(0)
    expect((statSync(join(folder, 'out/tool')).mode & 0o7777).toString(8)).toBe('755')
  })

  test('a link planted where a partial file would be is not followed', async () => {
    play = packageOf([{ path: 'a', content: 'hello' }])
    await pull()
    const victim = join(folder, 'victim')
    writeFileSync(victim, 'untouched')
    rmSync(join(folder, 'out/a'))
    const name = createHash('sha256')
      .update(`0 ${join(folder, 'out/a')}`)
      .digest('hex')
      .slice(0, 20)
    symlinkSync(victim, join(folder, 'out', `.artifactstore-${name}.part`))
    expect((await pull()).code).toBe(1)
    expect(readFileSync(victim, 'utf8')).toBe('untouched')
  })
})

describe('a pull goes on', () => {
  const content = `${'x'.repeat(200_000)}end`

  test('after the connection broke, from where it broke, with If-Range', async () => {
    let tries = 0
    play = packageOf([
      {
        path: 'a',
        content,
        download: (request, response) => {
          tries += 1
          const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
          if (from > 0)
            response.writeHead(206, { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` })
          else response.writeHead(200, { 'content-length': content.length })
          if (tries < 3)
            response.write(content.slice(from, from + 50_000), () => setTimeout(() => response.destroy(), 30))
          else response.end(content.slice(from))
        },
      },
    ])
    const result = await pull()
    expect([result.code, readFileSync(join(folder, 'out/a'), 'utf8') === content]).toEqual([0, true])
    const ranges = requests
      .filter(({ url }) => url.includes('download'))
      .map(({ headers }) => [headers.range, headers['if-range']])
    expect(ranges).toEqual([
      [undefined, undefined],
      ['bytes=50000-', `"${sha256(content)}"`],
      ['bytes=100000-', `"${sha256(content)}"`],
    ])
  })

  test('from the beginning when the server will not resume', async () => {
    let tries = 0
    const download: Play = (_request, response) => {
      tries += 1
      response.writeHead(200, { 'content-length': content.length })
      if (tries > 1) response.end(content)
      else response.write(content.slice(0, 50_000), () => setTimeout(() => response.destroy(), 30))
    }
    play = packageOf([{ path: 'a', content, download }])
    expect((await pull()).code).toBe(0)
    expect(readFileSync(join(folder, 'out/a'), 'utf8')).toBe(content)
  })

  test('in a second run, with what the first one left', async () => {
    const broken: Play = (_request, response) => {
      response.writeHead(200, { 'content-length': content.length })
      response.write(content.slice(0, 50_000), () => setTimeout(() => response.destroy(), 30))
    }
    const gone: Play = (_request, response) => response.writeHead(503).end()
    let tries = 0
    play = packageOf([{ path: 'a', content, download: (...of) => (tries++ === 0 ? broken : gone)(...of) }])
    const first = await pull()
    expect([first.code, written()]).toEqual([6, [expect.stringMatching(/^\.artifactstore-[0-9a-f]{20}\.part$/)]])
    play = packageOf([
      {
        path: 'a',
        content,
        download: (request, response) => {
          expect(request.headers.range).toBe('bytes=50000-')
          response.writeHead(206).end(content.slice(50_000))
        },
      },
    ])
    expect((await pull()).code).toBe(0)
    expect(written()).toEqual(['a'])
  })
})

describe('answers that are none', () => {
  test('a redirect is not followed: the token stays here', async () => {
    play = (_request, response) => response.writeHead(302, { location: `${apiUrl()}/elsewhere` }).end()
    const result = await cli('packages')
    expect(result.code).toBe(6)
    expect(requests.map(({ url }) => url)).toEqual(['/packages?limit=20'])
  })

  test('a page of some other server', async () => {
    play = (_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')
    const result = await cli('packages')
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(result.stderr).toContain('is this the URL of an artifact-store?')
  })

  test.each([
    [400, 2],
    [401, 4],
    [403, 4],
    [404, 3],
    [409, 5],
    [500, 1],
    [503, 6],
    [507, 1],
  ])('status %i without a problem document: exit %i', async (status, exit) => {
    play = (_request, response) => response.writeHead(status).end('no words for it')
    const result = await cli('packages')
    expect(result).toMatchObject({ code: exit, stdout: '' })
    expect(result.stderr).toContain(`the server answered ${status} to GET /packages`)
  })

  test('control characters of a problem document do not reach the terminal', async () => {
    play = (_request, response) => {
      response.writeHead(409, { 'content-type': 'application/problem+json' })
      response.end(JSON.stringify({ type: 'about:blank', detail: 'clear \u001b[2J it' }))
    }
    expect((await cli('packages')).stderr).toBe('error: clear \\x1b[2J it\n')
  })

  test('only patient commands wait for a server that is away, and say so once', async () => {
    play = (_request, response) => response.writeHead(503, { 'retry-after': '1' }).end()
    expect(await cli('packages')).toMatchObject({ code: 6, waits: 0 })
    const patient = await pull()
    // Four times: a server that never answered well is given seconds, one that goes away later a minute.
    expect(patient).toMatchObject({ code: 6, waits: 4 })
    expect(patient.stderr.match(/outage/g)).toHaveLength(1)
  })
})

test('a push completes an upload that a killed server left busy, once it is free', async () => {
  const content = 'x'.repeat(20 * 1024 * 1024)
  writeFileSync(join(folder, 'a'), content)
  let busy = 2
  play = (request, response) => {
    const { url, method } = request
    const answer = (status: number, json: object) =>
      request.once('end', () => response.writeHead(status).end(JSON.stringify(json)))
    response.setHeader('content-type', 'application/json')
    if (url?.endsWith('/complete') && busy-- > 0) {
      response.setHeader('content-type', 'application/problem+json')
      answer(409, { type: 'urn:artifactstore:problem:upload-busy', detail: 'being written' })
    } else if (url?.endsWith('/complete')) answer(201, { id: 'f', sha256: sha256(content), size: content.length })
    else if (url?.endsWith('/finalize')) answer(409, { type: 'urn:artifactstore:problem:stop', detail: 'far enough' })
    else if (url === '/packages') answer(201, { id: ID, status: 'created' })
    else if (url === '/uploads') answer(202, { id: 'u', size: 0 })
    else if (method === 'PATCH') {
      const [, last] = /bytes \d+-(\d+)/.exec(request.headers['content-range'] ?? '')!
      answer(200, { id: 'u', size: Number(last) + 1 })
    } else answer(200, { files: [], next_cursor: null })
  }
  await cli('push', join(folder, 'a'), '--producer', 'p', '--subject', 's', '--retention-class', 'transient')
  expect(requests.filter(({ url }) => url.endsWith('/complete'))).toHaveLength(3)
  expect(requests.some(({ url }) => url.endsWith('/finalize'))).toBe(true)
})

describe('a push checks what the server says it stored', () => {
  test('another digest than was sent: 7', async () => {
    writeFileSync(join(folder, 'a'), 'hello')
    play = (request, response) => {
      response.setHeader('content-type', 'application/json')
      if (request.url === '/packages') response.end(JSON.stringify({ id: ID, status: 'created' }))
      else if (request.method === 'GET') response.end(JSON.stringify({ files: [], next_cursor: null }))
      else response.writeHead(201).end(JSON.stringify({ id: 'f', sha256: sha256('other') }))
    }
    const about = ['--producer', 'p', '--subject', 's', '--retention-class', 'transient']
    const result = await cli('push', join(folder, 'a'), ...about)
    expect(result.code).toBe(7)
    expect(requests.some(({ url }) => url.includes('finalize'))).toBe(false)
  })
})
