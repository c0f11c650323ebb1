/** `artifactstore serve`: open, listen, say where, and drain when told to stop. */
import type { Logger } from 'pino'
import { type Config, isLoopback } from '../config.ts'
import type { Address, Composition } from './composition.ts'
import { ensureLocalToken, localTokenNotice } from './local-token.ts'
import { openLogger } from './logger.ts'

export const SWEEP_MS = 10 * 60_000

/** Resolves when a signal has stopped the server and every running request was answered. */
export async function serve(config: Config, composition: Composition): Promise<void> {
  const logger = openLogger(config.log.level)
  const start = prepareStart(config, logger)
  // Listened for before opening, so that a signal during a long start is not lost.
  const stop = nextSignal()
  const application = await composition.openApplication(start.config, { logger })
  const sweep = setInterval(() => application.sweep(), SWEEP_MS)
  try {
    start.announce(await application.listen(), { pid: process.pid })
    const signal = await stop
    logger.info({ signal }, DRAINING)
    await application.drain()
  } finally {
    clearInterval(sweep)
    await application.dispose()
  }
  logger.info('stopped')
}

export const DRAINING = 'draining: no new requests; running ones finish. A second signal stops at once'

export interface Start {
  /** With the token of this machine where it needs one. */
  readonly config: Config
  /** To be called once, when requests are answered. */
  announce(at: Address, facts: object): void
}

export function prepareStart(config: Config, logger: Logger): Start {
  for (const warning of config.warnings) logger.warn(warning)
  const needsToken = config.auth.tokens.length === 0 && isLoopback(config.server.host)
  const local = needsToken ? ensureLocalToken(config.auth.tokenFile) : undefined
  return {
    config: local ? { ...config, auth: { ...config.auth, localToken: local.token } } : config,
    announce(at, facts) {
      const { tls, publicUrl, host } = config.server
      const url =
        publicUrl ?? `${tls ? 'https' : 'http'}://${at.host.includes(':') ? `[${at.host}]` : at.host}:${at.port}`
      if (local?.created) process.stderr.write(localTokenNotice(config.auth.tokenFile, at))
      logger.info({ url, ...facts, durability: config.durability }, `listening on ${url}`)
      if (!isLoopback(host) && !tls && !publicUrl?.startsWith('https:')) {
        logger.warn('this server is open to others without TLS: tokens and bytes can be read on the way')
      }
    },
  }
}

/** The first SIGTERM or SIGINT. The second one ends the process. */
export function nextSignal(beforeEnd: () => void = () => undefined): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let isFirst = true
    for (const [signal, number] of [['SIGTERM', 15] as const, ['SIGINT', 2] as const]) {
      process.on(signal, () => {
        if (!isFirst) {
          beforeEnd()
          process.exit(128 + number)
        }
        isFirst = false
        resolve(signal)
      })
    }
  })
}
