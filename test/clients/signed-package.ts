/**
 * The package that crosses all doors, step by step: pushed by the command line, signed and attested by cosign over its
 * OCI digest. The steps run the lines of docs/clients.md; what the other doors say of the result is one step too,
 * `seenThroughOtherDoors`, and whatever door is added looks at it there.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FileJson, PackageJson } from '../../src/native-api/wire.ts'
import type { ClientFlow } from './client-flow.ts'

export const COSIGN_VERSIONS = ['cosign3', 'cosign2'] as const
export type CosignVersion = (typeof COSIGN_VERSIONS)[number]

export const BUNDLE_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json'
export const SIMPLE_SIGNING_TYPE = 'application/vnd.dev.cosign.simplesigning.v1+json'
export const DSSE_TYPE = 'application/vnd.dsse.envelope.v1+json'
export const PREDICATE_TYPE = 'https://example.org/test-result/v1'
export const PREDICATE = { passed: 42, failed: 0 }

export interface PushedPackage {
  /** Of the package in the native API. */
  readonly id: string
  /** `ops/<folder>`. */
  readonly repository: string
  /** `sha256:…` of its OCI manifest: what is signed. */
  readonly digest: string
  /** `localhost:8000/<repository>@<digest>`, for scripts. */
  readonly reference: string
}

/** A folder with a report and a log, pushed by `artifactstore push`. */
export async function pushFolder(flow: ClientFlow, folder: string): Promise<PushedPackage> {
  mkdirSync(join(flow.folder, folder, 'logs'), { recursive: true })
  writeFileSync(join(flow.folder, folder, 'summary.json'), JSON.stringify({ run: folder, passed: 42 }))
  writeFileSync(join(flow.folder, folder, 'logs', 'first run.txt'), `all went well in ${folder}\n`)
  const { package_id: id } = await flow.json<{ package_id: string }>(
    `artifactstore push ${folder} --producer ops --subject example.org --retention-class raw-evidence --json`,
  )
  const { oci } = await flow.api<PackageJson>(`/packages/${id}`)
  const { repository, digest } = oci!
  return { id, repository, digest, reference: `localhost:8000/${repository}@${digest}` }
}

/** Makes `cosign` in scripts this version, with its login and a key pair: cosign.key, cosign.pub. */
export async function prepareCosign(flow: ClientFlow, version: CosignVersion): Promise<void> {
  await flow.wrap('cosign', version, [])
  await flow.page('cosign', 'login')
  await flow.sh('rm -f cosign.key cosign.pub')
  await flow.page('cosign', 'key', cosignEnv())
}

/** Signs the package, and attests a test result of it. */
export async function signAndAttest(flow: ClientFlow, version: CosignVersion, pushed: PushedPackage): Promise<void> {
  writeFileSync(join(flow.folder, 'result.json'), JSON.stringify(PREDICATE))
  await flow.page('cosign', version === 'cosign3' ? 'sign' : 'sign-2', cosignEnv(flow, pushed))
  await flow.page('cosign', version === 'cosign3' ? 'attest' : 'attest-2', cosignEnv(flow, pushed))
}

/** The password of the key, no way to the internet's trust root, and `$reference` of the page's lines. */
export function cosignEnv(flow?: ClientFlow, pushed?: PushedPackage): { env: NodeJS.ProcessEnv } {
  const reference = pushed?.reference.replace('localhost:8000', flow!.registry)
  return {
    env: { COSIGN_PASSWORD: 'a-password', TUF_MIRROR: 'http://127.0.0.1:1', ...(reference ? { reference } : {}) },
  }
}

export interface SeenSignature {
  readonly kind: 'signature' | 'attestation'
  readonly package: PackageJson
  readonly file: FileJson
}

/** Signatures and attestations of a package as the native API shows them: packages of its repository. */
export async function seenThroughOtherDoors(flow: ClientFlow, pushed: PushedPackage): Promise<SeenSignature[]> {
  const seen: SeenSignature[] = []
  for (const each of await flow.packages(pushed.repository)) {
    if (each.id === pushed.id) continue
    for (const file of await flow.files(`${pushed.repository}@${each.oci!.digest}`)) {
      const kind = kindOf(each, file)
      if (kind) seen.push({ kind, package: each, file })
    }
  }
  return seen.sort((a, b) => b.kind.localeCompare(a.kind))
}

function kindOf({ metadata }: PackageJson, { media_type: type }: FileJson): SeenSignature['kind'] | undefined {
  if (type === SIMPLE_SIGNING_TYPE) return 'signature'
  if (type === DSSE_TYPE) return 'attestation'
  if (type !== BUNDLE_TYPE) return undefined
  const predicate = metadata['dev.sigstore.bundle.predicateType']
  return predicate === 'https://sigstore.dev/cosign/sign/v1' ? 'signature' : 'attestation'
}
