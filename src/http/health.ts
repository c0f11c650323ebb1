/** How a server says whether it works: 200 or 503, never cached, with the report as JSON. */
import type { Reply } from './reply.ts'

export function healthReply(healthy: boolean, report: object): Reply {
  return {
    status: healthy ? 200 : 503,
    headers: {
      'Content-Type': 'application/json',
      'Cache-Control': 'no-store',
      ...(healthy ? undefined : { 'Retry-After': 5 }),
    },
    body: JSON.stringify(report),
  }
}
