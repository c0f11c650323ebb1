/**
 * Container images made from bytes: a program of a few machine instructions for each platform, in a layer, in an OCI
 * layout. Small, the same each time, and it runs.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

export const PLATFORMS = ['amd64', 'arm64'] as const
export type Platform = (typeof PLATFORMS)[number]

/** The platform of this machine. */
export const HERE: Platform = process.arch === 'arm64' ? 'arm64' : 'amd64'

export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly platform?: { readonly os: string; readonly architecture: string }
  readonly annotations?: Readonly<Record<string, string>>
}

export interface ImageLayout {
  /** The image index over all platforms. */
  readonly index: Descriptor
  readonly images: Readonly<Record<Platform, Descriptor>>
}

/**
 * An OCI layout in `folder`: an image for each platform, whose `/hello` prints `text`. With a tag, index.json names the
 * image index by it; without one, index.json is that index.
 */
export function writeImageLayout(folder: string, { text, tag }: { text: string; tag?: string }): ImageLayout {
  mkdirSync(join(folder, 'blobs', 'sha256'), { recursive: true })
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  const images = Object.fromEntries(PLATFORMS.map((platform) => [platform, writeImage(folder, platform, text)]))
  const index = { schemaVersion: 2, mediaType: INDEX, manifests: Object.values(images) }
  const descriptor = writeBlob(folder, INDEX, JSON.stringify(index))
  const named = { ...descriptor, annotations: { 'org.opencontainers.image.ref.name': tag ?? '' } }
  const top = tag === undefined ? index : { schemaVersion: 2, mediaType: INDEX, manifests: [named] }
  writeFileSync(join(folder, 'index.json'), JSON.stringify(top))
  return { index: descriptor, images: images as Record<Platform, Descriptor> }
}

/** A Containerfile, and the program it puts into an image made from scratch. */
export function writeBuildContext(folder: string, text: string): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'Containerfile'), 'FROM scratch\nCOPY hello /hello\nENTRYPOINT ["/hello"]\n')
  writeFileSync(join(folder, 'hello'), helloProgram(HERE, text), { mode: 0o755 })
}

const INDEX = 'application/vnd.oci.image.index.v1+json'
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const CONFIG = 'application/vnd.oci.image.config.v1+json'
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip'

function writeImage(folder: string, architecture: Platform, text: string): Descriptor {
  const tar = tarOf('hello', helloProgram(architecture, text))
  const layer = writeBlob(folder, LAYER, gzipSync(tar))
  const config = writeBlob(
    folder,
    CONFIG,
    JSON.stringify({
      architecture,
      os: 'linux',
      config: { Entrypoint: ['/hello'] },
      rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
    }),
  )
  const manifest = JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config, layers: [layer] })
  return { ...writeBlob(folder, MANIFEST, manifest), platform: { os: 'linux', architecture } }
}

function writeBlob(folder: string, mediaType: string, content: string | Buffer): Descriptor {
  const bytes = Buffer.from(content)
  const digest = digestOf(bytes)
  writeFileSync(join(folder, 'blobs', 'sha256', digest.slice('sha256:'.length)), bytes)
  return { mediaType, digest, size: bytes.byteLength }
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** A static Linux program that writes `text` to stdout and ends with 0: an ELF header, one segment, and the code. */
export function helloProgram(platform: Platform, text: string): Buffer {
  const message = Buffer.from(text)
  const code = CODE[platform](message.byteLength)
  const headers = Buffer.alloc(ELF_HEADER + PROGRAM_HEADER)
  const address = 0x400000n
  const size = BigInt(headers.byteLength + code.byteLength + message.byteLength)
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(headers)
  headers.writeUInt16LE(2, 16) // an executable
  headers.writeUInt16LE(platform === 'amd64' ? 62 : 183, 18)
  headers.writeUInt32LE(1, 20)
  headers.writeBigUInt64LE(address + BigInt(headers.byteLength), 24) // where it starts
  headers.writeBigUInt64LE(BigInt(ELF_HEADER), 32)
  headers.writeUInt16LE(ELF_HEADER, 52)
  headers.writeUInt16LE(PROGRAM_HEADER, 54)
  headers.writeUInt16LE(1, 56)
  const segment = ELF_HEADER
  headers.writeUInt32LE(1, segment) // loaded
  headers.writeUInt32LE(5, segment + 4) // readable, executable
  headers.writeBigUInt64LE(address, segment + 16)
  headers.writeBigUInt64LE(address, segment + 24)
  headers.writeBigUInt64LE(size, segment + 32)
  headers.writeBigUInt64LE(size, segment + 40)
  headers.writeBigUInt64LE(0x10000n, segment + 48)
  return Buffer.concat([headers, code, message])
}

const ELF_HEADER = 64
const PROGRAM_HEADER = 56

/** write(1, message, length); exit(0), with the message right behind the code. */
const CODE: Record<Platform, (length: number) => Buffer> = {
  amd64(length) {
    const code = Buffer.from('b801000000bf01000000488d3510000000ba000000000f05b83c00000031ff0f05', 'hex')
    code.writeUInt32LE(length, 18)
    return code
  },
  arm64(length) {
    const movx2 = (0xd2800002 | (length << 5)) >>> 0
    // mov x0,1; adr x1,message; mov x2,length; mov x8,64; svc; mov x0,0; mov x8,93; svc
    const words = [0xd2800020, 0x100000e1, movx2, 0xd2800808, 0xd4000001, 0xd2800000, 0xd2800ba8, 0xd4000001]
    const code = Buffer.alloc(words.length * 4)
    words.forEach((word, n) => {
      code.writeUInt32LE(word, n * 4)
    })
    return code
  },
}

/** A tar archive of one executable file. */
export function tarOf(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512)
  const octal = (value: number, at: number, width: number) =>
    header.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at)
  header.write(name)
  octal(0o755, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(content.byteLength, 124, 12)
  octal(0, 136, 12)
  header.write('        0', 148) // the checksum counts its own field as spaces; then the type: a file
  header.write('ustar\u000000', 257)
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  )
  const padding = Buffer.alloc((512 - (content.byteLength % 512)) % 512)
  return Buffer.concat([header, content, padding, Buffer.alloc(1024)])
}
