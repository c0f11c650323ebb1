/**
 * What a client without a valid credential is told. Basic, with the token as password, because every container client
 * speaks it. The realm names neither host nor scheme, and no text that a client could take for another scheme.
 */
export const CHALLENGE: Readonly<Record<string, string>> = { 'WWW-Authenticate': 'Basic realm="artifact-store"' }
