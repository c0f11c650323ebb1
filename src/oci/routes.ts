/**
 * The OCI distribution API on one screen: distribution-spec main (1.1.1+dev), with the ids of its endpoint table, and
 * the `_catalog` and token service of the Docker Registry API v2. What a row needs is read off its path and query, and decided
 * before anything is looked up. Rows are matched in order: uploads come before blobs, because
 * `/blobs/uploads` would else be a blob of the digest `uploads`.
 */
import type { Access, ApiRequest, Endpoint, Need } from '../http/index.ts'
import { type Action, parseRepositoryName, type Registry } from '../registry/index.ts'
import { blobHandlers } from './blobs.ts'
import { listRepositories } from './catalog.ts'
import { manifestHandlers } from './manifests.ts'
import { repositoryOf } from './params.ts'
import { ping } from './ping.ts'
import { listReferrers } from './referrers.ts'
import { listTags } from './tags.ts'
import { TOKEN_PATH, tokenHandlers } from './token.ts'
import { uploadHandlers } from './uploads.ts'

export function ociEndpoints({ registry }: { registry: Registry }): readonly Endpoint[] {
  const blobs = blobHandlers(registry)
  const uploads = uploadHandlers(registry)
  const manifests = manifestHandlers(registry)
  const token = tokenHandlers(registry)
  const upload = '/v2/*name/blobs/uploads/:upload'
  const blob = '/v2/*name/blobs/:digest'
  const manifest = '/v2/*name/manifests/:reference'
  // biome-ignore format: a table reads by columns
  return [
    row('get',    '/v2',          'identified', ping), //                                              end-1
    row('get',    '/v2/_catalog', 'identified', (request) => listRepositories(registry, request)),
    row('get',    TOKEN_PATH,     'identified', token.get),
    row('post',   TOKEN_PATH,     'identified', token.post),
    row('post',   '/v2/*name/blobs/uploads', beginning, uploads.begin), //                             end-4a, 4b, 4c, 11
    row('get',    upload,   to('push'),          uploads.status), //                                   end-13
    row('patch',  upload,   to('push'),          uploads.append), //                                   end-5
    row('put',    upload,   to('push'),          uploads.complete), //                                 end-6
    row('delete', upload,   to('push'),          uploads.cancel), //                                   end-14
    row('head',   blob,     to('pull'),          blobs.head), //                                       end-2
    row('get',    blob,     to('pull'),          blobs.get), //                                        end-2
    row('delete', blob,     to('delete'),        blobs.remove), //                                     end-10
    row('get',    manifest, to('pull'),          manifests.get), //                                    end-3
    row('put',    manifest, to('push', 'tag'),   manifests.put), //                                    end-7a, 7b
    row('delete', manifest, deleting,            manifests.remove), //                                 end-9
    row('get',    '/v2/*name/tags/list',         to('pull'), (request) => listTags(registry, request)), //       end-8a, 8b
    row('get',    '/v2/*name/referrers/:digest', to('pull'), (request) => listReferrers(registry, request)), // end-12a, 12b
  ]
}

function row(method: Endpoint['method'], path: string, access: Access, handle: Endpoint['handle']): Endpoint {
  return { method, path, access, handle }
}

/** One of the actions in the repository that the path names. */
function to(...anyOf: readonly Action[]): Access {
  return (request) => [{ anyOf, on: repositoryOf(request) }]
}

/** A tag can be removed by whoever may tag; a manifest only by whoever may delete. */
function deleting(request: ApiRequest): readonly Need[] {
  const isTag = !(request.params.reference ?? '').includes(':')
  return [{ anyOf: isTag ? ['delete', 'tag'] : ['delete'], on: repositoryOf(request) }]
}

/** The source of a mount is named in the challenge, so that clients ask for both; without it the mount is an upload. */
function beginning(request: ApiRequest): readonly Need[] {
  const need: Need = { anyOf: ['push'], on: repositoryOf(request) }
  const from = request.query.get('from')
  if (request.query.get('mount') === null || from === null || request.may('push', need.on)) return [need]
  return [need, { anyOf: ['pull'], on: parseRepositoryName(from) }]
}
