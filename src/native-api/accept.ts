/** Content negotiation, as far as this API needs it: which of the offered media types an Accept header wants most. */

interface Preference {
  readonly type: string
  readonly quality: number
}

/**
 * The offered type that `accept` prefers; of equals, the one offered first. Undefined when none is acceptable.
 * RFC 9110, section 12.5.1: the most specific range that matches a type decides on it; parameters other than `q` are
 * ignored, because none of our types has any.
 */
export function preferredType<T extends string>(accept: string | undefined, offered: readonly T[]): T | undefined {
  if (accept === undefined || accept.trim() === '') return offered[0]
  const preferences = accept.split(',').map(parsePreference)
  let best: T | undefined
  let bestQuality = 0
  for (const type of offered) {
    const quality = qualityOf(type, preferences)
    if (quality > bestQuality) {
      best = type
      bestQuality = quality
    }
  }
  return best
}

function parsePreference(text: string): Preference {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  const weight = parameters.find((parameter) => parameter.startsWith('q='))
  const quality = weight === undefined ? 1 : Number(weight.slice(2))
  return { type, quality: Number.isFinite(quality) ? Math.min(Math.max(quality, 0), 1) : 0 }
}

function qualityOf(type: string, preferences: readonly Preference[]): number {
  const family = `${type.slice(0, type.indexOf('/'))}/*`
  for (const range of [type, family, '*/*']) {
    const match = preferences.find((preference) => preference.type === range)
    if (match) return match.quality
  }
  return 0
}
