/**
 * The OCI distribution API on one screen: distribution-spec main (1.1.1+dev), with the ids of its endpoint table, and
 * the `_catalog` of the Docker Registry API v2. Rows are matched in order: uploads come before blobs, because
 * `/blobs/uploads` would else be a blob of the digest `uploads`.
 */
import type { Access, Endpoint } from '../http/index.ts'
import type { Registry } from '../registry/index.ts'
import { blobHandlers } from './blobs.ts'
import { listRepositories } from './catalog.ts'
import { manifestHandlers } from './manifests.ts'
import { ping } from './ping.ts'
import { listReferrers } from './referrers.ts'
import { listTags } from './tags.ts'
import { uploadHandlers } from './uploads.ts'

export function ociEndpoints({ registry }: { registry: Registry }): readonly Endpoint[] {
  const blobs = blobHandlers(registry)
  const uploads = uploadHandlers(registry)
  const manifests = manifestHandlers(registry)
  const upload = '/v2/*name/blobs/uploads/:upload'
  const blob = '/v2/*name/blobs/:digest'
  const manifest = '/v2/*name/manifests/:reference'
  return [
    row('get', '/v2', ping), //                                                                end-1
    row('get', '/v2/_catalog', (request) => listRepositories(registry, request)),
    row('post', '/v2/*name/blobs/uploads', uploads.begin), //                                  end-4a, 4b, 4c, 11
    row('get', upload, uploads.status), //                                                     end-13
    row('patch', upload, uploads.append), //                                                   end-5
    row('put', upload, uploads.complete), //                                                   end-6
    row('delete', upload, uploads.cancel), //                                                  end-14
    row('head', blob, blobs.head), //                                                          end-2
    row('get', blob, blobs.get), //                                                            end-2
    row('delete', blob, blobs.remove), //                                                      end-10
    row('get', manifest, manifests.get), //                                                    end-3
    row('put', manifest, manifests.put), //                                                    end-7a, 7b
    row('delete', manifest, manifests.remove), //                                              end-9
    row('get', '/v2/*name/tags/list', (request) => listTags(registry, request)), //            end-8a, 8b
    row('get', '/v2/*name/referrers/:digest', (request) => listReferrers(registry, request)), // end-12a, 12b
  ]
}

/** Reading needs `read`, everything else `write`: pushing an image reads nothing that it may not also write. */
function row(method: Endpoint['method'], path: string, handle: Endpoint['handle']): Endpoint {
  const access: Access = method === 'get' || method === 'head' ? 'read' : 'write'
  return { method, path, access, handle }
}
