/**
 * What a client is told that must show a credential, or another one: the token service of this server, in the Docker
 * token protocol. Basic works without being announced: clients that are told of both take the first, or the last.
 */
import { type ErrorContext, type Need, SOMEWHERE } from '../http/index.ts'
import { TOKEN_SERVICE } from '../registry/index.ts'
import { TOKEN_PATH } from './token.ts'

/** What listing repositories needs; the protocol has a scope of its own for it. */
export const CATALOG: Need = { anyOf: ['pull'], on: SOMEWHERE }

/** What clients know of: to push takes reading too, and to delete takes looking up what is deleted. */
const ASKED: Readonly<Record<string, string>> = {
  pull: 'pull',
  push: 'pull,push',
  tag: 'pull,push',
  delete: 'pull,delete',
}

export function challenge(
  { origin, path }: ErrorContext,
  needs: readonly Need[],
  error?: 'invalid_token' | 'insufficient_scope',
): Readonly<Record<string, string>> {
  // The token service itself takes a user and a password.
  if (path === TOKEN_PATH) return { 'WWW-Authenticate': 'Basic realm="artifact-store"' }
  const scope = needs.map(scopeOf).filter((text) => text !== '')
  const parameters = [
    `realm="${origin}${TOKEN_PATH}"`,
    `service="${TOKEN_SERVICE}"`,
    ...(scope.length > 0 ? [`scope="${scope.join(' ')}"`] : []),
    ...(error === undefined ? [] : [`error="${error}"`]),
  ]
  return { 'WWW-Authenticate': `Bearer ${parameters.join(',')}` }
}

function scopeOf(need: Need): string {
  if (need === CATALOG) return 'registry:catalog:*'
  return `repository:${need.on}:${ASKED[need.anyOf[0] ?? ''] ?? need.anyOf[0]}`
}
