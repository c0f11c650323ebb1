/**
 * A client of `/v2/` that pushes, tags, mounts, deletes, reads and lists as seeded choices tell it, and notes what it is
 * told in a history that all clients share.
 */
import type { Answer, RequestOptions } from '../oci/oci-fixture.ts'
import { imageManifest, OCI_MANIFEST, sha256 } from '../oci/oci-fixture.ts'
import { bytesOf } from './bytes.ts'
import type { Choices } from './choices.ts'
import type { History } from './history.ts'

/** Undefined: the server went away, and nobody knows what it did. */
export type Send = (method: string, path: string, options?: RequestOptions) => Promise<Answer | undefined>

const REPOSITORIES = ['team/a', 'team/b', 'team/b/c']
const TAGS = ['v1', 'v2', 'latest']
const VERSIONS = 6

interface Image {
  readonly body: string
  readonly digest: string
  readonly blobs: readonly Buffer[]
}

function imageOf(version: number): Image {
  const blobs = [bytesOf(300, 1 + (version % 3)), bytesOf(2_000, 10 + version)]
  const [config, layer] = blobs.map((bytes) => ({
    mediaType: 'application/vnd.example',
    digest: sha256(bytes),
    size: bytes.length,
  }))
  const body = JSON.stringify({
    ...imageManifest({ annotations: { version: String(version) } }),
    config,
    layers: [layer],
  })
  return { body, digest: sha256(body), blobs }
}

const IMAGES = Array.from({ length: VERSIONS }, (_, version) => imageOf(version))

export class ModelClient {
  readonly #send: Send
  readonly #choose: Choices
  readonly #history: History
  readonly problems: string[] = []

  constructor(send: Send, choose: Choices, history: History) {
    this.#send = send
    this.#choose = choose
    this.#history = history
  }

  async step(): Promise<void> {
    const choose = this.#choose
    const [repository, tag, image] = [choose.of(REPOSITORIES), choose.of(TAGS), choose.of(IMAGES)]
    const roll = choose.below(100)
    if (roll < 35) return this.#push(repository, tag, image)
    if (roll < 50) return this.#readTag(repository, tag)
    if (roll < 62) return this.#readDigest(repository, image)
    if (roll < 74) return this.#list(repository)
    if (roll < 84) return this.#untag(repository, tag)
    if (roll < 90) return this.#remove(repository, image)
    return this.#readBlob(repository, choose.of(image.blobs))
  }

  async #push(repository: string, tag: string, image: Image): Promise<void> {
    for (const blob of image.blobs) if (!(await this.#putBlob(repository, blob))) return
    const writes = [
      this.#history.write(tagOf(repository, tag), image.digest),
      this.#history.write(manifestOf(repository, image.digest), 'there'),
    ]
    const headers = { 'content-type': OCI_MANIFEST }
    const answer = await this.#send('PUT', `/v2/${repository}/manifests/${tag}`, { body: image.body, headers })
    if (answer && this.#expect(answer, [201], 'put')) for (const write of writes) write.done()
  }

  /** Whether the repository surely has it now. */
  async #putBlob(repository: string, blob: Buffer): Promise<boolean> {
    const digest = sha256(blob)
    const span = this.#history.begin()
    const head = await this.#send('HEAD', `/v2/${repository}/blobs/${digest}`)
    if (!head) return false
    this.#expect(head, [200, 404], 'head of a blob')
    this.#history.read(blobOf(repository, digest), span, head.status === 200 ? 'there' : undefined)
    if (head.status === 200) return true
    const source = this.#choose.of(REPOSITORIES)
    const mounting = this.#history.begin()
    const write = this.#history.write(blobOf(repository, digest), 'there')
    const mounted = await this.#send('POST', `/v2/${repository}/blobs/uploads/?mount=${digest}&from=${source}`)
    if (!mounted || !this.#expect(mounted, [201, 202], 'mount')) return false
    if (mounted.status === 201) {
      this.#history.read(blobOf(source, digest), mounting, 'there')
      write.done()
      return true
    }
    // Beginning an upload instead says that the source had nothing.
    if (source !== repository) this.#history.read(blobOf(source, digest), mounting, undefined)
    const location = mounted.headers.get('location')!
    const half = blob.length >> 1
    const patched = await this.#send('PATCH', location, { body: blob.subarray(0, half) })
    if (!patched || !this.#expect(patched, [202], 'patch')) return false
    const put = await this.#send('PUT', `${location}?digest=${digest}`, { body: blob.subarray(half) })
    if (!put || !this.#expect(put, [201], 'completion')) return false
    write.done()
    return true
  }

  async #readTag(repository: string, tag: string): Promise<void> {
    const span = this.#history.begin()
    const answer = await this.#send('GET', `/v2/${repository}/manifests/${tag}`)
    if (!answer || !this.#expect(answer, [200, 404], 'get of a tag')) return
    const digest = answer.status === 200 ? sha256(answer.bytes) : undefined
    if (digest !== undefined && answer.headers.get('docker-content-digest') !== digest)
      this.problems.push('another digest')
    this.#history.read(tagOf(repository, tag), span, digest)
  }

  async #readDigest(repository: string, image: Image): Promise<void> {
    const span = this.#history.begin()
    const answer = await this.#send('GET', `/v2/${repository}/manifests/${image.digest}`)
    if (!answer || !this.#expect(answer, [200, 404], 'get of a manifest')) return
    if (answer.status === 200 && answer.bytes.toString() !== image.body) this.problems.push('a manifest of other bytes')
    this.#history.read(manifestOf(repository, image.digest), span, answer.status === 200 ? 'there' : undefined)
  }

  async #readBlob(repository: string, blob: Buffer): Promise<void> {
    const span = this.#history.begin()
    const digest = sha256(blob)
    const answer = await this.#send('GET', `/v2/${repository}/blobs/${digest}`)
    if (!answer || !this.#expect(answer, [200, 404], 'get of a blob')) return
    if (answer.status === 200 && !answer.bytes.equals(blob)) this.problems.push('a blob of other bytes')
    this.#history.read(blobOf(repository, digest), span, answer.status === 200 ? 'there' : undefined)
  }

  async #list(repository: string): Promise<void> {
    const span = this.#history.begin()
    const answer = await this.#send('GET', `/v2/${repository}/tags/list`)
    if (!answer || !this.#expect(answer, [200, 404], 'list')) return
    const listed = answer.status === 200 ? (answer.json as { tags: string[] }).tags : []
    for (const tag of TAGS) {
      const isListed = listed.includes(tag)
      const isSeen = (value: string | undefined) => (value !== undefined) === isListed
      this.#history.readOneOf(tagOf(repository, tag), span, isSeen, isListed ? 'listed' : 'not listed')
    }
  }

  async #untag(repository: string, tag: string): Promise<void> {
    const span = this.#history.begin()
    const write = this.#history.write(tagOf(repository, tag), undefined)
    const answer = await this.#send('DELETE', `/v2/${repository}/manifests/${tag}`)
    if (!answer || !this.#expect(answer, [202, 404], 'removal of a tag')) return
    if (answer.status === 202) return write.done()
    write.never()
    this.#history.read(tagOf(repository, tag), span, undefined)
  }

  /** Takes the tags on it along: each of them may have become nothing. */
  async #remove(repository: string, image: Image): Promise<void> {
    const span = this.#history.begin()
    const write = this.#history.write(manifestOf(repository, image.digest), undefined)
    const tags = TAGS.map((tag) => this.#history.write(tagOf(repository, tag), undefined))
    const answer = await this.#send('DELETE', `/v2/${repository}/manifests/${image.digest}`)
    if (!answer || !this.#expect(answer, [202, 404], 'removal of a manifest')) return
    if (answer.status === 202) return write.done()
    write.never()
    for (const tag of tags) tag.never()
    this.#history.read(manifestOf(repository, image.digest), span, undefined)
  }

  #expect(answer: Answer, statuses: readonly number[], what: string): boolean {
    if (statuses.includes(answer.status)) return true
    this.problems.push(`${what} was answered ${answer.status}: ${answer.bytes}`)
    return false
  }
}

const tagOf = (repository: string, tag: string) => `${repository}:${tag}`
const manifestOf = (repository: string, digest: string) => `${repository}@${digest}`
const blobOf = (repository: string, digest: string) => `${repository} blob ${digest}`

/** When all is quiet: the history's last word holds, and each manifest that is there is whole, with all of its blobs. */
export async function expectWhole(send: Send, history: History): Promise<string[]> {
  const problems: string[] = []
  for (const repository of REPOSITORIES) {
    for (const { digest, body, blobs } of IMAGES) {
      const span = history.begin()
      const answer = await send('GET', `/v2/${repository}/manifests/${digest}`)
      history.read(manifestOf(repository, digest), span, answer?.status === 200 ? 'there' : undefined)
      if (answer?.status !== 200) continue
      if (answer.bytes.toString() !== body) problems.push(`${repository}@${digest} has other bytes`)
      for (const blob of blobs) {
        const got = await send('GET', `/v2/${repository}/blobs/${sha256(blob)}`)
        if (got?.status !== 200 || !got.bytes.equals(blob)) problems.push(`${repository}@${digest} is not whole`)
      }
    }
    for (const tag of TAGS) {
      const span = history.begin()
      const answer = await send('GET', `/v2/${repository}/manifests/${tag}`)
      history.read(tagOf(repository, tag), span, answer?.status === 200 ? sha256(answer.bytes) : undefined)
    }
  }
  return problems
}
