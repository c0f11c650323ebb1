/** Warnings to people behind the client: distribution-spec main, "Warnings". oras prints them, skopeo logs them. */
import type { ApiRequest, Reply } from '../http/index.ts'
import type { Identity } from '../registry/index.ts'

const DAY_MS = 24 * 60 * 60 * 1_000
/** Early enough for a person to make another token. */
const SOON_MS = 7 * DAY_MS
/** Of all warnings of an answer together. */
const LIMIT_BYTES = 4096

/** `299 - "text"`: the specification wants this code, no agent and no date. */
export function warning(text: string): { Warning: string } {
  const quoted = text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, (sign) => `\\${sign}`)
  return { Warning: `299 - "${quoted.slice(0, LIMIT_BYTES - 10)}"` }
}

/** Said with the access token of a credential that lapses soon. */
export function expiryWarning(request: ApiRequest, now: number): Reply['headers'] {
  const { expiresAt, tokenId } = request.identity as Identity
  if (expiresAt === undefined || expiresAt - now > SOON_MS) return {}
  return warning(`the token ${tokenId} expires at ${new Date(expiresAt).toISOString()}: make another one before`)
}
