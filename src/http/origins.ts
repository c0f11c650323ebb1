/**
 * Where a request comes from and what it calls this server. `X-Forwarded-*` counts only from proxies that the operator
 * named: from anybody else it is a claim, and would let a client choose its address.
 */
import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'

/** Apart, because every request is logged with its client, and few answers name the server. */
export interface Origins {
  /** `scheme://host[:port]` */
  urlOf(request: IncomingMessage): string
  /** An IP address. */
  clientOf(request: IncomingMessage): string
  /** Whether it comes by way of a trusted proxy. */
  isProxied(request: IncomingMessage): boolean
}

/** What a client can have written there: a host name or address, with or without a port. */
const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/

export interface OriginOptions {
  /** What clients call the server, whatever a request says. */
  readonly publicUrl?: string | undefined
  /** Addresses and CIDR blocks. */
  readonly trustedProxies?: readonly string[]
}

export function createOrigins({ publicUrl, trustedProxies = [] }: OriginOptions = {}): Origins {
  const trusted = blockListOf(trustedProxies)
  const fixed = publicUrl === undefined ? undefined : new URL(publicUrl).origin
  const isTrusted = (address: string): boolean =>
    trustedProxies.length > 0 && isIP(address) !== 0 && trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  return {
    urlOf: (request) => fixed ?? urlOf(request, isTrusted(peerOf(request))),
    clientOf(request) {
      const peer = peerOf(request)
      return isTrusted(peer) ? clientOf(request, peer, isTrusted) : peer
    },
    isProxied: (request) => isTrusted(peerOf(request)),
  }
}

function peerOf(request: IncomingMessage): string {
  return plainAddress(request.socket.remoteAddress ?? '')
}

function blockListOf(entries: readonly string[]): BlockList {
  const list = new BlockList()
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return list
}

/** From the right: the last proxy wrote the last entry, and what stands left of the first stranger is the stranger's word. */
function clientOf(request: IncomingMessage, peer: string, isTrusted: (address: string) => boolean): string {
  const chain = list(request, 'x-forwarded-for').map(plainAddress)
  for (const address of chain.reverse()) {
    if (isIP(address) === 0) break
    if (!isTrusted(address)) return address
  }
  return peer
}

function urlOf(request: IncomingMessage, proxied: boolean): string {
  const told = proxied ? list(request, 'x-forwarded-proto').at(-1) : undefined
  const isEncrypted = (request.socket as Partial<TLSSocket>).encrypted === true
  const scheme = told === 'https' || told === 'http' ? told : isEncrypted ? 'https' : 'http'
  const forwarded = proxied ? list(request, 'x-forwarded-host').at(-1) : undefined
  for (const host of [forwarded, request.headers.host])
    if (host !== undefined && HOST.test(host)) return `${scheme}://${host}`
  const { localAddress = '127.0.0.1', localPort } = request.socket
  const address = plainAddress(localAddress)
  return `${scheme}://${address.includes(':') ? `[${address}]` : address}:${localPort}`
}

function list(request: IncomingMessage, header: string): string[] {
  const value = request.headers[header]
  const text = Array.isArray(value) ? value.join(',') : (value ?? '')
  return text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
}

/** IPv4 clients of an IPv6 socket arrive as `::ffff:192.0.2.1`; some proxies write a port or brackets. */
function plainAddress(text: string): string {
  // Nearly always: an IPv4 address as it is.
  if (!text.includes(':')) return text
  const bare = text.replace(/^\[(.+)\](?::\d+)?$/, '$1').replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1')
  return bare.replace(/^::ffff:(?=\d+\.)/i, '')
}
