/**
 * Who may call a route. The boundary decides what can be decided without a look-up: whoever may do nothing of the kind
 * anywhere stops there. A package or file that the caller may not even read is then answered as if it did not exist.
 */
import { type Access, type ApiRequest, EVERYTHING, SOMEWHERE } from '../http/index.ts'
import { type Action, printable, type Registry, RegistryError, type RepositoryName } from '../registry/index.ts'

/** What the path names: a package, a file, everything at once, or something that only the body or a filter tells. */
export type Subject = 'package' | 'file' | 'everything' | 'somewhere'
export type RouteAccess = 'open' | 'identified' | { readonly of: Subject; readonly anyOf: readonly Action[] }

export function on(of: Subject, ...anyOf: readonly Action[]): RouteAccess {
  return { of, anyOf }
}

export function boundaryAccess(access: RouteAccess): Access {
  if (typeof access === 'string') return access
  const { of, anyOf } = access
  return () => [{ anyOf, on: of === 'everything' ? EVERYTHING : SOMEWHERE }]
}

/** Throws `package-unknown`, `file-unknown`, or RequestError `access-denied`. */
export async function requireAccess(request: ApiRequest, registry: Registry, access: RouteAccess): Promise<void> {
  if (typeof access === 'string') return
  const { of, anyOf } = access
  if (of === 'package') await requireOnPackage(request, registry, { id: request.params.package_id ?? '', anyOf })
  if (of === 'file') {
    const id = request.params.file_id ?? ''
    requireThere(request, await registry.files.repositoryOf(id), { anyOf, unknown: () => fileUnknown(id) })
  }
}

/** The package's repository; undefined for a package that is not there, or has none any more. */
export async function requireOnPackage(
  request: ApiRequest,
  registry: Registry,
  { id, anyOf }: { id: string; anyOf: readonly Action[] },
): Promise<RepositoryName | undefined> {
  const repository = await registry.packages.repositoryOf(id)
  requireThere(request, repository, { anyOf, unknown: () => packageUnknown(id) })
  return repository
}

function requireThere(
  request: ApiRequest,
  repository: RepositoryName | undefined,
  { anyOf, unknown }: { anyOf: readonly Action[]; unknown: () => RegistryError },
): void {
  if (repository === undefined) {
    // What was erased is left as a stub that belongs to no repository.
    if (!request.may('pull', EVERYTHING)) throw unknown()
    return
  }
  if (anyOf.some((action) => request.may(action, repository))) return
  if (!request.may('pull', repository)) throw unknown()
  request.require({ anyOf, on: repository })
}

function packageUnknown(id: string): RegistryError {
  return new RegistryError('package-unknown', `There is no package '${printable(id)}'`, { id: id.slice(0, 64) })
}

function fileUnknown(id: string): RegistryError {
  return new RegistryError('file-unknown', `There is no file '${printable(id)}'`, { id: id.slice(0, 80) })
}
