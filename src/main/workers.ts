/**
 * A server of several processes (ADR 0014). The first one, this one, holds the locks, starts the workers, and starts new
 * ones in place of those that die. It answers no requests and opens no database.
 */
import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { type Address, FLUSH_FAILED } from './composition.ts'
import { openLogger } from './logger.ts'
import { createMetricsCounts, type MetricsCounts } from './metrics-counts.ts'
import { DRAINING, nextSignal, prepareStart, SWEEP_MS } from './serve.ts'
import type { FromWorker, ToWorker } from './worker-messages.ts'

/** So many workers in a row that end before they listen end the server: what stops them stops the next. */
const FAILED_STARTS = 5
const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 5_000
/** Who lived for so long did not die of its start. */
const STABLE_MS = 10_000

/** Resolves when a signal has stopped the server and every running request was answered. */
export async function serveWithWorkers(config: Config): Promise<void> {
  const logger = openLogger(config.log.level, { isOneOfMany: true })
  const start = prepareStart(config, logger)
  // Only now, and only this much: what a process loads it keeps.
  const { releaseAll, takeServeLocks } = await import('./serve-locks.ts')
  const locks = takeServeLocks(config)
  const workers = new Workers(start.config, logger)
  workers.listening.then((at) => start.announce(at, { workers: config.server.workers }))
  nextSignal(() => workers.kill()).then((signal) => {
    logger.info({ signal }, DRAINING)
    workers.end(0)
  })
  const code = await requireFreeAddress(config.server)
    .then(() => workers.run())
    .finally(() => releaseAll(locks))
  // The worker that ended with it has said why.
  if (code !== 0) process.exit(code)
  logger.info('stopped')
}

/** Workers share their address with whoever else wants to share it, such as another server like this one. */
async function requireFreeAddress({ host, port }: Address): Promise<void> {
  const probe = createServer().listen(port, host)
  await once(probe, 'listening')
  probe.close()
  await once(probe, 'close')
}

interface Member {
  readonly worker: Worker
  /** It has its configuration, and hears orders. */
  isStarted: boolean
  listeningSince?: number
}

class Workers {
  readonly #config: Config
  readonly #logger: Logger
  readonly #members = new Map<number, Member>()
  readonly #counts: MetricsCounts
  readonly #waits = new Set<NodeJS.Timeout>()
  readonly #listening = Promise.withResolvers<Address>()
  readonly #ended = Promise.withResolvers<number>()
  /** Of the first that listened. */
  #address: Address | undefined
  #isAnnounced = false
  #failedStarts = 0
  #deaths = 0
  /** The exit code, once the server is to end. */
  #code: number | undefined

  constructor(config: Config, logger: Logger) {
    this.#config = config
    this.#logger = logger
    this.#counts = createMetricsCounts((id, order) => this.#tell(this.#members.get(id), order))
  }

  /** Resolves when all of them answer requests. */
  get listening(): Promise<Address> {
    return this.#listening.promise
  }

  /** Resolves with the server's exit code when all have ended. */
  async run(): Promise<number> {
    cluster.setupPrimary({ serialization: 'advanced' })
    const sweep = setInterval(() => this.#tell(this.#ready()[0], { kind: 'sweep' }), SWEEP_MS)
    this.#fork()
    const code = await this.#ended.promise
    clearInterval(sweep)
    return code
  }

  /** Lets running requests finish; the server ends with `code`. */
  end(code: number): void {
    if (this.#code !== undefined) return
    this.#code = code
    for (const wait of this.#waits) clearTimeout(wait)
    for (const member of this.#members.values()) {
      if (member.isStarted) this.#tell(member, { kind: 'drain' })
      else member.worker.process.kill('SIGKILL')
    }
    this.#endIfEmpty()
  }

  /** Ends them at once. */
  kill(): void {
    for (const { worker } of this.#members.values()) worker.process.kill('SIGKILL')
  }

  #fork(): void {
    if (this.#code !== undefined) return
    const worker = cluster.fork()
    const member: Member = { worker, isStarted: false }
    this.#members.set(worker.id, member)
    worker.on('message', (message: FromWorker) => this.#hear(member, message))
    worker.once('exit', (code, signal) => this.#lose(member, code, signal))
    // A process that could not be made has no exit. Other errors are of messages to one that is gone, whose exit comes.
    worker.on('error', () => worker.process.pid === undefined && this.#lose(member, 1, null))
  }

  #tell(member: Member | undefined, order: ToWorker): void {
    if (member?.worker.isConnected()) member.worker.send(order, () => undefined)
  }

  #ready(): Member[] {
    return [...this.#members.values()].filter(({ listeningSince }) => listeningSince !== undefined)
  }

  #hear(member: Member, message: FromWorker): void {
    const { id } = member.worker
    switch (message.kind) {
      case 'here':
        member.isStarted = true
        this.#tell(member, { kind: 'start', config: this.#configNow(), isFirst: this.#address === undefined })
        break
      case 'listening':
        this.#welcome(member, { host: message.host, port: message.port })
        break
      case 'count':
        this.#counts.begin({ id, count: message.id }, new Set(this.#ready().map(({ worker }) => worker.id)))
        break
      case 'measured':
        this.#counts.add(message.count, id, message.part)
    }
  }

  /** Port 0 is for the first to choose. */
  #configNow(): Config {
    const { server } = this.#config
    return { ...this.#config, server: { ...server, port: this.#address?.port ?? server.port } }
  }

  /** The first one has made everything ready, and the others come. */
  #welcome(member: Member, at: Address): void {
    member.listeningSince = performance.now()
    this.#failedStarts = 0
    if (this.#code !== undefined) return
    if (this.#address === undefined) {
      this.#address = at
      while (this.#members.size < this.#config.server.workers) this.#fork()
    }
    if (this.#isAnnounced || this.#ready().length < this.#config.server.workers) return
    this.#isAnnounced = true
    this.#listening.resolve(this.#address)
  }

  #lose(member: Member, code: number | null, signal: string | null): void {
    const { id } = member.worker
    this.#members.delete(id)
    this.#counts.lose(id)
    if (code === FLUSH_FAILED) {
      // Nobody may go on writing to a log of which nobody knows what is on disk (core-rules 2).
      this.kill()
      this.end(FLUSH_FAILED)
      this.#code = FLUSH_FAILED
    }
    if (this.#code === undefined) this.#judge(member, code, signal)
    else {
      // One that could not end as it should says so for all.
      this.#code ||= code ?? 0
      this.#endIfEmpty()
    }
  }

  /** Another one in its place, unless that would end as well. */
  #judge(member: Member, code: number | null, signal: string | null): void {
    const hasListened = member.listeningSince !== undefined
    if (!hasListened) this.#failedStarts += 1
    const facts = { worker: member.worker.process.pid, code, signal }
    // One that gave up by itself while the server starts has found what one process alone would have ended for.
    const isHopeless = !this.#isAnnounced && signal === null && !hasListened
    if (isHopeless || this.#failedStarts >= FAILED_STARTS) {
      this.#logger.fatal(facts, 'a worker cannot start; stopping')
      this.end(code || 1)
    } else {
      this.#logger.error(facts, 'a worker died; another takes its place')
      this.#replace(member)
    }
  }

  #replace({ listeningSince }: Member): void {
    if (listeningSince !== undefined && performance.now() - listeningSince > STABLE_MS) this.#deaths = 0
    const wait = setTimeout(
      () => {
        this.#waits.delete(wait)
        this.#fork()
      },
      Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#deaths),
    )
    this.#waits.add(wait)
    this.#deaths += 1
  }

  #endIfEmpty(): void {
    if (this.#members.size === 0) this.#ended.resolve(this.#code!)
  }
}
