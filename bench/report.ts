/**
 * Figures as a table: the value, the limit of the same run, the ratio, the target that stands in the plan, and the run: rows
 * are renewed one workload at a time, so that neighbours may come from different machines.
 */
import { cpus } from 'node:os'

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

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values)
}

/** Of each round's own pair, because machines change speed between rounds: drift cancels out within a pair. */
export function pairedRatio(values: readonly number[], limits: readonly number[]): number {
  return median(values.map((value, round) => value / limits[round]!))
}

export function table(figures: readonly Figure[]): string {
  return [...HEAD, ...figures.map(row)].join('\n')
}

/** The table of `page` with these figures in it: in the place of the rows of the same name, else at the end. */
export function updatedTable(page: string, figures: readonly Figure[]): string {
  const rows = page.split('\n').filter((line) => line.startsWith('| ') && !HEAD.includes(line))
  for (const figure of figures) {
    const at = rows.findIndex((line) => line.startsWith(`| ${figure.name} |`))
    if (at < 0) rows.push(row(figure))
    else rows[at] = row(figure)
  }
  return [...HEAD, ...rows].join('\n')
}

const COLUMNS = ['workload', 'measured', 'spread', 'limit, same run', 'ratio', 'target', 'run']
const HEAD = [COLUMNS, COLUMNS.map(() => '---')].map(line)

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

function row(f: Figure): string {
  return line([
    f.name,
    `${number(f.value)} ${f.unit}`,
    f.spread === undefined ? '' : `±${Math.round(f.spread * 50)} %`,
    f.limit === undefined ? '' : `${number(f.limit)} ${f.unit} (${f.against})`,
    f.ratio === undefined ? '' : f.ratio.toFixed(2),
    targetOf(f),
    run(),
  ])
}

function targetOf({ target, ratioAtMost, atMost, atLeast, unit }: Figure): string {
  if (target !== undefined) return `ratio ≥ ${target}`
  if (ratioAtMost !== undefined) return `ratio ≤ ${ratioAtMost}`
  if (atMost !== undefined) return `≤ ${number(atMost)} ${unit}`
  return atLeast === undefined ? '' : `≥ ${number(atLeast)} ${unit}`
}

function number(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en-US')
  return value.toFixed(value > 0 && value < 10 ? 2 : 1)
}

/** The day, and what of the machine absolute figures hang on. */
function run(): string {
  const processors = cpus()
  const day = new Date().toISOString().slice(0, 10)
  return `${day}, ${processors.length} × ${processors[0]?.model ?? 'unknown'}, Node ${process.versions.node}`
}
