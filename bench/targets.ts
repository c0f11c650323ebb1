/** What the plan asks of the figures, and how they stand to it. A target that is missed is printed as missed. */
import type { Contestant } from './contestant.ts'
import { isTie, median } from './figures.ts'
import type { Measured } from './rounds.ts'

export interface Target {
  readonly workload: string
  readonly of: 'ours' | 'ours-workers' | 'ours-nginx'
  /**
   * A contestant or limit by its id, the best registry beside ours (of those only that flush), the lowest of the
   * limits; `itself` with another workload in `workloadOf`; absent for a bound of its own.
   */
  readonly against?: string | 'best' | 'best flushing' | 'lowest limit' | 'itself'
  readonly workloadOf?: string
  /** For the ratio. */
  readonly atLeast?: number
  /** For the figure itself, in its unit. */
  readonly atMost?: number
}

// biome-ignore format: a table reads by columns
export const TARGETS: readonly Target[] = [
  { workload: 'manifest-get-tag',    of: 'ours',         against: 'distribution', atLeast: 2 },
  { workload: 'manifest-get-tag',    of: 'ours',         against: 'zot',          atLeast: 0.9 },
  { workload: 'manifest-get-tag',    of: 'ours',         against: 'angos',        atLeast: 0.9 },
  { workload: 'manifest-get-tag',    of: 'ours-workers', against: 'bare-2',       atLeast: 0.75 },
  { workload: 'manifest-get-3000',   of: 'ours',         against: 'distribution', atLeast: 2 },
  { workload: 'manifest-get-3000',   of: 'ours-workers', against: 'best',         atLeast: 1.2 },
  { workload: 'manifest-get-3000',   of: 'ours-workers', against: 'zot',          atLeast: 40 },
  { workload: 'manifest-get-3000',   of: 'ours-workers', against: 'olareg',       atLeast: 20 },
  { workload: 'manifest-get-100000', of: 'ours',         against: 'itself',       workloadOf: 'manifest-get-3000', atLeast: 0.9 },
  { workload: 'blob-get-10m',        of: 'ours',         against: 'bare-file',    atLeast: 0.9 },
  { workload: 'blob-get-10m',        of: 'ours-nginx',   against: 'best',         atLeast: 1 },
  { workload: 'blob-push-256m',      of: 'ours',         against: 'best',         atLeast: 1 },
  { workload: 'blob-push-256m',      of: 'ours',         against: 'lowest limit', atLeast: 0.8 },
  ...[1, 8, 64].map((n): Target => ({ workload: `artifacts-${n}`, of: 'ours', against: 'best flushing', atLeast: 5 })),
  ...[8, 64].map((n): Target => ({ workload: `artifacts-${n}`, of: 'ours', against: 'best', atLeast: 1.5 })),
  { workload: 'tags-page-3000',      of: 'ours',         against: 'best',         atLeast: 5 },
  { workload: 'tags-page-100000',    of: 'ours',         against: 'itself',       workloadOf: 'tags-page-3000', atLeast: 0.9 },
  { workload: 'referrers-page-10000', of: 'ours',        against: 'itself',       workloadOf: 'referrers-page-2000', atLeast: 0.9 },
  { workload: 'referrers-page-2000', of: 'ours',         against: 'best',         atLeast: 5 },
  { workload: 'referrers-filtered-2000', of: 'ours',     against: 'best',         atLeast: 5 },
  { workload: 'memory-idle',         of: 'ours',         atMost: 100 },
  { workload: 'memory-push',         of: 'ours',         atMost: 64 },
  { workload: 'start',               of: 'ours',         atMost: 500 },
]

export interface Judged {
  readonly target: Target
  readonly measured: Measured
  readonly value: number
  /** Who it is held against, and its figure. */
  readonly other?: { readonly id: string; readonly value: number }
  readonly ratio?: number
  /** The rounds of both overlap: the difference tells nothing. */
  readonly isTie: boolean
  readonly isReached: boolean
}

/** Those for which both sides were measured. */
export function judge(
  measured: readonly Measured[],
  contestants: readonly Contestant[],
  limits: ReadonlySet<string>,
): Judged[] {
  return TARGETS.flatMap((target) => judgeOne(target, { measured, contestants, limits }) ?? [])
}

interface Field {
  readonly measured: readonly Measured[]
  readonly contestants: readonly Contestant[]
  readonly limits: ReadonlySet<string>
}

function judgeOne(target: Target, field: Field): Judged | undefined {
  const measured = field.measured.find(({ id }) => id === target.workload)
  const own = measured && valuesOf(measured, target.of)
  if (!measured || !own) return undefined
  const value = median(own)
  const base = { target, measured, value }
  if (target.atMost !== undefined) return { ...base, isTie: false, isReached: value <= target.atMost }
  const id = opponentOf(target, measured, field)
  const where = target.workloadOf ? field.measured.find((one) => one.id === target.workloadOf) : measured
  const others = id === undefined || !where ? undefined : valuesOf(where, id)
  if (id === undefined || !others) return undefined
  const ratio = median(own.map((one, round) => one / (others[round] ?? median(others))))
  return {
    ...base,
    other: { id, value: median(others) },
    ratio,
    isTie: isTie(own, others),
    isReached: ratio >= (target.atLeast ?? 0),
  }
}

function opponentOf({ against, of }: Target, measured: Measured, { contestants, limits }: Field): string | undefined {
  const ids = Object.keys(measured.samples)
  const registries = contestants.filter(({ kind, id }) => kind === 'registry' && ids.includes(id))
  switch (against) {
    case 'itself':
      return of
    case 'best':
      return best(measured, registries)
    case 'best flushing':
      return best(
        measured,
        registries.filter(({ promises }) => promises.isFlushing),
      )
    case 'lowest limit':
      return ids.filter((id) => limits.has(id)).sort((a, b) => medianOf(measured, a) - medianOf(measured, b))[0]
    default:
      return against
  }
}

function best(measured: Measured, of: readonly Contestant[]): string | undefined {
  const sign = measured.isLessBetter ? 1 : -1
  return of.map(({ id }) => id).sort((a, b) => sign * (medianOf(measured, a) - medianOf(measured, b)))[0]
}

export function medianOf(measured: Measured, id: string): number {
  return median(valuesOf(measured, id) ?? [])
}

export function valuesOf({ samples }: Measured, id: string): readonly number[] | undefined {
  const of = samples[id]
  return of && of.length > 0 ? of.map(({ value }) => value) : undefined
}
