/** What `main` asks of `compose`, in one place. */
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { MetricsPart } from '../http/index.ts'
import type { Registry } from '../registry/index.ts'

/** The exit code (EX_IOERR) of a process that does not know any more what is on disk (core-rules 2). */
export const FLUSH_FAILED = 74

export interface Application {
  readonly registry: Registry
  /** Resolves when requests are answered. */
  listen(): Promise<Address>
  /** Ends what has expired. A failure is logged, and made up for the next time. */
  sweep(): Promise<void>
  /** What this process alone has counted. */
  measure(): Promise<MetricsPart>
  /** Takes no new requests and resolves when the running ones are answered. */
  drain(): Promise<void>
  dispose(): Promise<void>
}

export interface Address {
  readonly host: string
  readonly port: number
}

/** For a process that is one of several of a server. */
export interface Membership {
  /** It comes before all others, and does for all what must be done before a request is answered. */
  readonly isFirst: boolean
  /** What each of them has counted; undefined when one does not answer. */
  measureAll(): Promise<readonly MetricsPart[] | undefined>
}

export interface Composition {
  openApplication(config: Config, options: { logger: Logger; membership?: Membership }): Promise<Application>
  /** `fresh` drops everything first. */
  migrate(config: Config, options: { fresh: boolean }): Promise<{ readonly applied: readonly string[] }>
  openRegistryFor(config: Config): Promise<Registry>
}
