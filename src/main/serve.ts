/** `artifactstore serve`: open, listen, say where, and drain when told to stop. */
import { type Config, isLoopback } from '../config.ts'
import type { Composition } from './composition.ts'
import { ensureLocalToken, localTokenNotice } from './local-token.ts'
import { openLogger } from './logger.ts'

/** Resolves when a signal has stopped the server and every running request was answered. */
export async function serve(config: Config, composition: Composition): Promise<void> {
  const logger = openLogger(config.log.level)
  for (const warning of config.warnings) logger.warn(warning)
  const needsToken = config.auth.tokens.length === 0 && isLoopback(config.server.host)
  const local = needsToken ? ensureLocalToken(config.auth.tokenFile) : undefined
  const withToken = local ? { ...config, auth: { ...config.auth, localToken: local.token } } : config
  // Listened for before opening, so that a signal during a long start is not lost.
  const stop = nextSignal()
  const application = await composition.openApplication(withToken, { logger })
  try {
    const at = await application.listen()
    const scheme = config.server.tls ? 'https' : 'http'
    const url = config.server.publicUrl ?? `${scheme}://${at.host.includes(':') ? `[${at.host}]` : at.host}:${at.port}`
    if (local?.created) process.stderr.write(localTokenNotice(config.auth.tokenFile, at))
    logger.info({ url, pid: process.pid, durability: config.durability }, `listening on ${url}`)
    if (!isLoopback(config.server.host) && !config.server.tls && !config.server.publicUrl?.startsWith('https:')) {
      logger.warn('this server is open to others without TLS: tokens and bytes can be read on the way')
    }
    const signal = await stop
    logger.info({ signal }, 'draining: no new requests; running ones finish. A second signal stops at once')
    await application.drain()
  } finally {
    await application.dispose()
  }
  logger.info('stopped')
}

/** The first SIGTERM or SIGINT. The second one ends the process. */
function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let isFirst = true
    for (const [signal, number] of [['SIGTERM', 15] as const, ['SIGINT', 2] as const]) {
      process.on(signal, () => {
        if (!isFirst) process.exit(128 + number)
        isFirst = false
        resolve(signal)
      })
    }
  })
}
