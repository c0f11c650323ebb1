/**
 * Writes plain data as canonical CBOR (profile: `canonical-cbor.ts`, ADR 0003). Own code, because this runs for every
 * event and the general-purpose encoder writes 19,000 small payloads a second; that one is the oracle in the tests.
 */
import { Buffer } from 'node:buffer'
import { halfBits } from './half-float.ts'

/** Arrays and maps inside one another, the outermost counted. Metadata may use 16 of them. */
export const MAX_DEPTH = 32

/** Why a value has no canonical form, and the JSON pointer of the value. */
export class EncodeProblem extends Error {
  readonly pointer: string
  constructor(reason: string, path: readonly (string | number)[]) {
    super(reason)
    this.pointer = path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
  }
}

const FIRST_SIZE = 64 * 1024
/** A scratch buffer larger than this is given back after use. */
const KEPT_SIZE = 1024 * 1024
/** Up to here a loop over the characters beats a call into the runtime. */
const SHORT_TEXT = 40

// One scratch buffer for all calls: encoding is synchronous and runs no foreign code, so it is never entered twice.
let scratch = Buffer.allocUnsafeSlow(FIRST_SIZE)
let view = new DataView(scratch.buffer)
let position = 0
const path: (string | number)[] = []

/** Throws EncodeProblem. The result is a buffer of its own. */
export function encodeValue(value: unknown): Uint8Array {
  position = 0
  path.length = 0
  write(value, 0)
  const bytes = new Uint8Array(scratch.buffer.slice(0, position))
  if (scratch.length > KEPT_SIZE) useScratch(FIRST_SIZE)
  return bytes
}

/** Compares by the bytes of the UTF-8 forms without making them: surrogates stand for code points above U+FFFF. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i)
    const right = b.charCodeAt(i)
    if (left !== right) return codePointRank(left) - codePointRank(right)
  }
  return a.length - b.length
}

function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000
}

function write(value: unknown, depth: number): void {
  if (typeof value === 'string') writeText(value)
  else if (typeof value === 'number') writeNumber(value)
  else if (typeof value === 'boolean') writeByte(value ? 0xf5 : 0xf4)
  else if (value === null) writeByte(0xf6)
  else if (typeof value !== 'object') throw new EncodeProblem(`${typeof value} has no canonical form`, path)
  else if (value instanceof Uint8Array) writeBytes(value)
  else if (depth >= MAX_DEPTH) throw new EncodeProblem(`it is nested deeper than ${MAX_DEPTH} levels`, path)
  else if (Array.isArray(value)) writeArray(value, depth + 1)
  else writeMap(value, depth + 1)
}

function writeNumber(value: number): void {
  if (Number.isSafeInteger(value)) {
    // -0 takes this way too and becomes 0: one zero only.
    if (value >= 0) writeHead(0x00, value)
    else writeHead(0x20, -1 - value)
    return
  }
  if (!Number.isFinite(value)) throw new EncodeProblem(`${value} has no canonical form`, path)
  if (Number.isInteger(value)) throw new EncodeProblem('an integer is outside -(2^53-1) to 2^53-1', path)
  reserve(9)
  if (Math.fround(value) !== value) {
    view.setUint8(position, 0xfb)
    view.setFloat64(position + 1, value)
    position += 9
    return
  }
  const half = halfBits(value)
  if (half === undefined) {
    view.setUint8(position, 0xfa)
    view.setFloat32(position + 1, value)
    position += 5
  } else {
    view.setUint8(position, 0xf9)
    view.setUint16(position + 1, half)
    position += 3
  }
}

function writeText(text: string): void {
  if (text.length <= SHORT_TEXT && writeShortAscii(text)) return
  if (!text.isWellFormed()) throw new EncodeProblem('text contains a lone surrogate', path)
  const size = Buffer.byteLength(text)
  writeHead(0x60, size)
  reserve(size)
  scratch.write(text, position, size, size === text.length ? 'latin1' : 'utf8')
  position += size
}

/** False, with nothing written, when the text is not plain ASCII. */
function writeShortAscii(text: string): boolean {
  const { length } = text
  reserve(length + 2)
  let at = position
  if (length < 24) scratch[at++] = 0x60 | length
  else {
    scratch[at++] = 0x78
    scratch[at++] = length
  }
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i)
    if (unit > 0x7f) return false
    scratch[at++] = unit
  }
  position = at
  return true
}

function writeBytes(bytes: Uint8Array): void {
  writeHead(0x40, bytes.length)
  reserve(bytes.length)
  scratch.set(bytes, position)
  position += bytes.length
}

function writeArray(values: readonly unknown[], depth: number): void {
  writeHead(0x80, values.length)
  for (let i = 0; i < values.length; i++) {
    path.push(i)
    write(values[i], depth)
    path.pop()
  }
}

function writeMap(value: object, depth: number): void {
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    throw new EncodeProblem('only plain data has a canonical form', path)
  }
  const map = value as Readonly<Record<string, unknown>>
  const keys = sortedKeys(map)
  writeHead(0xa0, keys.length)
  for (const key of keys) {
    path.push(key)
    writeText(key)
    write(map[key], depth)
    path.pop()
  }
}

/** RFC 8949, 4.2.1: "in the bytewise lexicographic order of their deterministic encodings": shorter text comes first. */
function sortedKeys(map: Readonly<Record<string, unknown>>): string[] {
  const keys = Object.keys(map)
  // Insertion sort: maps are small, often sorted already, and no comparison function is made for each of them.
  if (keys.length > 64) return keys.sort(compareKeys)
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i]!
    let at = i
    while (at > 0 && compareKeys(keys[at - 1]!, key) > 0) {
      keys[at] = keys[at - 1]!
      at--
    }
    keys[at] = key
  }
  return keys
}

function compareKeys(a: string, b: string): number {
  return utf8Length(a) - utf8Length(b) || compareUtf8(a, b)
}

function utf8Length(text: string): number {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return Buffer.byteLength(text)
  return text.length
}

/** The initial byte and the shortest argument. `major` is the major type in the upper three bits. */
function writeHead(major: number, argument: number): void {
  reserve(9)
  if (argument < 24) {
    scratch[position++] = major | argument
  } else if (argument < 0x100) {
    scratch[position++] = major | 24
    scratch[position++] = argument
  } else if (argument < 0x10000) {
    scratch[position] = major | 25
    view.setUint16(position + 1, argument)
    position += 3
  } else if (argument < 0x100000000) {
    scratch[position] = major | 26
    view.setUint32(position + 1, argument)
    position += 5
  } else {
    scratch[position] = major | 27
    view.setUint32(position + 1, Math.floor(argument / 0x100000000))
    view.setUint32(position + 5, argument % 0x100000000)
    position += 9
  }
}

function writeByte(byte: number): void {
  reserve(1)
  scratch[position++] = byte
}

function reserve(size: number): void {
  if (position + size <= scratch.length) return
  const old = scratch
  const used = position
  useScratch(Math.max(old.length * 2, position + size))
  old.copy(scratch, 0, 0, used)
}

function useScratch(size: number): void {
  scratch = Buffer.allocUnsafeSlow(size)
  view = new DataView(scratch.buffer)
}
