/**
 * `npm run bench:profile -- cpu|heap|loop WORKLOAD`: where one workload's time goes, what its memory does, how long the event
 * loop is held. One server, one load, with the profiler of Node itself; figures of a profiled server are no figures.
 */
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import type { Running } from './contestant.ts'
import { ours } from './ours.ts'
import { removeFolder, temporaryFolder } from './processes.ts'
import { table } from './report/page.ts'
import { FULL, type Scene, type Workload } from './scene.ts'
import { SCENES } from './scenes/scenes.ts'
import { AUTHORIZATION } from './server-process.ts'

const HELP = `Usage: npm run bench:profile -- cpu|heap|loop WORKLOAD [--seconds N]

  cpu    a CPU profile, the functions that take most of it, and a flame graph to open in a browser
  heap   memory once a second under the load, and the functions that allocate most
  loop   how long the event loop is held under the load

'npm run bench -- --list' names the workloads. Profiles are written to results/profile/.
`
const MIB = 1024 * 1024
const ROWS = 30

interface Profiled {
  readonly workload: Workload<unknown>
  readonly content: unknown
  readonly scene: Scene<unknown>
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '8' }, help: { type: 'boolean', short: 'h', default: false } },
})
const [kind = '', id = ''] = positionals
const seconds = Number(values.seconds)
const KINDS: Readonly<Record<string, (what: Profiled) => Promise<void>>> = { cpu, heap, loop }
const run = KINDS[kind]
if (values.help || !run || positionals.length !== 2 || !(seconds > 0)) {
  process.stdout.write(HELP)
  process.exitCode = values.help ? 0 : 2
} else {
  await run(await find(id))
}

async function find(wanted: string): Promise<Profiled> {
  for (const scene of SCENES) {
    const content = await scene.content(FULL)
    const workload = scene.workloads(content).find((one) => one.id === wanted)
    if (workload) return { scene, content, workload }
  }
  throw new Error(`no workload called '${wanted}': 'npm run bench -- --list' names them`)
}

async function cpu(what: Profiled): Promise<void> {
  const folder = await resultsFolder(what)
  await underLoad(what, ['--cpu-prof', '--cpu-prof-interval=200', `--cpu-prof-dir=${folder}`], load)
  const file = await newest(folder, '.cpuprofile')
  const profile = JSON.parse(await readFile(file, 'utf8')) as CpuProfile
  console.log(table(['share', 'function', 'where'], hottest(profile)))
  console.log(`\n${file}\nflame graph: ${await flameGraph(folder, file)}`)
}

interface CallFrame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
}

interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** By the time in the function itself, idle time left out. */
function hottest({ nodes, samples, timeDeltas }: CpuProfile): string[][] {
  const frames = new Map(nodes.map((node) => [node.id, node.callFrame]))
  const times = new Map<string, number>()
  for (const [n, node] of samples.entries()) {
    const frame = frames.get(node)
    if (frame && frame.functionName !== '(idle)') add(times, nameOf(frame), timeDeltas[n] ?? 0)
  }
  return shares(times)
}

async function heap(what: Profiled): Promise<void> {
  const folder = await resultsFolder(what)
  await underLoad(what, ['--heap-prof', `--heap-prof-dir=${folder}`], async (server, once) => {
    const rows: string[][] = []
    for (let second = 0; second < seconds; second += 1) {
      await once(1)
      const names = ['nodejs_heap_size_used_bytes', 'nodejs_external_memory_bytes', 'process_resident_memory_bytes']
      const read = await metrics(server, names)
      rows.push([String(second + 1), ...read.map((bytes) => (bytes / MIB).toFixed(1))])
    }
    console.log(table(['second', 'heap used, MiB', 'external, MiB', 'resident, MiB'], rows))
  })
  const file = await newest(folder, '.heapprofile')
  const times = new Map<string, number>()
  addAllocations(times, (JSON.parse(await readFile(file, 'utf8')) as { head: HeapNode }).head)
  console.log(
    `\nWhat is still held at the end, by who allocated it:\n\n${table(['share', 'function', 'where'], shares(times))}\n\n${file}`,
  )
}

interface HeapNode {
  readonly callFrame: CallFrame
  readonly selfSize: number
  readonly children: readonly HeapNode[]
}

function addAllocations(to: Map<string, number>, { callFrame, selfSize, children }: HeapNode): void {
  add(to, nameOf(callFrame), selfSize)
  for (const child of children) addAllocations(to, child)
}

async function loop(what: Profiled): Promise<void> {
  await underLoad(what, [], async (server, once) => {
    // Reading it begins a new count.
    const names = ['p50', 'p90', 'p99', 'max'].map((each) => `nodejs_eventloop_lag_${each}_seconds`)
    await metrics(server, names)
    await once(seconds)
    const delays = await metrics(server, names)
    console.log(table(['median', 'p90', 'p99', 'longest'], [delays.map((delay) => `${(delay * 1_000).toFixed(2)} ms`)]))
  })
}

/** Starts a server with these flags, fills it, warms it up, and lets `work` put the load on it. */
async function underLoad(
  { scene, content, workload }: Profiled,
  nodeFlags: readonly string[],
  work: (server: Running, once: (seconds: number) => Promise<void>) => Promise<void>,
): Promise<void> {
  const folder = await temporaryFolder()
  try {
    const filling = await ours({ workers: 1 }).start(folder)
    await scene.fill(filling, content, { signal: AbortSignal.timeout(FULL.fillSeconds * 1_000) })
    await filling.stop()
    const server = await ours({ workers: 1, nodeFlags }).start(folder)
    try {
      await work(server, async (length) => void (await workload.measure(server, { content, seconds: length })))
    } finally {
      await server.stop()
    }
  } finally {
    await removeFolder(folder)
  }
}

async function load(_server: Running, once: (seconds: number) => Promise<void>): Promise<void> {
  await once(1)
  await once(seconds)
}

async function metrics({ url }: Running, names: readonly string[]): Promise<number[]> {
  const text = await (await fetch(`${url}/metrics`, { headers: AUTHORIZATION })).text()
  return names.map((name) => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1] ?? Number.NaN))
}

async function resultsFolder({ workload }: Profiled): Promise<string> {
  const folder = resolve(import.meta.dirname, '../results/profile', workload.id)
  await mkdir(folder, { recursive: true })
  return folder
}

async function newest(folder: string, ending: string): Promise<string> {
  // Node names them by day, time and process, so that the last name is the last profile.
  const last = (await readdir(folder))
    .filter((name) => name.endsWith(ending))
    .sort()
    .at(-1)
  if (last === undefined) throw new Error(`Node wrote no ${ending} into ${folder}`)
  return join(folder, last)
}

/** The page of speedscope beside the profile, which it loads as a script: no server is needed to look at it. */
async function flameGraph(folder: string, profile: string): Promise<string> {
  const viewer = join(folder, 'speedscope')
  const release = join(dirname(createRequire(import.meta.url).resolve('speedscope/package.json')), 'dist/release')
  await cp(release, viewer, { recursive: true })
  const bytes = await readFile(profile)
  const script = join(folder, 'profile.js')
  await writeFile(script, `speedscope.loadFileFromBase64("profile.cpuprofile", "${bytes.toString('base64')}")`)
  const page = join(folder, 'flame.html')
  const target = `${pathToFileURL(join(viewer, 'index.html'))}#localProfilePath=${script}`
  await writeFile(page, `<script>location = ${JSON.stringify(target)}</script>\n`)
  return pathToFileURL(page).href
}

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const where = url.replace(/^.*\/node_modules\//, '').replace(/^.*\/src\//, 'src/')
  return `${functionName || '(anonymous)'} | ${where === '' ? '' : `${where}:${lineNumber + 1}`}`
}

function add(to: Map<string, number>, name: string, amount: number): void {
  to.set(name, (to.get(name) ?? 0) + amount)
}

function shares(amounts: ReadonlyMap<string, number>): string[][] {
  const total = [...amounts.values()].reduce((sum, one) => sum + one, 0)
  return [...amounts]
    .sort((a, b) => b[1] - a[1])
    .slice(0, ROWS)
    .map(([name, amount]) => [`${((amount / total) * 100).toFixed(1)} %`, ...name.split(' | ')])
}
