/**
 * The token service of the Docker token protocol: `GET /token` (docs/spec/auth/token.md of distribution) and `POST /token`
 * (OAuth 2, docs/spec/auth/oauth.md). A credential goes in, a short-lived access token for the scopes that it may use comes
 * out; less than was asked for is no error.
 */
import { type ApiRequest, type Credential, type Reply, readBody, refusedCredential } from '../http/index.ts'
import { ANONYMOUS, type Identity, type Registry, RegistryError } from '../registry/index.ts'
import { jsonReply } from './headers.ts'
import { expiryWarning } from './warnings.ts'

/** Outside of `/v2/`, and without the words `basic` and `bearer`, which some clients look for in a realm. */
export const TOKEN_PATH = '/token'
/** A form with a refresh token and a hundred scopes. */
const FORM_LIMIT_BYTES = 64 * 1024
const SCOPES_LIMIT = 200

export function tokenHandlers({ access }: Registry) {
  return {
    /** Basic or no credential; the boundary has refused a wrong one. */
    async get(request: ApiRequest): Promise<Reply> {
      requireService(request.query)
      const identity = request.identity as Identity
      const wantsRefresh = request.query.get('offline_token') === 'true'
      return answer(request, identity, { scopes: scopesOf(request.query), wantsRefresh, old: undefined })
    },

    async post(request: ApiRequest): Promise<Reply> {
      const form = await formOf(request)
      requireService(form)
      const scopes = scopesOf(form)
      switch (form.get('grant_type')) {
        case 'password': {
          const identity = await byPassword(request, form)
          return answer(request, identity, {
            scopes,
            wantsRefresh: form.get('access_type') === 'offline',
            old: undefined,
          })
        }
        case 'refresh_token': {
          const old = required(form, 'refresh_token')
          const found = await access.refresh(old, { address: request.client })
          if (found === 'invalid' || 'retryAfterSeconds' in found) throw refusedCredential(found)
          return answer(request, found, { scopes, wantsRefresh: true, old })
        }
        default:
          throw fieldInvalid('grant_type', 'grant_type must be password or refresh_token')
      }
    },
  }

  async function byPassword(request: ApiRequest, form: URLSearchParams): Promise<Identity> {
    const [user, password] = [form.get('username') ?? '', form.get('password') ?? '']
    if (user === '' && password === '') return ANONYMOUS
    const credential: Credential = { kind: 'basic', user, password }
    const found = await access.identify(credential, { address: request.client })
    if (found === 'invalid' || 'retryAfterSeconds' in found) throw refusedCredential(found)
    return found
  }

  async function answer(
    request: ApiRequest,
    identity: Identity,
    asked: { scopes: readonly string[]; wantsRefresh: boolean; old: string | undefined },
  ): Promise<Reply> {
    const { token, issuedAt, expiresInSeconds, scope } = await access.issueAccessToken(identity, asked.scopes)
    const refresh = asked.old ?? (asked.wantsRefresh ? await access.issueRefreshToken(identity) : undefined)
    return jsonReply(
      {
        // The one name is the Docker protocol's, the other OAuth's; clients read either.
        token,
        access_token: token,
        expires_in: expiresInSeconds,
        issued_at: issuedAt,
        scope,
        token_type: 'Bearer',
        ...(refresh === undefined ? {} : { refresh_token: refresh }),
      },
      { 'Cache-Control': 'no-store', Pragma: 'no-cache', ...expiryWarning(request, Date.parse(issuedAt)) },
    )
  }

  /** A token for another service would be worth nothing there: better said here. */
  function requireService(parameters: URLSearchParams): void {
    const service = parameters.get('service')
    if (service === null || service === '' || service === access.service) return
    throw fieldInvalid('service', `this token service issues tokens for '${access.service}' only`)
  }
}

function scopesOf(parameters: URLSearchParams): readonly string[] {
  const scopes = parameters.getAll('scope').flatMap((text) => text.split(' '))
  if (scopes.length > SCOPES_LIMIT)
    throw fieldInvalid('scope', `at most ${SCOPES_LIMIT} scopes can be asked for at once`)
  return scopes
}

async function formOf(request: ApiRequest): Promise<URLSearchParams> {
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== undefined && type !== 'application/x-www-form-urlencoded') {
    throw fieldInvalid('Content-Type', 'the body must be a form: application/x-www-form-urlencoded')
  }
  const body = await readBody(request.content, FORM_LIMIT_BYTES)
  return new URLSearchParams(body.toString('utf8'))
}

function required(form: URLSearchParams, name: string): string {
  const value = form.get(name)
  if (value) return value
  throw fieldInvalid(name, `${name} is missing`)
}

function fieldInvalid(field: string, message: string): RegistryError {
  return new RegistryError('field-invalid', message, { field })
}
