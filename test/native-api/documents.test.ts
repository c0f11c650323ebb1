import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { apiDocuments } from '../../scripts/generate-api-docs.ts'
import { errorDocuments } from '../../scripts/generate-error-docs.ts'
import { openApiPath, PROBLEM_CODES, PROBLEMS, ROUTES } from '../../src/native-api/index.ts'
import { SCHEMAS } from '../../src/native-api/schemas.ts'
import { OCI_ERRORS } from '../../src/oci/index.ts'
import { REGISTRY_ERROR_CODES } from '../../src/registry/index.ts'

function stored(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
}

describe('the generated documents', () => {
  it.each(Object.entries({ ...apiDocuments(), ...errorDocuments() }))('%s is what the code says', (path, text) => {
    expect(stored(path)).toBe(text)
  })
})

it.each(Object.entries(SCHEMAS))(
  'the schema of %s is JSON Schema 2020-12, which no server checks again',
  (_, schema) => {
    const ajv = new Ajv2020()
    expect(ajv.validateSchema(schema), ajv.errorsText()).toBe(true)
  },
)

describe('docs/errors.md', () => {
  const page = stored('docs/errors.md')
  const [domain = '', own = ''] = page.split('\n## ').slice(1)

  it('explains every code, and no code that does not exist', () => {
    const explained = [...`${domain}\n${own}`.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, code]) => code)
    expect(explained.sort()).toEqual([...PROBLEM_CODES].sort())
  })

  it('says the status of both doors for every refusal of the registry', () => {
    for (const code of REGISTRY_ERROR_CODES) {
      const row = domain.split('\n').find((line) => line.startsWith(`| \`${code}\` |`))
      expect(row).toMatch(
        new RegExp(`\\| ${PROBLEMS[code].status} \\| ${OCI_ERRORS[code].status} ${OCI_ERRORS[code].code} \\|$`),
      )
    }
  })
})

describe('docs/api.md', () => {
  const page = stored('docs/api.md')

  it('has a section for every route, and none besides', () => {
    const [routes = ''] = page.split('\n# Shapes\n')
    const sections = [...routes.matchAll(/^## (\w+)$/gm)].map(([, id]) => id)
    expect(sections).toEqual(ROUTES.map(({ operation }) => operation.id))
    for (const { method, path } of ROUTES) expect(page).toContain(`\`${method.toUpperCase()} ${openApiPath(path)}\`:`)
  })

  it('leads only to sections that it has', () => {
    const anchors = new Set([...page.matchAll(/^#+ (\w+)$/gm)].map(([, name = '']) => name.toLowerCase()))
    for (const [, anchor] of page.matchAll(/\]\(#([^)]+)\)/g)) expect(anchors).toContain(anchor)
  })
})
