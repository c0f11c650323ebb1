/**
 * One run: so many requests over so many connections against a real registry in this process. The first problems are
 * kept with the request that showed them, so that they can be sent again.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import pino from 'pino'
import { openDoor } from '../oci/oci-fixture.ts'
import { Choices } from '../support/choices.ts'
import { problemsOf } from './checks.ts'
import { encoded, type FuzzRequest, requestOf } from './grammar.ts'
import { HOSTILE_FRAMING } from './hostile-framing.ts'
import { learn } from './learn.ts'
import { storedProblems } from './stored.ts'
import { type Outcome, parseAnswer, WireConnection } from './wire.ts'
import { ACCESS, Ledger, World } from './world.ts'

export interface FuzzOptions {
  readonly requests: number
  readonly seed: number
  readonly connections?: number
  readonly onProgress?: (done: number) => void
}

export interface FuzzReport {
  readonly seed: number
  readonly requests: number
  readonly seconds: number
  /** How many answers of each status; `closed` for connections that ended without one, `left` for clients that did. */
  readonly statuses: Readonly<Record<string, number>>
  readonly problems: readonly string[]
  /** MiB of heap and buffers after a collection: when a tenth was done, and at the end. */
  readonly memory: { readonly early: number; readonly late: number }
}

const PROBLEMS_KEPT = 50
/** Beyond this the server stops reading a body that it has refused, and the answer may be lost in the reset. */
const FORGIVEN_BODY_BYTES = 1024 * 1024
const MEMORY_GROWTH_MIB = 32

export async function runFuzz({ requests, seed, connections = 12, onProgress }: FuzzOptions): Promise<FuzzReport> {
  const run = new Run(seed)
  const unhandled = (error: unknown) => run.problem(`nobody handled ${(error as Error)?.stack ?? error}`)
  process.on('unhandledRejection', unhandled)
  process.on('uncaughtException', unhandled)
  await using door = await openDoor({ access: ACCESS, log: run.log, durability: 'relaxed' })
  const startedAt = performance.now()
  try {
    const clients = Array.from({ length: connections }, () => new WireConnection(door.port))
    const warm = Math.min(Math.ceil(requests / 10), 20_000)
    await run.until(warm, clients, onProgress)
    const early = await settledMemory()
    await run.until(requests, clients, onProgress)
    for (const client of clients) client.close()
    const seconds = (performance.now() - startedAt) / 1_000
    const late = await settledMemory()
    if (late > early + MEMORY_GROWTH_MIB) run.problem(`memory grew from ${early} to ${late} MiB`)
    for (const problem of await storedProblems(door.registry, door.location, run.ledger)) run.problem(problem)
    return { seed, requests, seconds, statuses: run.statuses, problems: run.problems, memory: { early, late } }
  } finally {
    process.off('unhandledRejection', unhandled)
    process.off('uncaughtException', unhandled)
  }
}

class Run {
  readonly world = new World()
  readonly ledger = new Ledger()
  readonly problems: string[] = []
  readonly statuses: Record<string, number> = {}
  readonly #seed: number
  #next = 0
  /** Nothing of what a client sends may be an error of the server. */
  readonly log = pino({ level: 'error' }, { write: (line: string) => this.problem(`the log says: ${line.trim()}`) })

  constructor(seed: number) {
    this.#seed = seed
  }

  problem(sentence: string): void {
    if (this.problems.length < PROBLEMS_KEPT) this.problems.push(sentence)
  }

  async until(end: number, clients: readonly WireConnection[], onProgress?: (done: number) => void): Promise<void> {
    const work = async (client: WireConnection) => {
      while (this.#next < end && this.problems.length < PROBLEMS_KEPT) {
        const before = this.#next
        await this.#step(client)
        if (Math.floor(before / 5_000) < Math.floor(this.#next / 5_000)) onProgress?.(this.#next)
      }
    }
    await Promise.all(clients.map(work))
  }

  async #step(client: WireConnection): Promise<void> {
    const choose = this.#choices()
    if (choose.chance(1)) return this.#sendHostile(client, choose)
    const first = requestOf(choose, this.world)
    if (first.leavesAfter !== undefined) {
      this.#count('left')
      return client.abandon(encoded(first))
    }
    // Reads may follow each other on the line without waiting; what changes something goes alone.
    const batch = [first]
    while (isRead(batch.at(-1)!) && batch.length < 4 && choose.chance(40)) {
      const more = requestOf(this.#choices(), this.world)
      if (!isRead(more)) break
      batch.push(more)
    }
    const outcomes = await client.exchange(
      batch.map((request) => ({ method: request.method, bytes: encoded(request) })),
    )
    batch.forEach((request, i) => {
      this.#judge(choose, request, outcomes[i]!, batch.slice(0, i))
    })
    if (client.leftover.length > 0) this.problem(`an answer too many after ${shown(batch.at(-1)!)}: ${client.leftover}`)
  }

  /** Each request from a seed of its own: what the others do does not change it. */
  #choices(): Choices {
    this.#next += 1
    return new Choices(Math.imul(this.#seed, 2_654_435_761) ^ Math.imul(this.#next, 40_503))
  }

  #judge(choose: Choices, request: FuzzRequest, outcome: Outcome, before: readonly FuzzRequest[]): void {
    if (typeof outcome === 'string') {
      this.#count(outcome)
      const isExcused = outcome === 'closed' && (before.length > 0 || request.body.length > FORGIVEN_BODY_BYTES)
      if (!isExcused) this.problem(`${outcome} without an answer: ${[...before, request].map(shown).join(' then ')}`)
      return
    }
    this.#count(String(outcome.status))
    for (const problem of problemsOf(request, outcome)) this.problem(`${problem} — ${shown(request)}`)
    learn(choose, request, outcome, this)
  }

  async #sendHostile(client: WireConnection, choose: Choices): Promise<void> {
    const name = choose.of(Object.keys(HOSTILE_FRAMING))
    const received = await client.raw(Buffer.from(HOSTILE_FRAMING[name]!, 'latin1'), 5)
    for (const problem of hostileProblems(received)) this.problem(`${name}: ${problem}`)
    const [, id] = /\/blobs\/uploads\/([\w-]+)/.exec(received.toString('latin1')) ?? []
    if (id) this.ledger.uploads.add(id)
    this.#count('hostile')
  }

  #count(what: string): void {
    this.statuses[what] = (this.statuses[what] ?? 0) + 1
  }
}

/** One answer of ours at most, and then perhaps the parser's refusal of what followed it. */
export function hostileProblems(received: Buffer): string[] {
  const problems: string[] = []
  const statuses: number[] = []
  let rest = received
  for (;;) {
    const parsed = parseAnswer(rest, 'POST', true)
    if (!parsed) break
    statuses.push(parsed.answer.status)
    rest = rest.subarray(parsed.length)
  }
  if (statuses.some((status) => status >= 500)) problems.push(`answered ${statuses}`)
  if (statuses.slice(1).some((status) => status !== 400)) problems.push(`a hidden request was answered: ${statuses}`)
  return problems
}

function isRead({ method, leavesAfter, body, headers }: FuzzRequest): boolean {
  // Node forgets what follows a request for an upgrade on the line, whether it is taken or not.
  const asksForUpgrade = headers.some(([name]) => name === 'Upgrade')
  return (method === 'GET' || method === 'HEAD') && leavesAfter === undefined && body.length === 0 && !asksForUpgrade
}

function shown(request: FuzzRequest): string {
  const text = encoded(request).toString('latin1')
  return JSON.stringify(text.length > 1_500 ? `${text.slice(0, 1_500)}…` : text)
}

async function settledMemory(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let i = 0; i < 4; i += 1) {
    await sleep(50)
    collect()
  }
  const { heapUsed, external } = process.memoryUsage()
  return Math.round((heapUsed + external) / 1024 / 1024)
}
