/** Durations as people write them on a command line. */
import { usageError } from './failure.ts'

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 }

/** Seconds. Throws a usage error that names the option. */
export function parseDuration(text: string, option: string): number {
  const [, amount, unit] = /^(\d{1,6})([smhdw])$/.exec(text) ?? []
  if (amount !== undefined && unit !== undefined && Number(amount) > 0) return Number(amount) * SECONDS[unit]!
  throw usageError(`${option} '${text}' is not a duration; use a number with s, m, h, d or w, such as 30d`)
}
