/** Settings that are lists of rules: YAML in the configuration file, the same as JSON in a variable. */
import { isIP } from 'node:net'
import { entriesOf, type Kind, ValueProblem } from './values.ts'

/** The domain's actions; `test/config.test.ts` compares them with the registry's own list. */
export const RULE_ACTIONS = [
  'pull',
  'push',
  'delete',
  'tag',
  'admin',
  'retain',
  'hold',
  'release',
  'collect',
  'audit',
] as const

export interface AccessRuleConfig {
  readonly identities: readonly string[]
  readonly repositories: readonly string[]
  readonly allow: readonly (typeof RULE_ACTIONS)[number][]
}
export interface TagRuleConfig {
  readonly repositories: readonly string[]
  readonly immutable: readonly string[]
}

const PATTERN = { type: 'string', minLength: 1, maxLength: 255, pattern: '^[a-z0-9._*/-]+$' }
const IDENTITY = { type: 'string', pattern: '^(?:\\*|@tokens|@users|[A-Za-z0-9][A-Za-z0-9._@/:-]{0,127})$' }
const TAG_PATTERN = { type: 'string', pattern: '^[A-Za-z0-9_.*-]{1,128}$' }

function listOf(items: object): object {
  return { type: 'array', items, minItems: 1 }
}

/** A list of objects with exactly these members, each a list of texts that fit its schema. */
function rules<T>(label: string, members: Readonly<Record<string, object>>, example: string): Kind<readonly T[]> {
  const names = Object.keys(members)
  const schema = listOf({
    type: 'object',
    properties: Object.fromEntries(Object.entries(members).map(([name, items]) => [name, listOf(items)])),
    required: names,
    additionalProperties: false,
  })
  return {
    label,
    schema: schema as Kind<T>['schema'],
    structured: true,
    parse(text) {
      const value = parsed(text, example)
      if (!Array.isArray(value) || value.length === 0) throw new ValueProblem(`is no list of rules; use ${example}`)
      for (const [index, rule] of value.entries()) check(rule, { index, members, example })
      return value as readonly T[]
    },
  }
}

function parsed(text: string, example: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new ValueProblem(`is not JSON; use ${example}`)
  }
}

function check(
  rule: unknown,
  context: { index: number; members: Readonly<Record<string, object>>; example: string },
): void {
  const { index, members, example } = context
  const where = `has a bad rule (number ${index + 1})`
  if (typeof rule !== 'object' || rule === null) throw new ValueProblem(`${where}: use ${example}`)
  const unknown = Object.keys(rule).find((name) => !(name in members))
  if (unknown !== undefined)
    throw new ValueProblem(`${where}: '${unknown}' is not one of ${Object.keys(members).join(', ')}`)
  for (const [name, items] of Object.entries(members)) {
    const list = (rule as Record<string, unknown>)[name]
    if (!Array.isArray(list) || list.length === 0)
      throw new ValueProblem(`${where}: '${name}' must be a list with something in it`)
    const bad = list.find((entry) => !fits(entry, items as { pattern?: string; enum?: readonly string[] }))
    if (bad !== undefined) throw new ValueProblem(`${where}: '${String(bad)}' cannot stand in '${name}'`)
  }
}

function fits(entry: unknown, { pattern, enum: choices }: { pattern?: string; enum?: readonly string[] }): boolean {
  if (typeof entry !== 'string') return false
  return choices ? choices.includes(entry) : new RegExp(pattern!).test(entry)
}

export const accessRules = rules<AccessRuleConfig>(
  'list of rules { identities, repositories, allow }',
  { identities: IDENTITY, repositories: PATTERN, allow: { type: 'string', enum: RULE_ACTIONS } },
  '[{"identities":["ci"],"repositories":["team/**"],"allow":["pull","push"]}]',
)

export const tagRules = rules<TagRuleConfig>(
  'list of rules { repositories, immutable }',
  { repositories: PATTERN, immutable: TAG_PATTERN },
  '[{"repositories":["release/**"],"immutable":["v*"]}]',
)

export const addressBlocks: Kind<readonly string[]> = {
  label: 'list of addresses and CIDR blocks',
  schema: { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string', minLength: 1 } }] },
  parse: (text) =>
    entriesOf(text).map((entry, index) => {
      const [address = '', bits, rest] = entry.split('/')
      const family = isIP(address)
      const isBlock = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 6 ? 128 : 32))
      if (family !== 0 && isBlock && rest === undefined) return entry
      throw new ValueProblem(`has a bad entry (number ${index + 1}); use addresses and blocks such as 10.0.0.0/8, ::1`)
    }),
}
