/**
 * end-1: says that this is a registry, and how to show who one is. Without a credential it is always 401, also where
 * everybody may pull: docker and podman take from this answer whether they will ever send what they have.
 */
import { type ApiRequest, missingCredential, type Reply } from '../http/index.ts'

export async function ping(request: ApiRequest): Promise<Reply> {
  if (request.credential.kind === 'none') throw missingCredential([])
  return { status: 200, headers: { 'Content-Type': 'application/json' }, body: '{}' }
}
