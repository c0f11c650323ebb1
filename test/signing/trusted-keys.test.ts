import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { readTrustedKeys, TrustedKeyError } from '../../src/signing/index.ts'
import { makeSigner, type SignerKind } from '../support/signatures.ts'

function problemOf(pem: string | Uint8Array): string {
  try {
    readTrustedKeys(Buffer.from(pem), 'key')
  } catch (error) {
    if (error instanceof TrustedKeyError) return error.problem
    throw error
  }
  return ''
}

const pemOf = (key: ReturnType<typeof generateKeyPairSync>['publicKey']) =>
  (key as unknown as { export(options: object): string }).export({ type: 'spki', format: 'pem' })

describe('what cannot be a trusted key is refused with the reason', () => {
  it('a private key, which has no business there', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
    expect(problemOf(pem)).toMatch(/^is a private key; give the public one/)
    expect(
      problemOf('-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----'),
    ).toMatch(/^is a private key/)
  })

  it('a certificate, text that is no PEM, a broken block, an empty file, a huge one', () => {
    expect(problemOf('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----')).toMatch(/PEM block 'CERTIFICATE'/)
    expect(problemOf('ssh-ed25519 AAAA ops')).toMatch(/^holds no PEM block/)
    expect(problemOf('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----')).toMatch(
      /^cannot be read as a public key/,
    )
    expect(problemOf('')).toMatch(/^holds no PEM block/)
    expect(problemOf(Buffer.alloc(70_000))).toMatch(/^is larger than 65536 bytes/)
  })

  it('a kind of key that signatures are not checked with, and RSA with too few bits', () => {
    expect(problemOf(pemOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey))).toMatch(
      /^is of the kind secp256k1;/,
    )
    expect(problemOf(pemOf(generateKeyPairSync('ed448').publicKey))).toMatch(/^is of the kind ed448; use ECDSA P-256/)
    expect(problemOf(pemOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey))).toMatch(/^has 1024 bits/)
  })
})

describe('trusted keys', () => {
  it.each<SignerKind>(['P-256', 'P-384', 'RSA', 'Ed25519'])('of the kind %s are read', (kind) => {
    expect(readTrustedKeys(Buffer.from(makeSigner('x', kind).pem), 'release')).toMatchObject([{ name: 'release' }])
  })

  it('several in one file have a name each, with text between them ignored', () => {
    const [one, two] = [makeSigner('one'), makeSigner('two', 'Ed25519')]
    const keys = readTrustedKeys(
      Buffer.from(`of the release team\n${one.pem}and of the night shift\n${two.pem}`),
      'team',
    )
    expect(keys.map(({ name, hint }) => [name, hint])).toEqual([
      ['team', one.trusted.hint],
      ['team#2', two.trusted.hint],
    ])
  })

  it('a private key after a public one is refused too', () => {
    const { privateKey } = generateKeyPairSync('ed25519')
    expect(problemOf(makeSigner('x').pem + privateKey.export({ type: 'pkcs8', format: 'pem' }))).toMatch(/private key/)
  })

  it('carry the hint that cosign writes into bundles', () => {
    // The key and the hint of a bundle that cosign 3.1.2 made with it.
    const pem = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEBDOa/ICS+anWCI4NblDRX2lRMCPq
cP/n4vxGSWrEurQ8cNO/S+OzmouebjVCllhJ5oOfLeevNdzNdKV2mBLP7w==
-----END PUBLIC KEY-----
`
    expect(readTrustedKeys(Buffer.from(pem), 'k')[0]!.hint).toBe('rYd0IJlfqKfe7s+9xHb8ZNSTBVhPV1TUZ0Ub2ORLoNY=')
  })
})
