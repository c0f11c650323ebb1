/** HTTPS by certificate files that change while the server runs. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls'
import { generate } from 'selfsigned'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Endpoint } from '../../src/http/index.ts'
import { readTlsFiles } from '../../src/http/tls-files.ts'
import { serve } from './http-fixture.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tls-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const files = () => ({ certPath: join(folder, 'cert.pem'), keyPath: join(folder, 'key.pem') })
const ORIGIN: Endpoint = {
  method: 'get',
  path: '/origin',
  access: 'open',
  handle: async ({ origin }) => ({ status: 200, body: origin }),
}

async function install(name: string): Promise<void> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: name }], { keySize: 2048 })
  await put('cert.pem', cert)
  await put('key.pem', key)
}

/** As certificate tools do: whole or not at all. */
async function put(name: string, text: string): Promise<void> {
  await writeFile(join(folder, `${name}.new`), text)
  await rename(join(folder, `${name}.new`), join(folder, name))
}

function ask(port: number): Promise<{ name: string; body: string }> {
  return new Promise((resolve, reject) => {
    const options = { port, path: '/origin', host: '127.0.0.1', rejectUnauthorized: false, agent: false as const }
    get(options, (response) => {
      const { subject } = (response.socket as TLSSocket).getPeerCertificate() as PeerCertificate
      let body = ''
      response.on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () => resolve({ name: String(subject.CN), body }))
    }).on('error', reject)
  })
}

async function until(port: number, name: string): Promise<string> {
  for (let attempt = 0; attempt < 60; attempt += 1) {
    if ((await ask(port)).name === name) return name
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  return (await ask(port)).name
}

describe('a server with certificate files', () => {
  test('answers HTTPS and calls itself so; older protocols than TLS 1.2 and plain HTTP are refused', async () => {
    await install('first.example')
    await using fixture = await serve([ORIGIN], { server: { tls: files() } })
    expect(await ask(fixture.port)).toEqual({ name: 'first.example', body: `https://127.0.0.1:${fixture.port}` })
    await expect(fetch(`http://127.0.0.1:${fixture.port}/origin`)).rejects.toThrow()
    const old = connect({ port: fixture.port, rejectUnauthorized: false, maxVersion: 'TLSv1.1', minVersion: 'TLSv1' })
    await new Promise((resolve) => old.once('error', resolve))
    expect(old.authorized).toBe(false)
  })

  test('takes changed files without a restart, and keeps the old ones when the change is broken', async () => {
    await install('first.example')
    const problems: unknown[] = []
    const onTlsProblem = (error: unknown) => problems.push(error)
    await using fixture = await serve([ORIGIN], { server: { tls: files(), onTlsProblem } })
    expect((await ask(fixture.port)).name).toBe('first.example')
    await install('second.example')
    expect(await until(fixture.port, 'second.example')).toBe('second.example')
    problems.length = 0
    await put('cert.pem', 'no certificate')
    for (let i = 0; i < 40 && problems.length === 0; i += 1) await new Promise((resolve) => setTimeout(resolve, 250))
    expect(problems).not.toEqual([])
    expect((await ask(fixture.port)).name).toBe('second.example')
    await rm(join(folder, 'key.pem'))
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    expect((await ask(fixture.port)).name).toBe('second.example')
    await install('third.example')
    expect(await until(fixture.port, 'third.example')).toBe('third.example')
  })

  test('does not start with a key that is of another certificate', async () => {
    await install('first.example')
    const { private: other } = await generate([{ name: 'commonName', value: 'other.example' }], { keySize: 2048 })
    await put('key.pem', other)
    expect(() => readTlsFiles(files())).toThrow(/key values mismatch/i)
  })
})
