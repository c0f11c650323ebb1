/**
 * Canonical CBOR: one sequence of bytes for each value, so that a digest over the bytes names the value.
 *
 * The profile (ADR 0003) is RFC 8949 4.2.1 (shortest heads, definite lengths, keys in bytewise order) with the numeric
 * rule of dCBOR (2.0 is 2, -0 is 0, else the shortest float), narrowed to what I-JSON and byte strings can say: null,
 * booleans, integers within -(2^53-1) to 2^53-1, other finite floats, well-formed text as it is (no Unicode
 * normalisation: macOS file names would change), byte strings, arrays, maps with text keys; at most 32 levels.
 */
import { RegistryError } from '../errors.ts'
import { DecodeProblem, decodeValue } from './cbor-decoder.ts'
import { EncodeProblem, encodeValue } from './cbor-encoder.ts'

export { compareUtf8 } from './cbor-encoder.ts'

/**
 * Throws `manifest-invalid` for what the profile cannot say; `detail.reason` names the rule, `detail.field` is the JSON
 * pointer of the value. A member that is `undefined` is refused, never left out.
 */
export function encodeCanonical(value: unknown): Uint8Array {
  try {
    return encodeValue(value)
  } catch (cause) {
    if (!(cause instanceof EncodeProblem)) throw cause
    throw new RegistryError(
      'manifest-invalid',
      `the value has no canonical CBOR form: ${cause.message} (at '${cause.pointer || '/'}')`,
      { field: cause.pointer, reason: cause.message },
    )
  }
}

/**
 * The value of exactly one canonical document. Throws `manifest-invalid` for any other bytes; `detail.reason` names the
 * rule they break, `detail.offset` the byte. Byte strings in the result are views of `bytes`.
 */
export function decodeCanonical(bytes: Uint8Array): unknown {
  const value = decodeStrictly(bytes)
  // The rules are checked one by one above, for the sake of the reason; this proves them as a whole, whatever was missed.
  if (Buffer.compare(encodeCanonical(value), bytes) !== 0) throw notCanonical('encoding its value gives other bytes', 0)
  return value
}

/**
 * The same for bytes that this codec wrote and a digest protects, such as event payloads: as strict, without the proof by
 * encoding again, which is half of the time. Throws `manifest-invalid`.
 */
export function decodeStored(bytes: Uint8Array): unknown {
  return decodeStrictly(bytes)
}

function decodeStrictly(bytes: Uint8Array): unknown {
  try {
    return decodeValue(bytes)
  } catch (cause) {
    if (cause instanceof DecodeProblem) throw notCanonical(cause.message, cause.offset)
    throw cause
  }
}

function notCanonical(reason: string, offset: number): RegistryError {
  return new RegistryError('manifest-invalid', `the bytes are not canonical CBOR: ${reason} (at byte ${offset})`, {
    reason,
    offset,
  })
}
