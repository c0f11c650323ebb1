/** A run as a page: who was measured and what they promise, the targets, a table and a chart for each scene. */
import type { Contestant, Missing } from '../contestant.ts'
import { isTie, median, spread } from '../figures.ts'
import type { Absent, Measured, RoundsResult } from '../rounds.ts'
import { type Judged, medianOf, valuesOf } from '../targets.ts'
import { type Bar, type Block, barChart } from './chart.ts'

export interface Run {
  readonly day: string
  /** Processors, memory, system, Node. */
  readonly machine: string
  readonly generator: string
  readonly command: string
  readonly rounds: number
  readonly contestants: readonly Contestant[]
  readonly missing: readonly Missing[]
  readonly result: RoundsResult
  readonly judged: readonly Judged[]
}

/** The page without the parts that are written by hand, and its charts by file name. */
export function pageOf(run: Run): { readonly markdown: string; readonly charts: ReadonlyMap<string, string> } {
  const charts = new Map<string, string>()
  const scenes = [...new Set(run.result.measured.map(({ scene }) => scene))]
  const sections = scenes.map((scene) => {
    const measured = run.result.measured.filter((one) => one.scene === scene)
    const file = `${scene.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}.svg`
    charts.set(file, barChart(scene, blocksOf(measured, run)))
    return `## ${scene}

![${scene}](performance/${file})

${sceneTable(measured, run)}
${absentLines(run.result.absent, measured)}${againLines(measured)}`
  })
  const markdown = [head(run), contestantsTable(run), targetsTable(run), ...sections].join('\n')
  return { markdown, charts }
}

function head({ day, machine, generator, command, rounds }: Run): string {
  return `Measured on ${day} by \`${command}\` on ${machine}. Load on single answers comes from ${generator}; pushes, HEAD,
whole lists and mixtures from a small client of our own. Every contestant runs alone, in turn, over ${rounds} rounds on the same disk, after a
warm-up that does not count. Each figure is the median of the rounds with half their spread; **bold** is the best registry of a
row, and whoever overlaps with its rounds is bold too: such a difference tells nothing. Limits, in *italics*, are what this
machine can do without a registry. Every answer's status is checked and a sample of the bodies is hashed.
`
}

function contestantsTable({ contestants, missing }: Run): string {
  const rows = contestants.map(({ id, title, promises }) => [
    id,
    title,
    promises.configuration,
    promises.durable,
    promises.authentication,
  ])
  const absent = missing.map(({ id, title, why }) => `- ${id} (${title}) is missing: ${why}`)
  return `## Who is measured

${table(['', 'registry', 'configuration', 'an acknowledged push survives a loss of power', 'authentication'], rows)}
${absent.length === 0 ? '' : `\n${absent.join('\n')}\n`}`
}

function targetsTable({ judged }: Run): string {
  const rows = judged.map(({ target, measured, value, other, ratio, isTie: tied, isReached }) => [
    `${measured.title}${target.of === 'ours' ? '' : ` (${target.of})`}`,
    `${number(value)} ${measured.unit}`,
    other ? `${number(other.value)} (${target.workloadOf ?? other.id})` : '',
    ratio === undefined ? '' : ratio.toFixed(2),
    target.atMost === undefined ? `≥ ${target.atLeast}` : `≤ ${target.atMost} ${measured.unit}`,
    `${isReached ? 'reached' : `missed${missedBy(target, value, ratio)}`}${tied && other ? ', a tie' : ''}`,
  ])
  return `## Against the targets

${table(['workload', 'ours', 'against', 'ratio', 'target', ''], rows)}
`
}

function missedBy({ atLeast, atMost }: Judged['target'], value: number, ratio: number | undefined): string {
  if (atMost !== undefined) return ` by ${number(value - atMost)}`
  return ratio === undefined || atLeast === undefined ? '' : ` by ${Math.round((1 - ratio / atLeast) * 100)} %`
}

function sceneTable(measured: readonly Measured[], run: Run): string {
  const present = (id: string) => measured.some(({ samples }) => id in samples)
  const registries = run.contestants.filter(({ id }) => present(id))
  const limits = Object.keys(run.result.limits).filter(present)
  const heads = ['workload', ...registries.map(({ id }) => id), ...limits.map((id) => `*${id}*`)]
  const rows = measured.map((one) => [
    `${one.title}, ${one.unit}`,
    ...registries.map(({ id }) => cell(one, id, isBest(one, id, registries))),
    ...limits.map((id) => cell(one, id, false)),
  ])
  const notes = limits.map((id) => `*${id}*: ${run.result.limits[id]}.`)
  return `${table(heads, rows)}\n${notes.length > 0 ? `\n${notes.join(' ')}\n` : ''}`
}

/** The best registry of the row, or one whose rounds overlap with the best one's. */
function isBest(measured: Measured, id: string, registries: readonly Contestant[]): boolean {
  const sign = measured.isLessBetter ? 1 : -1
  const [first] = registries
    .map((one) => one.id)
    .filter((one) => one in measured.samples)
    .sort((a, b) => sign * (medianOf(measured, a) - medianOf(measured, b)))
  const [own, best] = [valuesOf(measured, id), first === undefined ? undefined : valuesOf(measured, first)]
  return own !== undefined && best !== undefined && isTie(own, best)
}

function cell(measured: Measured, id: string, isStrong: boolean): string {
  const values = valuesOf(measured, id)
  if (!values) return ''
  const p99s = measured.samples[id]!.flatMap(({ p99 }) => p99 ?? [])
  const shown = number(median(values))
  return [
    isStrong ? `**${shown}**` : shown,
    ...(values.length > 1 ? [`±${Math.round(spread(values) * 50)} %`] : []),
    ...(p99s.length > 0 ? [`p99 ${number(median(p99s))} ms`] : []),
  ].join('<br>')
}

function absentLines(absent: readonly Absent[], measured: readonly Measured[]): string {
  const lines = absent
    .filter(({ scene }) => measured.some((one) => one.scene === scene))
    .map(({ contestant, why }) => `- ${contestant} is not in this table: ${why.trim().replace(/\.$/, '')}.`)
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

/** Rows that are from a later run than the page. */
function againLines(measured: readonly Measured[]): string {
  const runs = new Map<string, string[]>()
  for (const { again, title } of measured) {
    if (!again) continue
    const run = `Measured again on ${again.day} by \`${again.command}\``
    runs.set(run, [...(runs.get(run) ?? []), title])
  }
  const lines = [...runs].map(([run, titles]) =>
    titles.length === measured.length ? `${run}.` : `${run}: ${titles.join('; ')}.`,
  )
  return lines.length === 0 ? '' : `\n${lines.join('\n')}\n`
}

function blocksOf(measured: readonly Measured[], { contestants, result }: Run): Block[] {
  const toneOf = (id: string): Bar['tone'] =>
    id in result.limits ? 'limit' : contestants.find((one) => one.id === id)?.kind === 'ours' ? 'ours' : 'registry'
  return measured
    .filter(({ samples }) => Object.keys(samples).length > 0)
    .map((one) => ({
      title: `${one.title} (${one.unit}${one.isLessBetter ? ', less is better' : ''})`,
      bars: Object.keys(one.samples)
        .map((id) => ({ label: id, value: medianOf(one, id), text: number(medianOf(one, id)), tone: toneOf(id) }))
        .sort((a, b) => (one.isLessBetter ? a.value - b.value : b.value - a.value)),
    }))
}

export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  return [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

export function number(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en-US')
  return value.toFixed(value >= 10 ? 1 : 2)
}
