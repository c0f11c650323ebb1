/**
 * Where the process begins: argv to a command. Commands that open the store are carried out here through `compose`,
 * loaded only then; all others belong to `cli`, which speaks HTTP.
 */
import { type CliFailure, EXIT, run, type StoreCommands } from './cli/index.ts'
import { type Config, ConfigError, loadClientConfig, loadConfig, type Purpose } from './config.ts'
import type { Composition } from './main/composition.ts'
import { serve } from './main/serve.ts'
import { VERSION } from './version.ts'

export async function main(argv: readonly string[] = process.argv.slice(2)): Promise<void> {
  const cwd = process.cwd()
  const config = (purpose: Purpose) => loadConfig({ cwd, purpose })
  const open = async () => (await composition()).openRegistryFor(config('store'))
  const store: StoreCommands = {
    serve: async () => startServer(() => config('serve')),
    migrate: async (options) => (await composition()).migrate(config('store'), options),
    replay: async (onProgress) => {
      await using registry = disposable(await open())
      return await registry.replay(onProgress)
    },
    verifyViews: async (onProgress) => {
      await using registry = disposable(await open())
      return await registry.verifyViews(onProgress)
    },
    verifyLog: async (onProgress) => {
      await using registry = disposable(await open())
      return await registry.verifyLog(onProgress)
    },
    sweepRetention: async (options) => {
      await using registry = disposable(await open())
      return await registry.retention.sweep(options)
    },
    confirmClock: async () => {
      await using registry = disposable(await open())
      return await registry.confirmClock()
    },
    configuration: () => {
      const { shown, warnings } = config('serve')
      return { settings: shown, warnings }
    },
  }
  // `artifactstore packages | head` closes the pipe when it has enough, which is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  process.exitCode = await run(argv, {
    cwd,
    version: VERSION,
    settings: () => loadClientConfig({ cwd }),
    store,
    explain,
  })
  // A client's idle connections would keep the process for seconds after its work is done.
  process.stdout.write('', () => process.exit())
}

async function startServer(config: () => Config): Promise<void> {
  const { default: cluster } = await import('node:cluster')
  if (cluster.isWorker) {
    const { serveAsWorker } = await import('./main/worker.ts')
    return serveAsWorker(await composition())
  }
  const settings = config()
  if (settings.server.workers === 1) return serve(settings, await composition())
  const { serveWithWorkers } = await import('./main/workers.ts')
  return serveWithWorkers(settings)
}

async function composition(): Promise<Composition> {
  return import('./compose.ts')
}

function disposable<T extends { dispose(): Promise<void> }>(value: T): T & AsyncDisposable {
  return Object.assign(value, { [Symbol.asyncDispose]: () => value.dispose() })
}

/** What the layers below throw, in the command line's words; undefined where its own words are the best. */
function explain(error: unknown): CliFailure | undefined {
  if (error instanceof ConfigError) {
    return { code: 'configuration', message: error.message, exit: EXIT.configuration, problems: error.problems }
  }
  const { code, address, port, syscall } = error as NodeJS.ErrnoException & { address?: string; port?: number }
  if (code === 'EADDRINUSE') {
    const message = `${address}:${port} is taken by another program; stop it, or choose another with ARTIFACTSTORE_PORT`
    return { code: 'address-in-use', message, exit: EXIT.conflict }
  }
  if (code === 'ENOTSUP' && syscall === 'listen') {
    const message = 'this system lets no two processes share an address; set ARTIFACTSTORE_WORKERS=1'
    return { code: 'address-not-shared', message, exit: EXIT.configuration }
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    const message = `this machine has no address ${address ?? ''}; choose another with ARTIFACTSTORE_HOST`
    return { code: 'address-unknown', message, exit: EXIT.configuration }
  }
  if (code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === 'ETIMEDOUT') {
    const message = `the database does not answer (${(error as Error).message || code}); is it running, and is ARTIFACTSTORE_DATABASE_URL right?`
    return { code: 'database-unreachable', message, exit: EXIT.unreachable }
  }
  if (code === 'schema-incompatible') {
    return { code, message: (error as Error).message, exit: EXIT.configuration }
  }
  return undefined
}
