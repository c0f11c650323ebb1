/** Ways to bend paths, queries and headers that are still HTTP: escapes, dots, lengths, repeats, other hosts. */
import type { Choices } from '../support/choices.ts'

const PATH_PIECES = [
  '%2e%2e',
  '%2E%2e/',
  '..',
  '.',
  '%2F',
  '%252F',
  '%5c',
  '\\',
  '%00',
  '%zz',
  '%',
  '%c0%af',
  '%ff',
  '%E2%80%AE',
  '\xff',
  '//',
  ';a=b',
  '*',
  'UPPER',
  '~',
  '%20',
  '+',
  '@',
  '#x',
  'a'.repeat(256),
  'b/'.repeat(600),
  'c'.repeat(17_000),
]

export function bentPath(choose: Choices, path: string): string {
  switch (choose.below(6)) {
    case 0:
      return insert(choose, path, choose.of(PATH_PIECES))
    case 1: {
      const segments = path.split('/')
      segments[1 + choose.below(segments.length - 1)] = choose.of(PATH_PIECES)
      return segments.join('/')
    }
    case 2:
      // Every character may be escaped; the meaning is the same.
      return `/${path.slice(1).replaceAll(/[a-z0-9]/g, (letter) => (choose.chance(20) ? `%${letter.charCodeAt(0).toString(16)}` : letter))}`
    case 3:
      return choose.of([
        `http://other.example${path}`,
        `//other.example${path}`,
        `${path}/`,
        `/${path}`,
        `/v2/..${path}`,
      ])
    case 4:
      return path.slice(0, 1 + choose.below(path.length))
    default:
      return path.replace('/v2/', choose.of(['/v2//', '/V2/', '/v2/%2f', '/v2/./', '/v2/_catalog/']))
  }
}

function insert(choose: Choices, text: string, piece: string): string {
  const at = 1 + choose.below(text.length)
  return text.slice(0, at) + piece + text.slice(at)
}

const QUERY_PIECES = [
  'digest=',
  'digest=sha256:zz',
  'digest=md5:d41d8cd98f00b204e9800998ecf8427e',
  `digest=sha256:${'0'.repeat(64)}`,
  'digest=a&digest=b',
  'mount=x',
  'from=../..',
  'from=secret/s',
  `mount=sha256:${'0'.repeat(64)}&from=UPPER`,
  'n=-1',
  'n=1e9',
  'n=999999999999999999999',
  'n=NaN',
  'last=%00',
  'last=%ff',
  'last=💥',
  'tag=v1&tag=v2',
  'tag=-bad',
  `tag=${'t'.repeat(129)}`,
  Array.from({ length: 101 }, (_, i) => `tag=t${i}`).join('&'),
  'artifactType=a%2fb&artifactType=',
  'after=xxx',
  'after=eyJ9',
  'service=other',
  'scope=repository:a:b:c:d',
  `scope=${'a%20'.repeat(300)}`,
  'digest-algorithm=blake3',
  '__proto__[x]=1',
  '%',
  '=&&=',
]

export function bentQuery(choose: Choices, query: string): string {
  const piece = Buffer.from(choose.of(QUERY_PIECES)).toString('latin1')
  return choose.of([
    piece,
    `${query}&${piece}`,
    `${piece}&${query}`,
    `${query}&${query}`,
    query.slice(0, query.length / 2),
  ])
}

const HEADERS: readonly (readonly [string, string])[] = [
  ['X-Forwarded-Host', 'evil.example'],
  ['X-Forwarded-Proto', 'https'],
  ['X-Forwarded-For', '203.0.113.9, evil'],
  ['Forwarded', 'host=evil.example;proto=https'],
  ['X-Original-URL', '/v2/secret/s/tags/list'],
  ['X-HTTP-Method-Override', 'DELETE'],
  ['Host', 'evil.example'],
  ['Range', 'bytes=0-'],
  ['Range', 'bytes=99999999999999999999-'],
  ['Range', 'lines=1-2'],
  ['Range', `bytes=${'0-0,'.repeat(500)}1-1`],
  ['Content-Range', '5-4'],
  ['Content-Range', 'bytes 0-3/*'],
  ['Content-Range', '0-99999999999999999999'],
  ['If-None-Match', '*'],
  ['If-None-Match', 'W/"x", "y'],
  ['If-Match', '"x"'],
  ['If-Range', '"x"'],
  ['Accept', 'text/html'],
  ['Accept-Encoding', 'gzip'],
  ['Content-Encoding', 'gzip'],
  ['Expect', '100-continue'],
  ['Connection', 'close'],
  ['Connection', 'Upgrade'],
  ['Upgrade', 'websocket'],
  ['X-Request-Id', '../\t"x'],
  ['X-Request-Id', 'i'.repeat(500)],
  ['Cookie', 'a=b; '.repeat(100)],
  ['X-Long', 'v'.repeat(20_000)],
  ['X-Latin', 'caf\xe9'],
  ['Origin', 'http://evil.example'],
  ['Authorization', 'Bearer second'],
]

export function bentHeaders(choose: Choices): (readonly [string, string])[] {
  return Array.from({ length: 1 + choose.below(2) }, () => choose.of(HEADERS))
}
