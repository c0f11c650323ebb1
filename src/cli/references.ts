/** How the command line names a package: its id, or as clients of `/v2/` do. */
import { type PackageJson, type PackagePageJson, paths } from '../native-api/wire.ts'
import type { ApiClient } from './api-client.ts'
import { CliError, EXIT, usageError } from './failure.ts'

export type PackageReference =
  | { readonly kind: 'id'; readonly id: string }
  | { readonly kind: 'tag'; readonly host?: string; readonly repository: string; readonly tag: string }
  | { readonly kind: 'digest'; readonly host?: string; readonly repository: string; readonly digest: string }

const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/
const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/
const DIGEST = /^(?:blake3:[0-9a-f]{64}|sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/

/** `id`, `[host/]repository:tag` or `[host/]repository@digest`. Throws a usage error. */
export function parsePackageReference(text: string): PackageReference {
  if (ID.test(text)) return { kind: 'id', id: text.toLowerCase() }
  const { host, rest } = splitHost(text)
  const withHost = host === undefined ? {} : { host }
  const at = rest.indexOf('@')
  if (at >= 0) {
    // `repository:tag@digest` is common; the digest says more.
    const repository = rest.slice(0, at).replace(/:[^:/]*$/, '')
    const digest = rest.slice(at + 1)
    if (REPOSITORY.test(repository) && DIGEST.test(digest)) return { kind: 'digest', ...withHost, repository, digest }
  } else {
    const colon = rest.lastIndexOf(':')
    const repository = rest.slice(0, colon)
    const tag = rest.slice(colon + 1)
    if (colon > 0 && REPOSITORY.test(repository) && TAG.test(tag)) return { kind: 'tag', ...withHost, repository, tag }
  }
  throw usageError(`'${text}' names no package; give its id, [host/]repository:tag or [host/]repository@digest`)
}

/** As in all OCI clients: the first segment is a host when it has a dot or a port, or is `localhost`. */
function splitHost(text: string): { host?: string; rest: string } {
  const slash = text.indexOf('/')
  const first = text.slice(0, Math.max(slash, 0))
  const isHost = HOST.test(first) && /^localhost$|[.:]/.test(first)
  return isHost ? { host: first, rest: text.slice(slash + 1) } : { rest: text }
}

/** The package. Throws an `ApiError`, or a failure `package-unknown`. */
export async function getPackage(api: ApiClient, text: string): Promise<PackageJson> {
  const reference = parsePackageReference(text)
  if (reference.kind === 'id') return api.json<PackageJson>({ path: paths.package(reference.id) })
  requireSameHost(reference.host, api.baseUrl)
  const query = new URLSearchParams({ repository: reference.repository, limit: '1' })
  if (reference.kind === 'tag') query.set('tag', reference.tag)
  else query.set('digest', reference.digest)
  const page = await api.json<PackagePageJson>({ path: paths.packages, query })
  if (page.packages[0]) return page.packages[0]
  throw new CliError({ code: 'package-unknown', message: `there is no package '${text}'`, exit: EXIT.notFound })
}

/** A token is sent to the API URL only, so a reference to another host cannot be followed. */
function requireSameHost(host: string | undefined, baseUrl: string): void {
  if (host === undefined) return
  const url = new URL(baseUrl)
  const names = [url.host, `${url.hostname}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`]
  const normal = (name: string) => name.toLowerCase().replace(/^(?:127\.0\.0\.1|\[::1\])(?=:|$)/, 'localhost')
  if (names.map(normal).includes(normal(host))) return
  throw usageError(`the reference names the host '${host}', but the API URL is ${baseUrl}; give --api-url`)
}
