import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { configDocuments } from '../src/config/documents.ts'
import { SETTING_PATHS, SETTINGS, type Setting } from '../src/config/settings.ts'
import { ConfigError, type LoadOptions, loadClientConfig, loadConfig } from '../src/config.ts'

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'config-'))
})
afterEach(() => rmSync(cwd, { recursive: true, force: true }))

function load(env: Record<string, string> = {}, options: Partial<LoadOptions> = {}) {
  return loadConfig({ cwd, env: { HOME: '/home/ops', ...env }, ...options })
}

function problemsOf(env: Record<string, string>, options: Partial<LoadOptions> = {}): readonly string[] {
  try {
    load(env, options)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

describe('what is refused', () => {
  /** Every setting with a value that is none, and words that the problem must contain. */
  const bad: Record<string, [value: string, says: RegExp]> = {
    ARTIFACTSTORE_TRUSTED_PROXIES: ['10.0.0.0/33', /has a bad entry \(number 1\)/],
    ARTIFACTSTORE_FILE_HANDOVER: ['sendfile', /use one of off, x-accel-redirect, x-sendfile/],
    ARTIFACTSTORE_ACCESS_RULES: ['everybody', /is not JSON/],
    ARTIFACTSTORE_TAG_RULES: ['v*', /is not JSON/],
    ARTIFACTSTORE_CONFIG: ['missing.yaml', /missing\.yaml cannot be read \(ENOENT\)/],
    ARTIFACTSTORE_HOST: ['http://store.example', /without scheme and port/],
    ARTIFACTSTORE_PORT: ['65536', /whole number \(port\) from 0 to 65535/],
    ARTIFACTSTORE_WORKERS: ['0', /use a whole number from 1 to 64, or auto for one a processor core/],
    ARTIFACTSTORE_PUBLIC_URL: ['store.example', /http or https URL/],
    ARTIFACTSTORE_DATABASE_URL: ['mysql://db.example/store', /sqlite:\/\/\/relative/],
    ARTIFACTSTORE_STORAGE_LOCAL_ROOT: ['', /is empty; give a path/],
    ARTIFACTSTORE_STORAGE_BACKENDS: ['local,s3', /'s3', which is not in this version/],
    ARTIFACTSTORE_STORAGE_DEFAULT_BACKEND: ['tape', /is not among ARTIFACTSTORE_STORAGE_BACKENDS \(local\)/],
    ARTIFACTSTORE_STORAGE_BACKEND_ROUTES: ['ops=local', /rule \(number 1\); use producer:retention_class=backend_id/],
    ARTIFACTSTORE_DURABILITY: ['fast', /use one of durable, relaxed/],
    ARTIFACTSTORE_AUTH_TOKENS: ['ops:two words', /entry \(number 1\): a token consists of/],
    ARTIFACTSTORE_ANON_READ: ['maybe', /use true or false/],
    ARTIFACTSTORE_SIGNING_KEYS: ['ci key=./ci.pub', /entry \(number 1\): a key's name is/],
    ARTIFACTSTORE_OCI_RETENTION_CLASS: ['forever', /is no retention class; use one of transient, raw-evidence/],
    ARTIFACTSTORE_UPLOAD_EXPIRY_SECONDS: ['1', /from 60 to/],
    ARTIFACTSTORE_DRAFT_EXPIRY_SECONDS: ['1w', /whole number \(seconds\)/],
    ARTIFACTSTORE_RELEASE_BY_OTHER: ['maybe', /use true or false/],
    ARTIFACTSTORE_RETENTION_CONFIG_PATH: ['nowhere.toml', /nowhere.toml cannot be read \(ENOENT\)/],
    ARTIFACTSTORE_UNDELETE_GRACE_SECONDS: ['-1', /whole number \(seconds\)/],
    ARTIFACTSTORE_RETENTION_SWEEP_INTERVAL_SECONDS: ['1h', /whole number \(seconds\)/],
    ARTIFACTSTORE_LOG_LEVEL: ['LOUD', /DEBUG, INFO, WARNING or ERROR/],
    ARTIFACTSTORE_API_URL: ['https://ops:secret@store.example', /give the token apart/],
    ARTIFACTSTORE_API_TOKEN: ['file:./nowhere', /refers to file:.\/nowhere, which cannot be read \(ENOENT\)/],
    ARTIFACTSTORE_S3_ENDPOINT_URL: ['rgw', /http or https URL/],
    ARTIFACTSTORE_S3_REGION: ['', /is empty/],
    ARTIFACTSTORE_S3_MULTIPART_THRESHOLD_BYTES: ['8M', /whole number \(bytes\)/],
    ARTIFACTSTORE_S3_MULTIPART_CHUNK_BYTES: ['1', /from 5242880/],
    ARTIFACTSTORE_GUIDE_BOARD_SCHEMA: ['', /is empty; give a path/],
    STATE_HUB_URL: ['nowhere', /http or https URL/],
  }
  /** Any text is a value of these. */
  const free = [
    'ARTIFACTSTORE_USERS_FILE',
    'ARTIFACTSTORE_TLS_CERT',
    'ARTIFACTSTORE_TLS_KEY',
    'ARTIFACTSTORE_S3_BUCKET',
    'ARTIFACTSTORE_S3_KEY_PREFIX',
    'ARTIFACTSTORE_S3_ACCESS_KEY_REF',
    'ARTIFACTSTORE_S3_SECRET_KEY_REF',
    'ARTIFACTSTORE_S3_STORAGE_CLASS',
    'ARTIFACTSTORE_S3_SSE',
    'STATE_HUB_WORKSTREAM_ID',
    'STATE_HUB_TASK_ID',
    'ARTIFACTSTORE_FAILPOINTS',
  ]

  test.each(Object.entries(bad))('%s', (name, [value, says]) => {
    const problems = problemsOf({ [name]: value })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(says)
  })

  test('the tables above name every setting', () => {
    expect([...Object.keys(bad), ...free].sort()).toEqual(SETTING_PATHS.map((path) => SETTINGS[path].name).sort())
  })

  test('every problem is told at once, each with its name and value', () => {
    const all = Object.fromEntries(Object.entries(bad).map(([name, [value]]) => [name, value]))
    const problems = problemsOf(all)
    // The default backend cannot be judged while the list of backends is wrong.
    expect(problems).toHaveLength(Object.keys(bad).length - 1)
    expect(problems).toContain("ARTIFACTSTORE_PORT '65536' is not valid; use a whole number (port) from 0 to 65535")
  })

  test('no problem repeats a secret', () => {
    const problems = problemsOf({
      ARTIFACTSTORE_DATABASE_URL: 'oracle://ops:hunter2@db.example/x',
      ARTIFACTSTORE_AUTH_TOKENS: 'ops:hunter2,ops:hunter2 ,ci:hunter2',
    })
    expect(problems).toHaveLength(2)
    expect(problems.join('\n')).not.toContain('hunter2')
  })

  test('files can be handed over to nobody but a proxy that is named', () => {
    const [problem, ...others] = problemsOf({ ARTIFACTSTORE_FILE_HANDOVER: 'x-accel-redirect' })
    expect(others).toEqual([])
    expect(problem).toContain(
      "ARTIFACTSTORE_FILE_HANDOVER is 'x-accel-redirect' and ARTIFACTSTORE_TRUSTED_PROXIES is empty",
    )
    const named = { ARTIFACTSTORE_FILE_HANDOVER: 'x-sendfile', ARTIFACTSTORE_TRUSTED_PROXIES: '127.0.0.1' }
    expect(problemsOf(named)).toEqual([])
  })

  test('a server open to others without a token', () => {
    const env = { ARTIFACTSTORE_HOST: '0.0.0.0' }
    expect(problemsOf(env)).toEqual([expect.stringMatching(/ARTIFACTSTORE_AUTH_TOKENS is empty.*'0\.0\.0\.0' is open/)])
    expect(problemsOf({ ...env, ARTIFACTSTORE_AUTH_TOKENS: 'abc' })).toEqual([])
    // Commands that only open the store let nobody in.
    expect(problemsOf(env, { purpose: 'store' })).toEqual([])
  })

  test.each(['127.0.0.1', '127.1.2.3', '::1', '[::1]', 'localhost'])('not a server on %s', (host) => {
    expect(problemsOf({ ARTIFACTSTORE_HOST: host })).toEqual([])
  })

  test.each([
    'sqlite://var/store.db',
    'sqlite:///',
    'sqlite:///:memory:',
    'sqlite:///store.db?mode=ro',
    'sqlite+pysqlite:///store.db',
    'postgresql+asyncpg://db.example',
    'postgresql:///store',
    'store.db',
    '',
  ])('the database URL "%s"', (url) => {
    expect(problemsOf({ ARTIFACTSTORE_DATABASE_URL: url })).toHaveLength(1)
  })

  test('two signing keys of one name, and one without a path', () => {
    const keys = (value: string) => problemsOf({ ARTIFACTSTORE_SIGNING_KEYS: value })
    expect(keys('a/ci.pub,b/ci.pub')).toEqual([
      expect.stringContaining("gives two keys the name 'ci.pub'; use name=/path"),
    ])
    expect(keys('ci=')).toEqual([expect.stringMatching(/entry \(number 1\): it has no path/)])
    expect(load({ ARTIFACTSTORE_SIGNING_KEYS: 'ci=a.pub, b=c/d.pub\n/x=y/e.pub' }).signing.keys).toEqual([
      { name: 'ci', path: join(cwd, 'a.pub') },
      { name: 'b', path: join(cwd, 'c/d.pub') },
      { name: 'e.pub', path: '/x=y/e.pub' },
    ])
  })

  test('a route to a backend that is not configured', () => {
    expect(problemsOf({ ARTIFACTSTORE_STORAGE_BACKEND_ROUTES: 'ops:*=tape,*:*=local' })).toEqual([
      expect.stringContaining("names the backend 'tape'"),
    ])
  })

  test('one token under two names', () => {
    expect(problemsOf({ ARTIFACTSTORE_AUTH_TOKENS: 'a:same,b:same' })).toEqual([expect.stringContaining('two names')])
  })
})

describe('values', () => {
  test('the defaults are those of the operator guide', () => {
    const config = load()
    expect(config).toMatchObject({
      server: { host: '127.0.0.1', port: 8000 },
      database: { kind: 'sqlite', path: join(cwd, 'var/artifactstore.db') },
      storage: { root: join(cwd, 'var/storage'), backends: ['local'], defaultBackend: 'local', routes: [] },
      durability: 'durable',
      auth: { tokens: [], anonymousRead: false, tokenFile: join(cwd, 'var/artifactstore.token') },
      oci: { retentionClass: 'user-managed' },
      uploads: { expirySeconds: 86_400 },
      retention: { undeleteGraceSeconds: 604_800 },
      log: { level: 'INFO' },
      client: { apiUrl: 'http://127.0.0.1:8000', configFolder: '/home/ops/.config/artifactstore', color: true },
      failpoints: '',
      warnings: [],
    })
    expect(() => Object.assign(config.server, { port: 1 })).toThrow(TypeError)
  })

  test.each([
    ['sqlite:///data/store.db', 'data/store.db'],
    ['sqlite:///./data/store.db', 'data/store.db'],
    ['sqlite+aiosqlite:///../store.db', '../store.db'],
  ])('%s is relative to the folder', (url, path) => {
    expect(load({ ARTIFACTSTORE_DATABASE_URL: url }).database).toEqual({ kind: 'sqlite', path: join(cwd, path) })
  })

  test('four slashes are an absolute path, and the token lies beside the database', () => {
    const config = load({ ARTIFACTSTORE_DATABASE_URL: 'sqlite+aiosqlite:////srv/store/a.db' })
    expect(config.database).toEqual({ kind: 'sqlite', path: '/srv/store/a.db' })
    expect(config.auth.tokenFile).toBe('/srv/store/artifactstore.token')
  })

  test.each(['postgresql', 'postgres', 'postgresql+asyncpg', 'postgresql+psycopg'])('%s: is PostgreSQL', (scheme) => {
    const config = load({ ARTIFACTSTORE_DATABASE_URL: `${scheme}://ops:p%40ss@db.example:5432/store?sslmode=require` })
    const url = 'postgresql://ops:p%40ss@db.example:5432/store?sslmode=require'
    expect(config.database).toEqual({ kind: 'postgresql', url })
    expect(config.auth.tokenFile).toBe(join(cwd, 'var/artifactstore.token'))
  })

  test('routes, in their order', () => {
    const routes = 'guide-board:release-evidence=local, *:*=local'
    expect(load({ ARTIFACTSTORE_STORAGE_BACKEND_ROUTES: routes }).storage.routes).toEqual([
      { producer: 'guide-board', retentionClass: 'release-evidence', backend: 'local' },
      { producer: '*', retentionClass: '*', backend: 'local' },
    ])
  })

  test('tokens, by comma or line, from references too', () => {
    writeFileSync(join(cwd, 'many'), 'one\ntwo:2\n')
    writeFileSync(join(cwd, 'single'), 'three\n')
    const config = load({
      ARTIFACTSTORE_AUTH_TOKENS: 'plain, ops:o==\nfile:many,ci:file:single,dev:env:DEV_TOKEN',
      DEV_TOKEN: 'four',
    })
    expect(config.auth.tokens).toEqual(['plain', 'ops:o==', 'one', 'two:2', 'ci:three', 'dev:four'])
  })

  test('a secret by reference, also the whole database URL', () => {
    writeFileSync(join(cwd, 'url'), 'postgresql://ops:secret@db.example/store\n')
    const config = load({
      ARTIFACTSTORE_DATABASE_URL: `file:${join(cwd, 'url')}`,
      ARTIFACTSTORE_API_TOKEN: 'env:MINE',
      MINE: 't0ken',
    })
    expect(config.database).toEqual({ kind: 'postgresql', url: 'postgresql://ops:secret@db.example/store' })
    expect(config.client.apiToken).toBe('t0ken')
  })

  test('log levels in any case, WARN too', () => {
    expect(load({ ARTIFACTSTORE_LOG_LEVEL: 'warn' }).log.level).toBe('WARNING')
    expect(load({ ARTIFACTSTORE_LOG_LEVEL: 'debug' }).log.level).toBe('DEBUG')
  })
})

describe('sources', () => {
  test('the environment wins over .env, which wins over the file', () => {
    writeFileSync(join(cwd, 'artifactstore.yaml'), 'server:\n  port: 1\n  host: localhost\nlog:\n  level: ERROR\n')
    writeFileSync(join(cwd, '.env'), 'export ARTIFACTSTORE_PORT=2\nARTIFACTSTORE_LOG_LEVEL="DEBUG" # loud\n')
    const config = load({ ARTIFACTSTORE_PORT: '3' })
    expect([config.server.port, config.log.level, config.server.host]).toEqual([3, 'DEBUG', 'localhost'])
    expect(config.shown.filter(({ origin }) => origin !== 'default').map(({ path, origin }) => [path, origin])).toEqual(
      [
        ['server.host', 'server.host at artifactstore.yaml:3'],
        ['server.port', 'ARTIFACTSTORE_PORT'],
        ['log.level', 'ARTIFACTSTORE_LOG_LEVEL in .env'],
      ],
    )
  })

  test('a variable set to nothing is set', () => {
    writeFileSync(join(cwd, '.env'), 'ARTIFACTSTORE_API_TOKEN=abc\nARTIFACTSTORE_PORT=9000\n')
    expect(load().client.apiToken).toBe('abc')
    expect(load({ ARTIFACTSTORE_API_TOKEN: '' }).client.apiToken).toBeUndefined()
    expect(problemsOf({ ARTIFACTSTORE_PORT: '' })).toEqual([expect.stringMatching(/^ARTIFACTSTORE_PORT is not valid/)])
  })

  test('lists in the file', () => {
    const yaml = 'auth:\n  tokens:\n    - ops:abc\n    - def\nstorage:\n  backend_routes: ["ops:*=local"]\n'
    writeFileSync(join(cwd, 'other.yaml'), yaml)
    const config = load({ ARTIFACTSTORE_CONFIG: 'other.yaml' })
    expect(config.auth.tokens).toEqual(['ops:abc', 'def'])
    expect(config.storage.routes).toEqual([{ producer: 'ops', retentionClass: '*', backend: 'local' }])
  })

  test('what the schema refuses is told with its line', () => {
    const lines = ['server:', '  port: eighty', '  prot: 80', 'durability: sometimes', 'auth:', '  tokens: 5', '']
    writeFileSync(join(cwd, 'artifactstore.yaml'), lines.join('\n'))
    expect([...problemsOf({})].sort()).toEqual([
      'artifactstore.yaml:2 server.port must be integer',
      'artifactstore.yaml:3 server.prot is not a setting; known here: host, port, public_url, trusted_proxies, file_handover, tls, workers',
      'artifactstore.yaml:4 durability is not known; use one of durable, relaxed',
      'artifactstore.yaml:6 auth.tokens must be a text or a list of texts',
    ])
  })

  test('a value that only its own rules refuse is told with its line too', () => {
    writeFileSync(join(cwd, 'artifactstore.yaml'), 'database:\n  url: mysql://x\nserver:\n  host: "a b"\n')
    expect(problemsOf({})).toEqual([
      expect.stringMatching(/^server\.host at artifactstore\.yaml:4 'a b' is not a host/),
      expect.stringMatching(/^database\.url at artifactstore\.yaml:2 names an engine/),
    ])
  })

  test('a file that is not YAML', () => {
    writeFileSync(join(cwd, 'artifactstore.yaml'), 'server:\n  port: 1\n   host: x\n')
    expect(problemsOf({})[0]).toMatch(/^artifactstore\.yaml:2 is not YAML: Nested mappings are not allowed/)
  })

  test('an empty file says nothing', () => {
    writeFileSync(join(cwd, 'artifactstore.yaml'), '# nothing yet\n')
    expect(load().server.port).toBe(8000)
  })

  test('a .env that cannot be read', () => {
    mkdirSync(join(cwd, '.env'))
    expect(problemsOf({})).toEqual([expect.stringContaining('.env cannot be read (EISDIR)')])
  })

  test('the client needs only its own settings to be right', () => {
    const env = { HOME: '/h', ARTIFACTSTORE_PORT: 'x', ARTIFACTSTORE_API_URL: 'https://store.example/' }
    expect(loadClientConfig({ cwd, env })).toMatchObject({
      apiUrl: 'https://store.example',
      tokenFile: join(cwd, 'var/artifactstore.token'),
      stateFolder: '/h/.local/state/artifactstore',
    })
    expect(() => loadClientConfig({ cwd, env: { ARTIFACTSTORE_API_URL: 'x' } })).toThrow(ConfigError)
  })

  test('XDG folders and NO_COLOR', () => {
    const env = { XDG_CONFIG_HOME: '/c', XDG_STATE_HOME: '/s', NO_COLOR: '1' }
    expect(loadClientConfig({ cwd, env })).toMatchObject({
      configFolder: '/c/artifactstore',
      stateFolder: '/s/artifactstore',
      color: false,
    })
  })
})

describe('warnings', () => {
  test('an unknown name, with the nearest known one', () => {
    writeFileSync(join(cwd, '.env'), 'ARTIFACTSTORE_DATABSE_URL=x\nARTIFACTSTORE_PORT 80\n')
    expect(load({ ARTIFACTSTORE_SOMETHING_ELSE: '1' }).warnings).toEqual([
      ".env:2 sets nothing, because it lacks '='",
      'ARTIFACTSTORE_DATABSE_URL is not a setting and does nothing; did you mean ARTIFACTSTORE_DATABASE_URL?',
      'ARTIFACTSTORE_SOMETHING_ELSE is not a setting and does nothing',
    ])
  })

  test('not a name that a reference gives a meaning', () => {
    const env = { ARTIFACTSTORE_API_TOKEN: 'env:ARTIFACTSTORE_MY_TOKEN', ARTIFACTSTORE_MY_TOKEN: 'x' }
    expect(load(env).warnings).toEqual([])
  })

  test('S3 names alone are neither problem nor warning', () => {
    const names = ['ENDPOINT_URL', 'BUCKET', 'KEY_PREFIX', 'ACCESS_KEY_REF', 'SECRET_KEY_REF', 'STORAGE_CLASS', 'SSE']
    const env = Object.fromEntries(names.map((name) => [`ARTIFACTSTORE_S3_${name}`, '']))
    expect(load(env).warnings).toEqual([])
  })
})

describe('what is shown', () => {
  test('no secret, and the database without its password', () => {
    const { shown } = load({
      ARTIFACTSTORE_DATABASE_URL: 'postgresql://ops:hunter2@db.example/store',
      ARTIFACTSTORE_AUTH_TOKENS: 'hunter2',
      ARTIFACTSTORE_API_TOKEN: 'env:T',
      T: 'hunter2',
    })
    expect(JSON.stringify(shown)).not.toContain('hunter2')
    const value = (name: string) => shown.find((row) => row.name === name)?.value
    expect(value('ARTIFACTSTORE_DATABASE_URL')).toBe('postgresql://ops:(hidden)@db.example/store')
    expect(value('ARTIFACTSTORE_API_TOKEN')).toBe('env:T')
  })

  test.each(Object.entries(configDocuments()))('%s is what the table of settings says', (path, text) => {
    expect(readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')).toBe(text)
  })

  test('.env.example holds the defaults and nothing that is wrong', () => {
    const example = readFileSync(new URL('../.env.example', import.meta.url), 'utf8')
    writeFileSync(join(cwd, '.env'), example.replace(/^#(?=[A-Z_]+=)/gm, ''))
    const { shown: _shown, ...config } = load()
    rmSync(join(cwd, '.env'))
    const { shown: _defaults, ...defaults } = load()
    expect(config).toEqual(defaults)
  })

  test('every default is a valid value of its setting', () => {
    for (const path of SETTING_PATHS) {
      const row: Setting = SETTINGS[path]
      expect(() => row.kind.parse(row.default, cwd), row.name).not.toThrow()
    }
  })
})
