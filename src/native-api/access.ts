/** Why somebody may do something, or not: the rule that decides, as the server applies it. */
import { EVERYTHING } from '../http/index.ts'
import { ACTIONS, parseRepositoryName } from '../registry/index.ts'
import { jsonReply, operation } from './operation.ts'
import { fieldInvalid } from './problem.ts'
import { type ExplanationJson, MEDIA_TYPES } from './wire.ts'

export const explainAccess = operation({
  id: 'explainAccess',
  summary: 'Whether an identity may do something in a repository, and which rule decides',
  description: 'For whoever administers the repository, or may audit everything.',
  query: {
    identity: { kind: 'text', description: "The name of a token or user, token:<id> of an issued one, or 'anonymous'" },
    action: { kind: 'choice', values: ACTIONS, description: 'What it wants to do' },
    repository: { kind: 'text', description: 'Where' },
  },
  answers: { 200: { description: 'The decision', content: { [MEDIA_TYPES.json]: 'Explanation' } } },
  errors: ['name-invalid'],
  async handle({ context, request, query: { identity, action, repository } }) {
    if (identity === undefined) throw fieldInvalid('identity', 'Say whose right is meant: identity=<name>')
    if (action === undefined) throw fieldInvalid('action', `Say what is meant: action=<one of ${ACTIONS.join(', ')}>`)
    if (repository === undefined) throw fieldInvalid('repository', 'Say where: repository=<name>')
    const name = parseRepositoryName(repository)
    if (!request.may('audit', EVERYTHING)) request.require({ anyOf: ['admin'], on: name })
    const explained = await context.registry.access.explain(identity, action, name)
    const answer: ExplanationJson = { identity, action, repository: name, ...explained }
    return jsonReply(200, answer)
  },
})
