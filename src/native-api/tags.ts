/** Tags of a package in its repository: pointed at it, and taken off it. */
import { parseTag } from '../registry/index.ts'
import { jsonReply, operation } from './operation.ts'
import { PACKAGE_ANSWER } from './packages.ts'
import { hostOf, packageJson } from './representations.ts'

export const putPackageTag = operation({
  id: 'putPackageTag',
  summary: 'Point a tag of the repository at this package',
  description: 'A tag that exists is moved. The body is empty.',
  answers: { 200: PACKAGE_ANSWER },
  errors: ['package-unknown', 'package-not-finalized', 'tag-invalid', 'tag-reserved', 'manifest-unknown'],
  async handle({ context, request, params, actor }) {
    const tag = parseTag(params.tag!)
    const tagged = await context.registry.tags.set(params.package_id!, tag, { actor })
    return jsonReply(200, packageJson(tagged, hostOf(request)))
  },
})

export const deletePackageTag = operation({
  id: 'deletePackageTag',
  summary: 'Take a tag off this package; the package stays',
  answers: { 204: { description: 'It is gone' } },
  errors: ['package-unknown', 'tag-invalid', 'tag-unknown', 'tag-reserved'],
  async handle({ context, params, actor }) {
    const { tag, package_id: id } = { tag: parseTag(params.tag!), package_id: params.package_id! }
    const tagged = await context.registry.packages.get(id)
    // Elsewhere in the repository the tag may well exist: this path names this package's tags only.
    await context.registry.tags.remove(tagged.repository, tag, { actor, packageId: tagged.id })
    return { status: 204 }
  },
})
