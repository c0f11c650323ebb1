/** Values by key, bounded by the memory they take: what nobody has asked for the longest goes first. Knows nothing of staleness. */

/** Of an entry, beside its key and its bytes: the map's own and the value's fields. */
const ENTRY_BYTES = 256

interface Entry<V> {
  readonly value: V
  readonly bytes: number
}

export class ByteCache<V> {
  readonly #limitBytes: number
  /** A Map keeps the order of insertion, so that what is read is put in again. */
  readonly #entries = new Map<string, Entry<V>>()
  #bytes = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  /** What the entries take, the bound of which the constructor was given. */
  get bytes(): number {
    return this.#bytes
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key)
    if (!entry) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.value
  }

  /** In place of what the key had. A value over the limit is not kept. */
  set(key: string, value: V, valueBytes: number): void {
    this.#remove(key)
    // A string has up to two bytes a character.
    const bytes = valueBytes + 2 * key.length + ENTRY_BYTES
    if (bytes > this.#limitBytes) return
    this.#entries.set(key, { value, bytes })
    this.#bytes += bytes
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#limitBytes) return
      this.#remove(oldest)
    }
  }

  clear(): void {
    this.#entries.clear()
    this.#bytes = 0
  }

  #remove(key: string): void {
    const entry = this.#entries.get(key)
    if (!entry) return
    this.#entries.delete(key)
    this.#bytes -= entry.bytes
  }
}
