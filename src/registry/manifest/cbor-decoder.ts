/**
 * Reads canonical CBOR and nothing else: every rule of the profile (`canonical-cbor.ts`, ADR 0003) is checked where the
 * byte that breaks it stands, so that a refusal can name the rule and the offset.
 */
import { Buffer } from 'node:buffer'
import { MAX_DEPTH } from './cbor-encoder.ts'
import { halfBits, halfValue } from './half-float.ts'

/** Which rule the bytes break, and where. */
export class DecodeProblem extends Error {
  readonly offset: number
  constructor(reason: string, offset: number) {
    super(reason)
    this.offset = offset
  }
}

const SHORT_TEXT = 24
// ignoreBOM keeps U+FEFF as the character that it is; without it one leading mark would vanish from the text.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Throws DecodeProblem. Byte strings in the result are views of `bytes`. */
export function decodeValue(bytes: Uint8Array): unknown {
  const reader = new Reader(bytes)
  const value = reader.value(0)
  if (reader.at !== bytes.length) throw new DecodeProblem('bytes follow the document', reader.at)
  return value
}

class Reader {
  at = 0
  readonly #bytes: Buffer
  readonly #view: DataView

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  value(depth: number): unknown {
    const start = this.at
    const initial = this.#initialByte()
    const info = initial & 0x1f
    switch (initial >> 5) {
      case 0:
        return this.#integer(this.#argument(info, start), start)
      case 1:
        return -1 - this.#integer(this.#argument(info, start) + 1, start) + 1
      case 2:
        return this.#byteString(this.#length(info, start))
      case 3:
        return this.#text(this.#length(info, start), start)
      case 4:
        return this.#array(this.#length(info, start), depth, start)
      case 5:
        return this.#map(this.#length(info, start), depth, start)
      case 6:
        throw new DecodeProblem('tags are not allowed', start)
      default:
        return this.#simpleOrFloat(info, start)
    }
  }

  #initialByte(): number {
    const byte = this.#bytes[this.at]
    if (byte === undefined) throw new DecodeProblem('the document ends too early', this.at)
    this.at++
    return byte
  }

  /** Exact up to 2^53, and beyond that at least greater than it. */
  #argument(info: number, start: number): number {
    if (info < 24) return info
    if (info === 31) throw new DecodeProblem('indefinite lengths are not allowed', start)
    if (info > 27) throw new DecodeProblem('a reserved additional information value is used', start)
    const size = 1 << (info - 24)
    this.#need(size)
    const at = this.at
    this.at += size
    const argument =
      size === 1
        ? this.#bytes[at]!
        : size === 2
          ? this.#view.getUint16(at)
          : size === 4
            ? this.#view.getUint32(at)
            : this.#view.getUint32(at) * 0x100000000 + this.#view.getUint32(at + 4)
    if (argument < SMALLEST_ARGUMENT[info - 24]!) {
      throw new DecodeProblem('an integer or length is not in its shortest form', start)
    }
    return argument
  }

  #integer(magnitude: number, start: number): number {
    if (magnitude > Number.MAX_SAFE_INTEGER) {
      throw new DecodeProblem('an integer is outside -(2^53-1) to 2^53-1', start)
    }
    return magnitude
  }

  /** Every element takes at least a byte, so no claim beyond the input makes anything be allocated. */
  #length(info: number, start: number): number {
    const length = this.#argument(info, start)
    if (length > this.#bytes.length - this.at) throw new DecodeProblem('the document ends too early', start)
    return length
  }

  #need(size: number): void {
    if (size > this.#bytes.length - this.at) throw new DecodeProblem('the document ends too early', this.at)
  }

  #byteString(length: number): Uint8Array {
    const { buffer, byteOffset } = this.#bytes
    const bytes = new Uint8Array(buffer, byteOffset + this.at, length)
    this.at += length
    return bytes
  }

  #text(length: number, start: number): string {
    const from = this.at
    const to = from + length
    this.at = to
    let ascii = true
    for (let i = from; ascii && i < to; i++) ascii = this.#bytes[i]! < 0x80
    if (!ascii) return this.#wideText(from, to, start)
    if (length > SHORT_TEXT) return this.#bytes.toString('latin1', from, to)
    let text = ''
    for (let i = from; i < to; i++) text += String.fromCharCode(this.#bytes[i]!)
    return text
  }

  #wideText(from: number, to: number, start: number): string {
    try {
      return utf8.decode(this.#bytes.subarray(from, to))
    } catch {
      throw new DecodeProblem('text is not valid UTF-8', start)
    }
  }

  #array(length: number, depth: number, start: number): unknown[] {
    if (depth >= MAX_DEPTH) throw new DecodeProblem(`it is nested deeper than ${MAX_DEPTH} levels`, start)
    const values: unknown[] = []
    for (let i = 0; i < length; i++) values.push(this.value(depth + 1))
    return values
  }

  #map(length: number, depth: number, start: number): Record<string, unknown> {
    if (depth >= MAX_DEPTH) throw new DecodeProblem(`it is nested deeper than ${MAX_DEPTH} levels`, start)
    const map: Record<string, unknown> = {}
    let previous = -1
    let previousEnd = -1
    for (let i = 0; i < length; i++) {
      const keyStart = this.at
      const initial = this.#initialByte()
      if (initial >> 5 !== 3) throw new DecodeProblem('a map key is not text', keyStart)
      const key = this.#text(this.#length(initial & 0x1f, keyStart), keyStart)
      if (previous >= 0) this.#requireOrder(previous, previousEnd, keyStart)
      previous = keyStart
      previousEnd = this.at
      const value = this.value(depth + 1)
      // Assigning `__proto__` would change the prototype and lose the member.
      if (key === '__proto__') Object.defineProperty(map, key, { value, ...OWN_MEMBER })
      else map[key] = value
    }
    return map
  }

  #requireOrder(previous: number, previousEnd: number, key: number): void {
    const order = this.#bytes.compare(this.#bytes, previous, previousEnd, key, this.at)
    if (order === 0) throw new DecodeProblem('a map key stands twice', key)
    if (order < 0) throw new DecodeProblem('map keys are not in bytewise order', key)
  }

  #simpleOrFloat(info: number, start: number): unknown {
    switch (info) {
      case 20:
        return false
      case 21:
        return true
      case 22:
        return null
      case 23:
        throw new DecodeProblem('undefined is not allowed', start)
      case 25:
      case 26:
      case 27:
        return this.#float(info, start)
      case 31:
        throw new DecodeProblem('indefinite lengths are not allowed', start)
      default:
        throw new DecodeProblem('simple values other than false, true and null are not allowed', start)
    }
  }

  #float(info: number, start: number): number {
    const size = 1 << (info - 24)
    this.#need(size)
    const at = this.at
    this.at += size
    const value =
      size === 2
        ? halfValue(this.#view.getUint16(at))
        : size === 4
          ? this.#view.getFloat32(at)
          : this.#view.getFloat64(at)
    if (!Number.isFinite(value)) throw new DecodeProblem('NaN and infinities are not allowed', start)
    if (Number.isInteger(value)) throw new DecodeProblem('an integer is written as a float', start)
    const shorter = size === 8 ? Math.fround(value) === value : size === 4 && halfBits(value) !== undefined
    if (shorter) throw new DecodeProblem('a float is not in its shortest form', start)
    return value
  }
}

/** The smallest argument that needs 1, 2, 4 and 8 bytes. */
const SMALLEST_ARGUMENT = [24, 0x100, 0x10000, 0x100000000] as const
const OWN_MEMBER = { enumerable: true, configurable: true, writable: true } as const
