/** IEEE 754 binary16, which canonical CBOR uses wherever it holds a value exactly. */

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/** The 16 bits that stand for exactly `value`; undefined when none do. `value` is finite and fits binary32. */
export function halfBits(value: number): number | undefined {
  float[0] = value
  const single = bits[0]!
  const sign = (single >>> 16) & 0x8000
  const exponent = ((single >>> 23) & 0xff) - 127
  const fraction = single & 0x7fffff
  if (value === 0) return sign
  if (exponent >= -14 && exponent <= 15) {
    // binary16 has 10 bits of fraction, binary32 has 23.
    return fraction & 0x1fff ? undefined : sign | ((exponent + 15) << 10) | (fraction >>> 13)
  }
  if (exponent < -24 || exponent > 15) return undefined
  // Subnormal: the value is a multiple of 2^-24, smaller than 2^-14.
  const significand = fraction | 0x800000
  const shift = -1 - exponent
  return significand & ((1 << shift) - 1) ? undefined : sign | (significand >>> shift)
}

export function halfValue(half: number): number {
  const exponent = (half >>> 10) & 0x1f
  const fraction = half & 0x3ff
  const sign = half & 0x8000 ? -1 : 1
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}
