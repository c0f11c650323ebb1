/** Fills a server through `/v2/`, as a client would. */
import { createHash } from 'node:crypto'
import { AUTHORIZATION, type ServerProcess } from './server-process.ts'

export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'
const EMPTY = Buffer.from('{}')

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

export async function must(answer: Promise<Response>, status: number): Promise<Response> {
  const got = await answer
  if (got.status !== status) throw new Error(`${got.url} answered ${got.status}: ${await got.text()}`)
  return got
}

export async function pushBlob(server: ServerProcess, repository: string, bytes: Uint8Array): Promise<string> {
  const digest = sha256(bytes)
  const url = `${server.url}/v2/${repository}/blobs/uploads/?digest=${digest}`
  const headers = { ...AUTHORIZATION, 'Content-Type': 'application/octet-stream' }
  await must(fetch(url, { method: 'POST', headers, body: Buffer.from(bytes) }), 201).then((r) => r.arrayBuffer())
  return digest
}

export function manifestOf(config: string, file: { digest: string; size: number }, note: string): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    artifactType: 'application/vnd.example.bench.v1',
    config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: config, size: 2 },
    layers: [
      { mediaType: 'application/octet-stream', ...file, annotations: { 'org.opencontainers.image.title': 'file.bin' } },
    ],
    annotations: { note },
  })
}

/** One small manifest under `tags` tags; returns the manifest's bytes. */
export async function seedTags(server: ServerProcess, repository: string, tags: number): Promise<string> {
  const config = await pushBlob(server, repository, EMPTY)
  const file = Buffer.from('bench')
  const manifest = manifestOf(config, { digest: await pushBlob(server, repository, file), size: file.length }, 'tags')
  await inParallel(tags, 16, (n) => putManifest(server, repository, tagName(n), manifest))
  return manifest
}

export const tagName = (n: number): string => `t${String(n).padStart(6, '0')}`

export async function putManifest(
  server: ServerProcess,
  repository: string,
  reference: string,
  manifest: string,
): Promise<void> {
  const url = `${server.url}/v2/${repository}/manifests/${reference}`
  const headers = { ...AUTHORIZATION, 'Content-Type': MANIFEST_TYPE }
  await must(fetch(url, { method: 'PUT', headers, body: manifest }), 201).then((r) => r.arrayBuffer())
}

export async function inParallel(count: number, width: number, work: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (next < count) await work(next++)
    }),
  )
}
