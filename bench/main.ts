/**
 * `npm run bench`: this registry beside the others and beside what the machine can do, in one run. Prints the tables;
 * `--write` puts them, the charts and the samples into docs/. Prints no table when any request failed or the machine was
 * too noisy to tell; never asserts a speed.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { cpus, release, totalmem, type } from 'node:os'
import { parseArgs } from 'node:util'
import { authentication } from './alone/authentication.ts'
import { type Figure, figureTable } from './alone/figure.ts'
import { manyUploads } from './alone/many-uploads.ts'
import { nativePush } from './alone/native-push.ts'
import { pages } from './alone/pages.ts'
import { replayEvents } from './alone/replay.ts'
import { smallPackages } from './alone/small-packages.ts'
import type { Contestant, Missing } from './contestant.ts'
import { middleSpread } from './figures.ts'
import { sha256Speed } from './limits.ts'
import { GENERATOR } from './load.ts'
import { ours, oursBehindNginx } from './ours.ts'
import { findNginx } from './peers/nginx.ts'
import { buildPeers, peers } from './peers/peers.ts'
import { pageOf, type Run } from './report/page.ts'
import { runScenes } from './rounds.ts'
import { CHECK, FULL, QUICK, type Scale } from './scene.ts'
import { SCENES } from './scenes/scenes.ts'
import { judge } from './targets.ts'

const HELP = `Usage: npm run bench -- [options]

Measures this registry, the others that can be had, and what the machine can do, in one run.

  --quick           fewer and smaller workloads, some five minutes
  --check           one round of a quick run, to see that it works; prints no table
  --only a,b        these workloads only (--list names them)
  --against a,b     beside these others only; --against none: beside none
  --rounds N        rounds; when not given 3, of a quick run 2
  --alone           instead: what only this registry has, against itself or a limit
  --build           builds the others that can be built, and ends
  --list            names workloads and contestants, and ends
  --write           writes docs/performance.md, its charts and docs/performance.json
  --amend           with --only and --write: what the page has of other workloads stays
  --json FILE       writes all samples to FILE

Examples:
  npm run bench -- --quick
  npm run bench -- --only manifest-get-tag,blob-get-10m --against zot,olareg
  npm run bench -- --write
`

const DOCS = new URL('../docs/', import.meta.url)
/** Over this spread of one core's SHA-256, its ends left out, the machine does too much else for its figures to mean anything. */
const NOISE_LIMIT = 0.25

/** What only this registry has: measured against itself or a limit. */
const ALONE: Readonly<Record<string, (how: { quick: boolean }) => Promise<Figure[]>>> = {
  authentication,
  pages,
  'many-uploads': manyUploads,
  'small-packages': smallPackages,
  'native-push': nativePush,
  replay: replayEvents,
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    only: { type: 'string' },
    against: { type: 'string' },
    rounds: { type: 'string' },
    alone: { type: 'boolean', default: false },
    build: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    amend: { type: 'boolean', default: false },
    json: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
process.exitCode = await main()

async function main(): Promise<number> {
  if (values.help) return said(HELP)
  if (values.build) {
    await buildPeers(console.log)
    return 0
  }
  if (values.alone) return alone(values.only?.split(','))
  const { contestants, missing } = await field(values.against?.split(','))
  if (values.list) return listed(contestants, missing)
  const only = values.only === undefined ? undefined : new Set(values.only.split(','))
  if (only) await requireKnown(only)
  const scale = scaleOf()
  const noise = [sha256Speed(256)]
  const result = await runScenes(SCENES, {
    scale,
    contestants,
    ...(only && { only }),
    say: (line) => {
      // A round or a filling is over: the machine is asked again.
      noise.push(sha256Speed(64))
      console.error(line)
    },
  })
  const noiseSpread = middleSpread(noise)
  if (values.json) await writeFile(values.json, JSON.stringify({ ...facts(), noise, ...result }, undefined, 1))
  for (const { workload, contestant, message } of result.failures) {
    console.error(`${contestant} failed at ${workload}: ${message}`)
  }
  if (result.failures.length > 0) return refused(`${result.failures.length} measurements failed`)
  if (values.check) return said('All of it works. These were no measurements.\n')
  if (noiseSpread > NOISE_LIMIT) {
    return refused(
      `this machine is too noisy to tell: eight of ten times that it was looked at during the run, one core's SHA-256 varied by ${Math.round(noiseSpread * 100)} % of its median, where ${NOISE_LIMIT * 100} % are allowed`,
    )
  }
  const whole = { ...facts(), rounds: scale.rounds, missing: [...missing, ...result.missing], result }
  const run = values.amend ? await amended(whole, contestants) : judgedRun(whole, contestants)
  const { markdown, charts } = pageOf(run)
  console.log(markdown)
  if (values.write) await write(run, markdown, charts)
  return 0
}

function scaleOf(): Scale {
  if (values.check) return CHECK
  const rounds = Number(values.rounds ?? (values.quick ? QUICK : FULL).rounds)
  if (!Number.isSafeInteger(rounds) || rounds < 1) throw new Error('--rounds is a whole number from 1')
  return { ...(values.quick ? QUICK : FULL), rounds }
}

async function alone(only: readonly string[] = Object.keys(ALONE)): Promise<number> {
  const figures: Figure[] = []
  for (const name of only) {
    const measure = ALONE[name]
    if (!measure) throw new Error(`no such workload '${name}': there are ${Object.keys(ALONE).join(', ')}`)
    console.error(name)
    figures.push(...(await measure({ quick: values.quick })))
  }
  const { day, machine, command } = facts()
  const section = `Measured on ${day} by \`${command}\` on ${machine}.\n\n${figureTable(figures)}\n`
  console.log(section)
  if (values.write) await writePart('alone', section)
  return 0
}

/** Ours first, then the others that can be had, of those that are wanted. */
async function field(against: readonly string[] | undefined) {
  const found = against?.includes('none') ? { present: [], missing: [] } : await peers()
  const isWanted = ({ id }: { id: string }) => against === undefined || against.includes(id)
  const known = [...found.present, ...found.missing].map(({ id }) => id)
  const unknown = against?.filter((id) => id !== 'none' && !known.includes(id)) ?? []
  if (unknown.length > 0) throw new Error(`no other called ${unknown.join(', ')}: there are ${known.join(', ')}`)
  const hasNginx = !('why' in (await findNginx()))
  const own = [ours({ workers: 1 }), ours({ workers: 2 }), ...(hasNginx ? [oursBehindNginx()] : [])]
  return { contestants: [...own, ...found.present.filter(isWanted)], missing: found.missing.filter(isWanted) }
}

async function requireKnown(only: ReadonlySet<string>): Promise<void> {
  const known = (await workloadTitles()).map(([id]) => id)
  const unknown = [...only].filter((id) => !known.includes(id))
  if (unknown.length > 0) throw new Error(`no workload called ${unknown.join(', ')}: there are ${known.join(', ')}`)
}

async function workloadTitles(): Promise<(readonly [string, string])[]> {
  const titles: (readonly [string, string])[] = []
  for (const scene of SCENES) {
    for (const { id, title } of scene.workloads(await scene.content(FULL))) titles.push([id, title])
  }
  return titles
}

async function listed(contestants: readonly Contestant[], missing: readonly Missing[]): Promise<number> {
  for (const [id, title] of await workloadTitles()) console.log(`${id.padEnd(26)} ${title}`)
  console.log()
  for (const { id, title } of contestants) console.log(`${id.padEnd(26)} ${title}`)
  for (const { id, title, why } of missing) console.log(`${id.padEnd(26)} ${title}: missing. ${why}`)
  console.log(`\nWith --alone: ${Object.keys(ALONE).join(', ')}`)
  return 0
}

function facts(): Pick<Run, 'day' | 'machine' | 'generator' | 'command'> {
  const processors = cpus()
  const words = `${processors.length} × ${processors[0]?.model ?? 'unknown'}`
  return {
    day: new Date().toISOString().slice(0, 10),
    machine: `${words}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}, Node ${process.versions.node}`,
    generator: GENERATOR,
    command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' '),
  }
}

function judgedRun(run: Omit<Run, 'contestants' | 'judged'>, contestants: readonly Contestant[]): Run {
  const { measured, limits } = run.result
  return { ...run, contestants, judged: judge(measured, contestants, new Set(Object.keys(limits))) }
}

/** The page's own run with the workloads of this one in the place of its. Throws when that one was on another machine. */
async function amended(run: Omit<Run, 'contestants' | 'judged'>, contestants: readonly Contestant[]): Promise<Run> {
  const before = JSON.parse(await readFile(new URL('performance.json', DOCS), 'utf8')) as Run
  if (before.machine !== run.machine) {
    throw new Error(
      `the page is from ${before.machine}, and this is ${run.machine}: rows of two machines do not compare`,
    )
  }
  const { day, command } = run
  const fresh = new Map(run.result.measured.map((one) => [one.id, { ...one, again: { day, command } }]))
  const scenes = new Set(run.result.measured.map(({ scene }) => scene))
  const result = {
    ...run.result,
    measured: before.result.measured.map((one) => fresh.get(one.id) ?? one),
    limits: { ...before.result.limits, ...run.result.limits },
    absent: [...before.result.absent.filter(({ scene }) => !scenes.has(scene)), ...run.result.absent],
  }
  return judgedRun({ ...before, missing: run.missing, result }, contestants)
}

async function write(run: Run, markdown: string, charts: ReadonlyMap<string, string>): Promise<void> {
  const folder = new URL('performance/', DOCS)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder)
  for (const [name, svg] of charts) await writeFile(new URL(name, folder), svg)
  const { contestants, ...rest } = run
  const named = contestants.map(({ id, title, promises }) => ({ id, title, promises }))
  await writeFile(
    new URL('performance.json', DOCS),
    `${JSON.stringify({ contestants: named, ...rest }, undefined, 1)}\n`,
  )
  await writePart('beside', markdown)
}

/** Its part of the page, between comments that name it; the others stay, with what is written by hand. */
async function writePart(part: 'beside' | 'alone', text: string): Promise<void> {
  const page = new URL('performance.md', DOCS)
  const [begin, end] = [`<!-- ${part} -->`, `<!-- end of ${part} -->`]
  const before = await readFile(page, 'utf8')
  const [from, to] = [before.indexOf(begin), before.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/performance.md has no '${begin}' before a '${end}'`)
  await writeFile(page, `${before.slice(0, from + begin.length)}\n\n${text.trim()}\n\n${before.slice(to)}`)
}

function said(text: string): number {
  process.stdout.write(text)
  return 0
}

function refused(why: string): number {
  console.error(`\nNo table: ${why}.`)
  return 1
}
