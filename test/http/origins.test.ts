import type { IncomingMessage } from 'node:http'
import { describe, expect, test } from 'vitest'
import { createOrigins, type OriginOptions } from '../../src/http/index.ts'

interface Told {
  readonly peer?: string
  readonly encrypted?: boolean
  readonly headers?: Readonly<Record<string, string>>
}

function originOf(options: OriginOptions, { peer = '127.0.0.1', encrypted, headers = {} }: Told) {
  const socket = { remoteAddress: peer, localAddress: '127.0.0.1', localPort: 8000, encrypted }
  const request = { socket, headers: { host: 'registry.example', ...headers } } as unknown as IncomingMessage
  const { urlOf, clientOf } = createOrigins(options)
  return { url: urlOf(request), client: clientOf(request) }
}

const FORWARDED = { 'x-forwarded-for': '198.51.100.7', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'out.example' }
const PROXIES = { trustedProxies: ['127.0.0.1', '10.0.0.0/8', '2001:db8::/32'] }

describe('who asks, and what this server is called', () => {
  test.each<[string, OriginOptions, Told, string, string]>([
    ['a plain request', {}, {}, 'http://registry.example', '127.0.0.1'],
    ['an encrypted one', {}, { encrypted: true }, 'https://registry.example', '127.0.0.1'],
    ['a stranger who forwards', {}, { headers: FORWARDED }, 'http://registry.example', '127.0.0.1'],
    [
      'a proxy that is not named',
      PROXIES,
      { peer: '192.0.2.9', headers: FORWARDED },
      'http://registry.example',
      '192.0.2.9',
    ],
    ['a proxy that is', PROXIES, { headers: FORWARDED }, 'https://out.example', '198.51.100.7'],
    [
      'a proxy of the block',
      PROXIES,
      { peer: '10.255.0.1', headers: FORWARDED },
      'https://out.example',
      '198.51.100.7',
    ],
    [
      'a proxy that IPv6 wraps',
      PROXIES,
      { peer: '::ffff:10.1.2.3', headers: FORWARDED },
      'https://out.example',
      '198.51.100.7',
    ],
    ['a proxy of IPv6', PROXIES, { peer: '2001:db8::1', headers: FORWARDED }, 'https://out.example', '198.51.100.7'],
    [
      'a client that puts an address before its own',
      PROXIES,
      { headers: { 'x-forwarded-for': '203.0.113.1, 198.51.100.7' } },
      'http://registry.example',
      '198.51.100.7',
    ],
    [
      'two proxies',
      PROXIES,
      { headers: { 'x-forwarded-for': '203.0.113.1, 198.51.100.7, 10.0.0.2' } },
      'http://registry.example',
      '198.51.100.7',
    ],
    [
      'a chain of proxies only',
      PROXIES,
      { headers: { 'x-forwarded-for': '10.0.0.2' } },
      'http://registry.example',
      '127.0.0.1',
    ],
    [
      'an address that is none',
      PROXIES,
      { headers: { 'x-forwarded-for': '203.0.113.1, evil' } },
      'http://registry.example',
      '127.0.0.1',
    ],
    [
      'an address with a port',
      PROXIES,
      { headers: { 'x-forwarded-for': '203.0.113.1:4711' } },
      'http://registry.example',
      '203.0.113.1',
    ],
    [
      'an address in brackets',
      PROXIES,
      { headers: { 'x-forwarded-for': '[2001:db9::7]:1' } },
      'http://registry.example',
      '2001:db9::7',
    ],
    [
      'a scheme that is none',
      PROXIES,
      { headers: { 'x-forwarded-proto': 'javascript' } },
      'http://registry.example',
      '127.0.0.1',
    ],
    [
      'a forwarded host that is none',
      PROXIES,
      { headers: { 'x-forwarded-host': 'a/b' } },
      'http://registry.example',
      '127.0.0.1',
    ],
    ['a port', {}, { headers: { host: 'registry.example:5000' } }, 'http://registry.example:5000', '127.0.0.1'],
    ['a host of IPv6', {}, { headers: { host: '[::1]:5000' } }, 'http://[::1]:5000', '127.0.0.1'],
    ['a host that is none', {}, { headers: { host: 'x"@evil.example' } }, 'http://127.0.0.1:8000', '127.0.0.1'],
    ['a host with a user', {}, { headers: { host: 'u@evil.example' } }, 'http://127.0.0.1:8000', '127.0.0.1'],
    [
      'a public URL, whatever else is said',
      { ...PROXIES, publicUrl: 'https://public.example/' },
      { headers: FORWARDED },
      'https://public.example',
      '198.51.100.7',
    ],
  ])('%s', (_what, options, told, url, client) => {
    expect(originOf(options, told)).toEqual({ url, client })
  })
})
