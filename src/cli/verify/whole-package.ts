/** A package with everything below it: an index is whole when each of the manifests that it lists is. */
import type { PackageJson } from '../../native-api/wire.ts'
import type { ApiClient } from '../api-client.ts'
import type { PackageReference } from '../references.ts'
import { type ExpectedFile, findChild, type PackageContent, type Problem, readContent } from './package-content.ts'

export interface WholePackage {
  readonly top: PackageContent
  /** Of all of them; those below carry the digest of their manifest in their paths. */
  readonly files: readonly ExpectedFile[]
  readonly problems: readonly Problem[]
}

/** An index lists a handful; one that lists thousands is a trap. */
const MANIFESTS_LIMIT = 1_000

export async function readWhole(api: ApiClient, found: PackageJson, asked: PackageReference): Promise<WholePackage> {
  const top = await readContent(api, found, asked)
  const files = [...top.files]
  const problems = [...top.problems]
  const { repository } = found
  // Grows while it is walked; each digest once, so that no ring of indexes is without an end.
  const digests = new Set(top.children)
  for (const digest of digests) {
    if (digests.size > MANIFESTS_LIMIT) {
      problems.push({ path: digest, reason: `the index lists more than ${MANIFESTS_LIMIT} manifests` })
      break
    }
    const child = await findChild(api, repository, digest)
    if (child?.status !== 'finalized') {
      problems.push({ path: digest, reason: 'the index lists it, and the server does not have it' })
      continue
    }
    const below = await readContent(api, child, { kind: 'digest', repository, digest })
    files.push(...below.files.map((file) => ({ ...file, path: `${digest} ${file.path}` })))
    problems.push(...below.problems.map(({ path, reason }) => ({ path: `${digest} ${path}`, reason })))
    for (const each of below.children) digests.add(each)
  }
  return { top, files, problems }
}
