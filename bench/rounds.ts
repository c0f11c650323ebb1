/**
 * Runs scenes: every contestant is filled once, and measured in each round, one after the other, so that what else the
 * machine does falls on all alike. Only one of them runs at any time.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Contestant, Missing, Running } from './contestant.ts'
import { removeFolder, temporaryFolder } from './processes.ts'
import { type Limit, type Sample, type Scale, type Scene, Unfit, type Workload } from './scene.ts'

/** Samples of one workload, by the id of who was measured; one for each round. */
export interface Measured {
  readonly scene: string
  readonly id: string
  readonly title: string
  readonly unit: Workload<unknown>['unit']
  readonly isLessBetter: boolean
  readonly samples: Readonly<Record<string, readonly Sample[]>>
  /** The run that it is from, where that is a later one than the page's. */
  readonly again?: { readonly day: string; readonly command: string }
}

/** A contestant that is not in a scene, and why. */
export interface Absent {
  readonly scene: string
  readonly contestant: string
  readonly why: string
}

export interface Failure {
  readonly workload: string
  readonly contestant: string
  readonly message: string
}

export interface RoundsResult {
  readonly measured: readonly Measured[]
  readonly limits: Readonly<Record<string, string>>
  readonly absent: readonly Absent[]
  /** Limits that could not be had. */
  readonly missing: readonly Missing[]
  readonly failures: readonly Failure[]
}

export interface RoundsOptions {
  readonly scale: Scale
  readonly contestants: readonly Contestant[]
  /** Ids of workloads; absent: all. */
  readonly only?: ReadonlySet<string>
  readonly say: (line: string) => void
}

export async function runScenes(scenes: readonly Scene<unknown>[], options: RoundsOptions): Promise<RoundsResult> {
  const result = {
    measured: [] as Measured[],
    limits: {} as Record<string, string>,
    absent: [] as Absent[],
    missing: [] as Missing[],
    failures: [] as Failure[],
  }
  for (const scene of scenes) {
    const { scale, only } = options
    if ((scale.isQuick && scene.isFullOnly) || scale.leavesOut.includes(scene.id)) continue
    const content = await scene.content(scale)
    const workloads = scene
      .workloads(content)
      .filter(({ id, isFullOnly }) => (only?.has(id) ?? true) && !(scale.isQuick && isFullOnly))
    if (workloads.length === 0) continue
    options.say(scene.title)
    const folder = await temporaryFolder()
    try {
      const run = new SceneRun(scene, { content, workloads, folder, options })
      await run.fill()
      for (let round = 0; round < options.scale.rounds; round += 1) await run.round(round)
      result.measured.push(...run.measured())
      result.absent.push(...run.absent)
      result.missing.push(...run.missing)
      result.failures.push(...run.failures)
      for (const { id, title } of scene.limits ?? []) result.limits[id] = title
    } finally {
      await removeFolder(folder)
    }
  }
  return result
}

interface Entrant<Content> {
  readonly id: string
  readonly workloads: readonly Workload<Content>[]
  readonly start: () => Promise<Running>
}

class SceneRun<Content> {
  readonly absent: Absent[] = []
  readonly failures: Failure[] = []
  readonly missing: Missing[] = []
  readonly #scene: Scene<Content>
  readonly #content: Content
  readonly #workloads: readonly Workload<Content>[]
  readonly #folder: string
  readonly #options: RoundsOptions
  readonly #samples = new Map<string, Record<string, Sample[]>>()
  #entrants: Entrant<Content>[] = []

  constructor(
    scene: Scene<Content>,
    parts: {
      content: Content
      workloads: readonly Workload<Content>[]
      folder: string
      options: RoundsOptions
    },
  ) {
    this.#scene = scene
    this.#content = parts.content
    this.#workloads = parts.workloads
    this.#folder = parts.folder
    this.#options = parts.options
  }

  async fill(): Promise<void> {
    const { contestants, say } = this.#options
    const { id: scene, only } = this.#scene
    const isIn = ({ id, scenes }: Contestant) => (scenes?.includes(scene) ?? true) && (only?.includes(id) ?? true)
    for (const contestant of contestants.filter(isIn)) {
      const started = performance.now()
      const why = await this.#fillOne(contestant)
      say(`  ${contestant.id}: ${why ?? `filled in ${((performance.now() - started) / 1_000).toFixed(1)} s`}`)
      if (why === undefined) {
        const start = () => contestant.start(join(this.#folder, contestant.id))
        this.#entrants.push({ id: contestant.id, workloads: this.#workloads, start })
      } else this.absent.push({ scene: this.#scene.title, contestant: contestant.id, why })
    }
    for (const limit of this.#scene.limits ?? []) {
      const workloads = this.#workloads.filter(({ id }) => limit.workloads.includes(id))
      if (workloads.length === 0) continue
      const missing = await limit.missing?.()
      if (missing) this.missing.push(missing)
      else this.#entrants.push(await this.#limitEntrant(limit, workloads))
    }
  }

  /** What keeps it out of the scene; undefined when it is filled. */
  async #fillOne(contestant: Contestant): Promise<string | undefined> {
    const folder = join(this.#folder, contestant.id)
    await mkdir(folder)
    const { fillSeconds } = this.#options.scale
    const signal = AbortSignal.timeout(fillSeconds * 1_000)
    let server: Running | undefined
    try {
      server = await contestant.start(folder)
      await this.#scene.fill(server, this.#content, { signal })
      return undefined
    } catch (error) {
      if (error instanceof Unfit) return error.message
      if (signal.aborted) return `not filled within ${fillSeconds} s: ${(error as Error).message}`
      this.failures.push({ workload: `filling ${this.#scene.id}`, contestant: contestant.id, message: String(error) })
      return `could not be filled: ${(error as Error).message}`
    } finally {
      await server?.stop()
    }
  }

  /** Another one begins each time. */
  async round(round: number): Promise<void> {
    const at = round % this.#entrants.length
    this.#options.say(`  round ${round + 1} of ${this.#options.scale.rounds}`)
    for (const entrant of [...this.#entrants.slice(at), ...this.#entrants.slice(0, at)]) {
      const workloads = entrant.workloads.filter(({ isOnce }) => isOnce !== true || round === 0)
      if (workloads.length === 0) continue
      const server = await entrant.start()
      try {
        for (const workload of workloads) await this.#measure(entrant.id, workload, server)
      } finally {
        await server.stop()
      }
    }
  }

  async #measure(id: string, workload: Workload<Content>, server: Running): Promise<void> {
    const { seconds, isQuick, warmSeconds: usual } = this.#options.scale
    const warmSeconds = isQuick ? usual : Math.max(usual, workload.warmSeconds ?? 0)
    const content = this.#content
    const samples = this.#samples.get(workload.id) ?? {}
    this.#samples.set(workload.id, samples)
    try {
      if (workload.isCold !== true && warmSeconds > 0) await workload.measure(server, { content, seconds: warmSeconds })
      const sample = await workload.measure(server, { content, seconds })
      samples[id] = [...(samples[id] ?? []), sample]
    } catch (error) {
      this.failures.push({ workload: workload.id, contestant: id, message: (error as Error).message })
      this.#options.say(`  ${id} failed at ${workload.id}: ${(error as Error).message}`)
    }
  }

  measured(): Measured[] {
    return this.#workloads.map(({ id, title, unit, isLessBetter = false }) => ({
      scene: this.#scene.title,
      id,
      title,
      unit,
      isLessBetter,
      samples: this.#samples.get(id) ?? {},
    }))
  }

  async #limitEntrant(limit: Limit<Content>, workloads: readonly Workload<Content>[]): Promise<Entrant<Content>> {
    const folder = join(this.#folder, limit.id)
    await mkdir(folder)
    if ('start' in limit) return { id: limit.id, workloads, start: () => limit.start(this.#content, folder) }
    return {
      id: limit.id,
      workloads: workloads.map((workload) => ({
        ...workload,
        isCold: true,
        measure: () => limit.speed(this.#content, folder),
      })),
      start: nothing(folder),
    }
  }
}

/** In the place of a server where a speed is measured without one. */
function nothing(folder: string): () => Promise<Running> {
  return async () => ({ url: '', folder, headers: {}, pids: async () => [], startMs: 0, stop: async () => undefined })
}
