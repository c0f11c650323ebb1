/**
 * Reads the canonical manifest of a package (`schemas/manifest.cddl`). On purpose not the registry's codec: who checks must not
 * rely on who wrote. Takes what such manifests consist of and nothing else.
 */

export type CborValue = null | boolean | number | string | readonly CborValue[] | { readonly [name: string]: CborValue }

const DEPTH_LIMIT = 40

/** Throws an `Error` for bytes that are no such value, or have more after it. */
export function readCbor(bytes: Uint8Array): CborValue {
  const reader = new Reader(bytes)
  const value = reader.value(0)
  if (!reader.isAtEnd) throw new Error('bytes follow the value')
  return value
}

class Reader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  value(depth: number): CborValue {
    if (depth > DEPTH_LIMIT) throw new Error(`it is nested deeper than ${DEPTH_LIMIT} levels`)
    const head = this.#view.getUint8(this.#take(1))
    const [major, info] = [head >> 5, head & 0x1f]
    if (major === 7) return this.#simple(info)
    const argument = this.#argument(info)
    switch (major) {
      case 0:
        return argument
      case 1:
        return -1 - argument
      case 3:
        return this.#text.decode(this.#bytes.subarray(this.#take(argument), this.#at))
      case 4:
        return this.#list(argument, depth)
      case 5:
        return this.#map(argument, depth)
      default:
        throw new Error(`a value of major type ${major} has no place in a manifest`)
    }
  }

  #list(length: number, depth: number): CborValue {
    this.#requireRoom(length)
    return Array.from({ length }, () => this.value(depth + 1))
  }

  #map(length: number, depth: number): CborValue {
    this.#requireRoom(length)
    const members = Object.create(null) as Record<string, CborValue>
    for (let count = 0; count < length; count += 1) {
      const name = this.value(depth + 1)
      if (typeof name !== 'string') throw new Error('a member has a name that is no text')
      if (Object.hasOwn(members, name)) throw new Error(`the member '${name}' stands twice`)
      members[name] = this.value(depth + 1)
    }
    return members
  }

  /** Each member takes a byte at least, so that a length that is a lie costs no memory. */
  #requireRoom(length: number): void {
    if (length > this.#bytes.length - this.#at) throw new Error('it ends too early')
  }

  #argument(info: number): number {
    if (info < 24) return info
    switch (info) {
      case 24:
        return this.#view.getUint8(this.#take(1))
      case 25:
        return this.#view.getUint16(this.#take(2))
      case 26:
        return this.#view.getUint32(this.#take(4))
      case 27: {
        const number = Number(this.#view.getBigUint64(this.#take(8)))
        if (Number.isSafeInteger(number)) return number
        throw new Error('a number is beyond 2^53-1')
      }
      default:
        throw new Error('a length is not definite')
    }
  }

  #simple(info: number): CborValue {
    switch (info) {
      case 20:
      case 21:
        return info === 21
      case 22:
        return null
      case 25:
        return halfFloat(this.#view.getUint16(this.#take(2)))
      case 26:
        return this.#view.getFloat32(this.#take(4))
      case 27:
        return this.#view.getFloat64(this.#take(8))
      default:
        throw new Error(`the simple value ${info} has no place in a manifest`)
    }
  }

  /** Moves on; where the bytes begin. */
  #take(length: number): number {
    const start = this.#at
    if (length > this.#bytes.length - start) throw new Error('it ends too early')
    this.#at = start + length
    return start
  }
}

/** RFC 8949, appendix D. */
function halfFloat(bits: number): number {
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  const sign = bits & 0x8000 ? -1 : 1
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (fraction + 1024) * 2 ** (exponent - 25)
}
