/** What `main` asks of `compose`, in one place. */
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { Registry } from '../registry/index.ts'

export interface Application {
  readonly registry: Registry
  /** Resolves when requests are answered. */
  listen(): Promise<{ readonly host: string; readonly port: number }>
  /** Takes no new requests and resolves when the running ones are answered. */
  drain(): Promise<void>
  dispose(): Promise<void>
}

export interface Composition {
  openApplication(config: Config, options: { logger: Logger }): Promise<Application>
  /** `fresh` drops everything first. */
  migrate(config: Config, options: { fresh: boolean }): Promise<{ readonly applied: readonly string[] }>
  openRegistryFor(config: Config): Promise<Registry>
}
