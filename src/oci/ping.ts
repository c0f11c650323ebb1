/** end-1: says that this is a registry, and whether a credential would help. */
import type { Reply } from '../http/index.ts'
import { CHALLENGE } from './challenge.ts'

/**
 * The challenge stands beside the 200 too: podman takes the scheme for all later requests from the ping, and would
 * else never send its credentials where anonymous reads are open (containers/image docker_client.go).
 */
export async function ping(): Promise<Reply> {
  return { status: 200, headers: { 'Content-Type': 'application/json', ...CHALLENGE }, body: '{}' }
}
