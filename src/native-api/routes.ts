/**
 * The whole native API on one screen. What a route takes, answers and refuses stands beside its handler; who may call
 * it stands here. Open routes name no package, repository or path.
 */
import { explainAccess } from './access.ts'
import { readEvents } from './events.ts'
import { addFile, downloadFile, getFile, listFiles } from './files.ts'
import { getManifest, getManifestJson, getOciManifest } from './manifests.ts'
import type { Route } from './operation.ts'
import { createPackage, deletePackage, finalizePackage, getPackage, listPackages } from './packages.ts'
import { listReferrers } from './referrers.ts'
import {
  applyHold,
  confirmClock,
  extendRetention,
  getRetention,
  listHolds,
  listRetentionClasses,
  raiseRetentionClass,
  readRetentionHistory,
  releaseHold,
  sweepRetention,
} from './retention.ts'
import { on } from './route-access.ts'
import { getBanner, getDocs, getHealth, getOpenApi } from './service.ts'
import { deletePackageTag, putPackageTag } from './tags.ts'
import { createToken, listTokens, revokeToken, rotateTokenKey } from './tokens.ts'
import { appendToUpload, beginUpload, cancelUpload, completeUpload, getUpload } from './uploads.ts'

// biome-ignore format: a table
export const ROUTES: readonly Route[] = [
  { method: 'get',    path: '/',                                   access: 'open', operation: getBanner },
  { method: 'get',    path: '/health',                             access: 'open', operation: getHealth },
  { method: 'get',    path: '/docs',                               access: 'open', operation: getDocs },
  { method: 'get',    path: '/openapi.json',                       access: 'open', operation: getOpenApi },

  { method: 'post',   path: '/packages',                           access: on('somewhere', 'push'), operation: createPackage },
  { method: 'get',    path: '/packages',                           access: on('somewhere', 'pull'), operation: listPackages },
  { method: 'get',    path: '/packages/:package_id',               access: on('package', 'pull'), operation: getPackage },
  { method: 'delete', path: '/packages/:package_id',               access: on('package', 'delete'), operation: deletePackage },
  { method: 'get',    path: '/packages/:package_id/files',         access: on('package', 'pull'), operation: listFiles },
  { method: 'post',   path: '/packages/:package_id/files',         access: on('package', 'push'), operation: addFile },
  { method: 'post',   path: '/packages/:package_id/finalize',      access: on('package', 'push'), operation: finalizePackage },
  { method: 'get',    path: '/packages/:package_id/manifest',      access: on('package', 'pull'), operation: getManifest },
  { method: 'get',    path: '/packages/:package_id/manifest.json', access: on('package', 'pull'), operation: getManifestJson },
  { method: 'get',    path: '/packages/:package_id/oci-manifest',  access: on('package', 'pull'), operation: getOciManifest },
  { method: 'get',    path: '/packages/:package_id/referrers',     access: on('package', 'pull'), operation: listReferrers },
  { method: 'put',    path: '/packages/:package_id/tags/:tag',     access: on('package', 'push', 'tag'), operation: putPackageTag },
  { method: 'delete', path: '/packages/:package_id/tags/:tag',     access: on('package', 'delete', 'tag'), operation: deletePackageTag },

  { method: 'get',    path: '/packages/:package_id/retention',            access: on('package', 'pull'), operation: getRetention },
  { method: 'get',    path: '/packages/:package_id/retention/history',    access: on('package', 'pull'), operation: readRetentionHistory },
  { method: 'post',   path: '/packages/:package_id/retention/extensions', access: on('package', 'retain'), operation: extendRetention },
  { method: 'put',    path: '/packages/:package_id/retention/class',      access: on('package', 'retain'), operation: raiseRetentionClass },
  { method: 'post',   path: '/packages/:package_id/retention/holds',      access: on('package', 'hold'), operation: applyHold },
  { method: 'post',   path: '/packages/:package_id/retention/holds/:hold_id/release', access: on('package', 'release'), operation: releaseHold },
  { method: 'post',   path: '/retention/sweeps',                          access: on('everything', 'collect'), operation: sweepRetention },
  { method: 'post',   path: '/clock/confirmation',                        access: on('everything', 'collect'), operation: confirmClock },
  { method: 'get',    path: '/holds',                                     access: on('somewhere', 'pull'), operation: listHolds },
  { method: 'get',    path: '/retention-classes',                         access: on('somewhere', 'pull'), operation: listRetentionClasses },

  { method: 'get',    path: '/files/:file_id',                     access: on('file', 'pull'), operation: getFile },
  { method: 'get',    path: '/files/:file_id/download',            access: on('file', 'pull'), operation: downloadFile },

  { method: 'post',   path: '/uploads',                            access: on('somewhere', 'push'), operation: beginUpload },
  { method: 'get',    path: '/uploads/:upload_id',                 access: on('somewhere', 'push'), operation: getUpload },
  { method: 'patch',  path: '/uploads/:upload_id',                 access: on('somewhere', 'push'), operation: appendToUpload },
  { method: 'post',   path: '/uploads/:upload_id/complete',        access: on('somewhere', 'push'), operation: completeUpload },
  { method: 'delete', path: '/uploads/:upload_id',                 access: on('somewhere', 'push'), operation: cancelUpload },

  { method: 'post',   path: '/tokens',                             access: on('somewhere', 'admin'), operation: createToken },
  { method: 'get',    path: '/tokens',                             access: on('everything', 'admin', 'audit'), operation: listTokens },
  { method: 'delete', path: '/tokens/:token_id',                   access: 'identified', operation: revokeToken },
  { method: 'post',   path: '/token-keys',                         access: on('everything', 'admin'), operation: rotateTokenKey },
  { method: 'get',    path: '/access/explanation',                 access: on('somewhere', 'admin', 'audit'), operation: explainAccess },

  { method: 'get',    path: '/events',                             access: on('everything', 'audit'), operation: readEvents },
]
