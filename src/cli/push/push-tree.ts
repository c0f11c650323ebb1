/** A whole push: hash, open the draft, send what the server lacks, finalize. */
import type { NewPackageJson, PackageJson } from '../../native-api/wire.ts'
import type { ApiClient } from '../api-client.ts'
import type { HashedFile } from '../hash-files.ts'
import { eachParallel } from '../pool.ts'
import type { ProgressMeter } from '../progress.ts'
import { Draft, idempotencyKeyOf } from './draft.ts'
import { PushState } from './push-state.ts'
import { type UploadOutcome, uploadFile } from './upload-file.ts'

export interface PushRequest {
  readonly package: NewPackageJson
  readonly files: readonly HashedFile[]
  /** Makes a package of its own although the same content was pushed before. */
  readonly nonce?: string
  readonly width: number
  readonly stateFolder: string
}

export interface Pushed {
  readonly package: PackageJson
  readonly alreadyPushed: boolean
  readonly files: Readonly<Record<UploadOutcome, number>>
  readonly sentBytes: number
}

export async function pushTree(api: ApiClient, request: PushRequest, progress: ProgressMeter): Promise<Pushed> {
  const key = idempotencyKeyOf(request.package, request.files, request.nonce)
  const state = new PushState(request.stateFolder, key)
  const { draft, found } = await Draft.open(api, request.package, { idempotencyKey: key, knownId: state.packageId })
  const counts = { there: 0, known: 0, sent: 0 }
  if (found.status === 'finalized') {
    state.remove()
    return { package: found, alreadyPushed: true, files: counts, sentBytes: 0 }
  }
  state.begin(draft.id)
  let sentBytes = 0
  const done = new Map<string, number>()
  const onProgress = (path: string, bytes: number) => {
    progress.add(bytes - (done.get(path) ?? 0))
    done.set(path, bytes)
  }
  await eachParallel(request.files, request.width, async (file) => {
    const outcome = await uploadFile({ api, draft, state, onProgress }, file)
    onProgress(file.path, file.size)
    counts[outcome] += 1
    if (outcome === 'sent') sentBytes += file.size
  })
  const finalized = await draft.finalize()
  state.remove()
  return { package: finalized, alreadyPushed: false, files: counts, sentBytes }
}
