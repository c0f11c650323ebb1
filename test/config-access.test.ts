/** Settings of access: rules as JSON and as YAML, and what belongs together. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RULE_ACTIONS } from '../src/config/access-values.ts'
import { type Config, ConfigError, loadConfig } from '../src/config.ts'
import { ACTIONS } from '../src/registry/index.ts'

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'config-access-'))
})
afterEach(() => rmSync(cwd, { recursive: true, force: true }))

const load = (env: Record<string, string> = {}): Config => loadConfig({ cwd, env })

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    load(env)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

test.each([
  ['[]', 'is no list of rules'],
  ['{}', 'is no list of rules'],
  ['[{"identities":["ci"],"repositories":["a"]}]', "number 1): 'allow' must be a list"],
  ['[{"identities":["ci"],"repositories":["a"],"allow":["fly"]}]', "'fly' cannot stand in 'allow'"],
  ['[{"identities":["ci"],"repositories":["A"],"allow":["pull"]}]', "'A' cannot stand in 'repositories'"],
  ['[{"identities":["ci"],"repositories":["a"],"allow":["pull"],"deny":[]}]', "'deny' is not one of"],
])('the access rules %s', (text, says) => {
  expect(problemsOf({ ARTIFACTSTORE_ACCESS_RULES: text })).toEqual([expect.stringContaining(says)])
})

test('a certificate without its key, and users that no rule gives anything', () => {
  expect(problemsOf({ ARTIFACTSTORE_TLS_CERT: 'c.pem' })).toEqual([expect.stringContaining('belong together')])
  expect(problemsOf({ ARTIFACTSTORE_USERS_FILE: 'users' })).toEqual([expect.stringContaining('access.rules')])
})

test('rules of the file are told with their line, and taken as they are written', () => {
  const rule = (allow: string) =>
    `access:\n  rules:\n    - identities: [ci]\n      repositories: [team/**]\n      allow: [${allow}]\n`
  writeFileSync(join(cwd, 'artifactstore.yaml'), rule('fly'))
  expect(problemsOf({})).toEqual([expect.stringMatching(/^artifactstore\.yaml:5 access\.rules\.0\.allow/)])
  writeFileSync(join(cwd, 'artifactstore.yaml'), rule('pull, push'))
  expect(load().accessRules).toEqual([{ identities: ['ci'], repositories: ['team/**'], allow: ['pull', 'push'] }])
})

test('the actions of rules are those of the domain', () => {
  expect([...RULE_ACTIONS]).toEqual([...ACTIONS])
})
