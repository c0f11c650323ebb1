/**
 * The whole native API on one screen. What a route takes, answers and refuses stands beside its handler; who may call
 * it stands here. Anonymous routes name no package, repository or path.
 */
import { readEvents } from './events.ts'
import { addFile, downloadFile, getFile, listFiles } from './files.ts'
import { getManifest, getManifestJson } from './manifests.ts'
import type { Route } from './operation.ts'
import { createPackage, finalizePackage, getPackage, listPackages } from './packages.ts'
import { getBanner, getDocs, getHealth, getOpenApi } from './service.ts'
import { deletePackageTag, putPackageTag } from './tags.ts'
import { appendToUpload, beginUpload, cancelUpload, completeUpload, getUpload } from './uploads.ts'

// biome-ignore format: a table
export const ROUTES: readonly Route[] = [
  { method: 'get',    path: '/',                                   access: 'anonymous', operation: getBanner },
  { method: 'get',    path: '/health',                             access: 'anonymous', operation: getHealth },
  { method: 'get',    path: '/docs',                               access: 'anonymous', operation: getDocs },
  { method: 'get',    path: '/openapi.json',                       access: 'anonymous', operation: getOpenApi },

  { method: 'post',   path: '/packages',                           access: 'write',     operation: createPackage },
  { method: 'get',    path: '/packages',                           access: 'read',      operation: listPackages },
  { method: 'get',    path: '/packages/:package_id',               access: 'read',      operation: getPackage },
  { method: 'get',    path: '/packages/:package_id/files',         access: 'read',      operation: listFiles },
  { method: 'post',   path: '/packages/:package_id/files',         access: 'write',     operation: addFile },
  { method: 'post',   path: '/packages/:package_id/finalize',      access: 'write',     operation: finalizePackage },
  { method: 'get',    path: '/packages/:package_id/manifest',      access: 'read',      operation: getManifest },
  { method: 'get',    path: '/packages/:package_id/manifest.json', access: 'read',      operation: getManifestJson },
  { method: 'put',    path: '/packages/:package_id/tags/:tag',     access: 'write',     operation: putPackageTag },
  { method: 'delete', path: '/packages/:package_id/tags/:tag',     access: 'write',     operation: deletePackageTag },

  { method: 'get',    path: '/files/:file_id',                     access: 'read',      operation: getFile },
  { method: 'get',    path: '/files/:file_id/download',            access: 'read',      operation: downloadFile },

  { method: 'post',   path: '/uploads',                            access: 'write',     operation: beginUpload },
  { method: 'get',    path: '/uploads/:upload_id',                 access: 'write',     operation: getUpload },
  { method: 'patch',  path: '/uploads/:upload_id',                 access: 'write',     operation: appendToUpload },
  { method: 'post',   path: '/uploads/:upload_id/complete',        access: 'write',     operation: completeUpload },
  { method: 'delete', path: '/uploads/:upload_id',                 access: 'write',     operation: cancelUpload },

  { method: 'get',    path: '/events',                             access: 'read',      operation: readEvents },
]
