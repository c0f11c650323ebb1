/** One log line a request. Never the path's query, headers or bodies: they may carry secrets. */
import type { Logger } from 'pino'
import type { RequestFacts, RequestObserver } from './surface.ts'

export function requestLog(log: Logger): RequestObserver {
  return {
    finished(facts: RequestFacts): void {
      const level = facts.status >= 500 ? 'warn' : 'info'
      if (!log.isLevelEnabled(level)) return
      log[level](
        {
          requestId: facts.id,
          method: facts.method,
          route: facts.route,
          status: facts.status,
          bytes: facts.bytes,
          ms: Math.round(facts.milliseconds * 1000) / 1000,
          actor: facts.actor,
          client: facts.client,
          ...(facts.aborted ? { aborted: true } : undefined),
        },
        'request',
      )
    },
  }
}
