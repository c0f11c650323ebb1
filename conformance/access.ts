/**
 * The four ways in: what the server is configured with, how the suite is driven, and how the server's own request log
 * shows that it came that way. Without that last look a suite that went in by another door would pass under a wrong name.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import type { Access } from './combinations.ts'

export const USER = 'conformance'
/** For a server that listens on loopback for some seconds. */
export const SECRET = 'conformance-token-0123456789'

/** What a suite is told. Both take the registry as `host:port`, the older one with the scheme before it. */
export interface Door {
  readonly registry: string
  readonly scheme: 'http' | 'https'
  /** Empty for none. */
  readonly username: string
  readonly password: string
  /** Further variables of the suite's process. */
  readonly env: Readonly<Record<string, string>>
}

export interface LoggedRequest {
  readonly method: string
  readonly route: string
  readonly status: number
  readonly actor: string
}

interface Way {
  /** One sentence for the report. */
  readonly description: string
  /** Settings of the server beside its token; files go into `folder`. */
  server(folder: string): Promise<Readonly<Record<string, string>>>
  door(address: string, folder: string): Door
  /** Of requests that were made. */
  objection(requests: readonly LoggedRequest[]): string | undefined
}

const CERTIFICATE = 'certificate.pem'
const KEY = 'key.pem'
const NO_CREDENTIALS = { username: '', password: '' } as const
const CREDENTIALS = { username: USER, password: SECRET } as const

export const WAYS: Readonly<Record<Access, Way>> = {
  anonymous: {
    description: 'no credentials; access rules give `anonymous` pull, push and delete everywhere',
    async server() {
      const rules = [{ identities: ['anonymous'], repositories: ['**'], allow: ['pull', 'push', 'delete'] }]
      return { ARTIFACTSTORE_ACCESS_RULES: JSON.stringify(rules) }
    },
    door: (address) => ({ registry: address, scheme: 'http', ...NO_CREDENTIALS, env: {} }),
    objection: (requests) =>
      requests.some(({ actor }) => actor === USER) ? `requests were made as '${USER}', not anonymously` : undefined,
  },

  // The suites send Basic only where a challenge asks for it, and ours asks for Bearer. Credentials in the registry's
  // address make Go's HTTP client send them with every request from the first one on, also to a path-absolute Location;
  // the suite itself is given none, so that any challenge would fail it.
  basic: {
    description:
      'Basic with every request, before any challenge: the credentials stand in the address the suite is given',
    server: async () => ({}),
    door: (address) => ({
      registry: `${USER}:${SECRET}@${address}`,
      scheme: 'http',
      ...NO_CREDENTIALS,
      env: {},
    }),
    objection: (requests) =>
      requests.some(({ status }) => status === 401)
        ? 'some requests were challenged: Basic was not sent with all'
        : undefined,
  },

  token: {
    description: 'the Bearer challenge, then a token from `/token` for user and password',
    server: async () => ({}),
    door: (address) => ({ registry: address, scheme: 'http', ...CREDENTIALS, env: {} }),
    objection: withoutToken,
  },

  // `OCI_TLS=insecure` of the newest suite changes the scheme and nothing else, so that it must know the certificate.
  tls: {
    description: 'the same over HTTPS, with a certificate made for the run',
    async server(folder) {
      const [certificate, key] = [join(folder, CERTIFICATE), join(folder, KEY)]
      const made = await makeCertificate()
      await writeFile(certificate, made.cert)
      await writeFile(key, made.private, { mode: 0o600 })
      return { ARTIFACTSTORE_TLS_CERT: certificate, ARTIFACTSTORE_TLS_KEY: key }
    },
    door: (address, folder) => ({
      registry: address,
      scheme: 'https',
      ...CREDENTIALS,
      env: { SSL_CERT_FILE: join(folder, CERTIFICATE) },
    }),
    objection: withoutToken,
  },
}

function withoutToken(requests: readonly LoggedRequest[]): string | undefined {
  const issued = requests.some(({ route, status }) => route === '/token' && status === 200)
  return issued ? undefined : 'no token was issued at /token: the suite was let in otherwise, or not at all'
}

/** What in the requests shows that the suite came in another way, or not at all; undefined when nothing does. */
export function objectionTo(access: Access, requests: readonly LoggedRequest[]): string | undefined {
  return requests.length === 0 ? 'the log of the server has no requests' : WAYS[access].objection(requests)
}

/** For loopback, valid for a day; Go takes no certificate without its names in subjectAltName. */
export function makeCertificate() {
  const day = 24 * 60 * 60 * 1000
  return generate([{ name: 'commonName', value: 'localhost' }], {
    algorithm: 'sha256',
    keyType: 'ec',
    notBeforeDate: new Date(Date.now() - day),
    notAfterDate: new Date(Date.now() + day),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  })
}

/** The request lines of the server's log. */
export function loggedRequests(stdout: string): LoggedRequest[] {
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{') && line.includes('"msg":"request"'))
    .map((line) => JSON.parse(line) as LoggedRequest)
}
