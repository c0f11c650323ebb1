/** The retention file: what it may say, and how what is wrong with it is told. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { ConfigError, loadConfig } from '../src/config.ts'

const cwd = mkdtempSync(join(tmpdir(), 'artifactstore-test-'))
afterAll(() => rmSync(cwd, { recursive: true, force: true }))

function load(toml: string, env: Record<string, string> = {}) {
  writeFileSync(join(cwd, 'retention.toml'), toml)
  return loadConfig({ cwd, env: { ARTIFACTSTORE_RETENTION_CONFIG_PATH: 'retention.toml', ...env } })
}

function problemsOf(toml: string, env?: Record<string, string>): readonly string[] {
  try {
    load(toml, env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  throw new Error('it was accepted')
}

describe('a retention file', () => {
  test('of the operator guide is taken as it stands', () => {
    const { retention } = load(`
[retention_classes.transient]
default_duration_seconds = 86400
[retention_classes."raw-evidence"]
default_duration_seconds = 7776000
[retention_classes."summary-evidence"]
default_duration_seconds = 31536000
[retention_classes."release-evidence"]
default_duration_seconds = 220752000
[retention_classes."permanent-record"]
# Omit default_duration_seconds for no expiry.
`)
    expect(retention.classes).toEqual([
      { name: 'transient', durationSeconds: 86_400 },
      { name: 'raw-evidence', durationSeconds: 7_776_000 },
      { name: 'summary-evidence', durationSeconds: 31_536_000 },
      { name: 'release-evidence', durationSeconds: 220_752_000 },
      { name: 'permanent-record', durationSeconds: null },
    ])
  })

  test('adds classes and says which class a repository has', () => {
    const config = load(
      `[retention_classes.contract]
default_duration_seconds = 315_360_000
[[repositories]]
match = "releases/**"
retention_class = "contract"
[[repositories]]
match = ["team/a", "team/b"]
retention_class = "raw-evidence"
`,
      { ARTIFACTSTORE_OCI_RETENTION_CLASS: 'contract' },
    )
    expect(config.retention.classes).toEqual([{ name: 'contract', durationSeconds: 315_360_000 }])
    expect(config.retention.repositories).toEqual([
      { repositories: ['releases/**'], retentionClass: 'contract' },
      { repositories: ['team/a', 'team/b'], retentionClass: 'raw-evidence' },
    ])
    expect(config.oci.retentionClass).toBe('contract')
  })

  test('is refused with every problem at once, each with its line', () => {
    const problems = problemsOf(`[retention_classes.transient]
default_duration_second = 5
[retention_classes.raw-evidence]
default_duration_seconds = "90 days"
[retention_classes."user-managed"]
default_duration_seconds = 5
[retention_classes.permanent-record]
default_duration_seconds = 5
[retention_classes."Not A Name"]
[[repositories]]
match = "team/**"
retention_class = "nothing"
[[repositories]]
match = "Team One"
retention_class = "transient"
[retention]
`)
    const expected = [
      /retention\.toml:16 'retention' is unknown/,
      /retention\.toml:2 'default_duration_second' is unknown; did you mean default_duration_seconds\?/,
      /retention\.toml:4 'default_duration_seconds' is no duration: use a whole number of seconds/,
      /retention\.toml:6 'default_duration_seconds' cannot be set: 'user-managed'/,
      /retention\.toml:8 'default_duration_seconds' cannot be set: a 'permanent-record' has no end/,
      /retention\.toml:9 'Not A Name' is no name of a class/,
      /retention\.toml:12 'retention_class' must be one of transient, /,
      /retention\.toml:14 'match' must name repositories or patterns/,
    ]
    expect(problems).toHaveLength(expected.length)
    for (const [index, pattern] of expected.entries()) expect(problems[index]).toMatch(pattern)
  })

  test.each([
    ['[retention_classes.transient\n', /retention\.toml:1 is not TOML/],
    ['\n[a]\nx = 1\nx = 2\n', /retention\.toml:4 is not TOML/],
    ['retention_classes = 5\n', /retention\.toml:1 'retention_classes' is no table/],
    ['repositories = "x"\n', /retention\.toml:1 'repositories' is no list/],
    ['[retention_classes]\ntransient = 5\n', /retention\.toml:2 'transient' is no table/],
    ['[retention_classes.transient]\ndefault_duration_seconds = 86400000000\n', /:2 .*from 1 to 3153600000/],
    ['[retention_classes.transient]\ndefault_duration_seconds = 1.5\n', /:2 .*is no duration/],
  ])('%j is refused', (toml, pattern) => {
    expect(problemsOf(toml).join('\n')).toMatch(pattern)
  })

  test('a class for pushes that nobody defined is refused', () => {
    expect(problemsOf('', { ARTIFACTSTORE_OCI_RETENTION_CLASS: 'contract' })).toEqual([
      expect.stringMatching(/ARTIFACTSTORE_OCI_RETENTION_CLASS 'contract' is no retention class; use one of/),
    ])
  })
})
