/** What refers to a package: its signatures, attestations, SBOMs and whatever else clients attached. */
import { jsonReply, operation } from './operation.ts'
import { PAGE_QUERY, pageOf } from './packages.ts'
import { referrerJson } from './representations.ts'
import { MEDIA_TYPES, type ReferrerPageJson } from './wire.ts'

export const listReferrers = operation({
  id: 'listReferrers',
  summary: 'Signatures, attestations and whatever else refers to a package',
  description:
    'Manifests that name the OCI manifest of the package as their subject, and those under the tags of cosign 2 ' +
    '(sha256-<hex>.sig, .att, .sbom). Signatures carry a verdict by the keys that are configured on this server; a ' +
    'client that must not take its word fetches manifest and files of each referrer and checks them itself, as ' +
    'artifactstore verify does. A page may be shorter than asked for and still have a next one.',
  query: {
    artifact_type: { kind: 'texts', description: 'Only of this artifact type; may be given several times' },
    ...PAGE_QUERY,
  },
  answers: {
    200: { description: 'One page', content: { [MEDIA_TYPES.json]: 'ReferrerPage' } },
  },
  errors: ['package-unknown', 'cursor-unknown'],
  async handle({ context, params, query }) {
    const page = await context.registry.signatures.list(params.package_id!, {
      artifactTypes: query.artifact_type,
      ...pageOf(query),
    })
    const answer: ReferrerPageJson = { referrers: page.items.map(referrerJson), next_cursor: page.next ?? null }
    return jsonReply(200, answer)
  },
})
