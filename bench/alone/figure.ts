/**
 * Figures of what only this registry has, as a table: the value, the limit of the same run, the ratio, and the target that
 * stands in the plan.
 */
import { number, table as tableOf } from '../report/page.ts'

export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** (highest - lowest) / median of the rounds. */
  readonly spread?: number
  readonly against?: string
  /** The same unit as `value`. */
  readonly limit?: number
  readonly ratio?: number
  /** For the ratio. */
  readonly target?: number
  /** The same where less is better. */
  readonly ratioAtMost?: number
  readonly atMost?: number
  readonly atLeast?: number
}

export function figureTable(figures: readonly Figure[]): string {
  return tableOf(['workload', 'measured', 'spread', 'limit, same run', 'ratio', 'target'], figures.map(row))
}

function row(f: Figure): string[] {
  return [
    f.name,
    `${number(f.value)} ${f.unit}`,
    f.spread === undefined ? '' : `±${Math.round(f.spread * 50)} %`,
    f.limit === undefined ? '' : `${number(f.limit)} ${f.unit} (${f.against})`,
    f.ratio === undefined ? '' : f.ratio.toFixed(2),
    targetOf(f),
  ]
}

function targetOf({ target, ratioAtMost, atMost, atLeast, unit }: Figure): string {
  if (target !== undefined) return `ratio ≥ ${target}`
  if (ratioAtMost !== undefined) return `ratio ≤ ${ratioAtMost}`
  if (atMost !== undefined) return `≤ ${number(atMost)} ${unit}`
  return atLeast === undefined ? '' : `≥ ${number(atLeast)} ${unit}`
}
