/** Every view, in the order in which they fold an event. */
import { blobsView, storageLocationsView } from './blobs.ts'
import { filesView } from './files.ts'
import { manifestsView, referrersView } from './manifests.ts'
import { packagesView } from './packages.ts'
import { refsView } from './refs.ts'
import { repositoriesView, repositoryBlobsView } from './repositories.ts'
import { holdsView, retentionStateView } from './retention-state.ts'
import { tagsView } from './tags.ts'
import { tokensView } from './tokens.ts'
import type { View } from './view.ts'

export const VIEWS: readonly View[] = [
  repositoriesView,
  packagesView,
  filesView,
  blobsView,
  storageLocationsView,
  repositoryBlobsView,
  manifestsView,
  referrersView,
  tagsView,
  retentionStateView,
  holdsView,
  refsView,
  tokensView,
]
export { type Applier, createApplier, type View } from './view.ts'
