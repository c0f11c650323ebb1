/** Tokens that the server issues: made, listed, revoked; and the key that signs access tokens, changed. */
import { missingCredential } from '../http/index.ts'
import type { Identity, IssuedToken } from '../registry/index.ts'
import { type JsonBody, jsonReply, operation } from './operation.ts'
import { PAGE_QUERY, pageOf } from './packages.ts'
import {
  type IssuedTokenJson,
  MEDIA_TYPES,
  type NewTokenJson,
  paths,
  type TokenJson,
  type TokenPageJson,
} from './wire.ts'

const NEW_TOKEN: JsonBody<NewTokenJson> = { schema: 'NewToken' }

export const createToken = operation({
  id: 'createToken',
  summary: 'Issue a token',
  description:
    'What its scopes say is all that it may do. Whoever issues it administers these repositories (`admin`) and may do all of ' +
    'it themselves. The answer is the only place where the token is shown; the server keeps a hash.',
  json: NEW_TOKEN,
  answers: {
    201: {
      description: 'It is valid from now on',
      content: { [MEDIA_TYPES.json]: 'IssuedToken' },
      headers: { Location: 'Its path' },
    },
  },
  errors: ['field-invalid'],
  async handle({ context, request, body }) {
    const { scopes, note, expires_in_seconds: expiresInSeconds } = body
    const { token, secret } = await context.registry.tokens.create(
      { scopes, note, ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }) },
      request.identity as Identity,
    )
    const answer: IssuedTokenJson = { ...tokenJson(token), secret }
    return jsonReply(201, answer, { Location: paths.token(token.id) })
  },
})

export const listTokens = operation({
  id: 'listTokens',
  summary: 'List issued tokens, newest first, revoked and expired ones included',
  query: PAGE_QUERY,
  answers: { 200: { description: 'One page', content: { [MEDIA_TYPES.json]: 'TokenPage' } } },
  errors: ['cursor-unknown'],
  async handle({ context, query }) {
    const page = await context.registry.tokens.list(pageOf(query))
    const answer: TokenPageJson = { tokens: page.items.map(tokenJson), next_cursor: page.next ?? null }
    return jsonReply(200, answer)
  },
})

export const revokeToken = operation({
  id: 'revokeToken',
  summary: 'End a token; repeating it changes nothing',
  description: 'By whoever could have issued it, and by the token itself. Every server sees it within a second.',
  query: { reason: { kind: 'text', description: 'Why, for the log' } },
  answers: { 200: { description: 'It is valid no more', content: { [MEDIA_TYPES.json]: 'Token' } } },
  errors: ['token-unknown'],
  async handle({ context, request, params, query }) {
    if (request.identity.kind === 'anonymous') throw missingCredential([])
    const revoked = await context.registry.tokens.revoke(params.token_id!, request.identity as Identity, query.reason)
    return jsonReply(200, tokenJson(revoked))
  },
})

export const rotateTokenKey = operation({
  id: 'rotateTokenKey',
  summary: 'Sign access tokens with a new key from now on',
  description: 'What the key before has signed stays valid until it expires, so nobody has to log in again.',
  answers: { 201: { description: 'A new key signs', content: { [MEDIA_TYPES.json]: 'RotatedKey' } } },
  errors: [],
  async handle({ context, actor }) {
    const { keyId, retired } = await context.registry.access.rotateKey(actor)
    return jsonReply(201, { key_id: keyId, retired })
  },
})

function tokenJson(token: IssuedToken): TokenJson {
  return {
    id: token.id,
    scopes: token.scopes,
    note: token.note,
    expires_at: token.expiresAt,
    created_at: token.createdAt,
    created_by: token.createdBy,
    revoked_at: token.revokedAt,
    last_used_at: token.lastUsedAt,
  }
}
