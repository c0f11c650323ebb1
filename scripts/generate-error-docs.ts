/**
 * Writes docs/errors.md from the closed lists of codes, the comments above them and the error tables of both doors.
 * With --check it writes nothing and fails when the file differs.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { REQUEST_ERROR_CODES } from '../src/http/index.ts'
import { NATIVE_PROBLEM_CODES, PROBLEMS } from '../src/native-api/index.ts'
import { OCI_ERRORS, OCI_REQUEST_ERRORS } from '../src/oci/index.ts'
import { REGISTRY_ERROR_CODES } from '../src/registry/index.ts'

const ROOT = new URL('../', import.meta.url)
const FILE = 'docs/errors.md'

/** Path below the project's folder to content. */
export function errorDocuments(): Readonly<Record<string, string>> {
  return { [FILE]: errorPage() }
}

const INTRODUCTION = `# Errors

Generated from the lists of codes and the error tables of both doors by \`scripts/generate-error-docs.ts\`: change it
there.

The native API answers a problem document (RFC 9457, \`application/problem+json\`): its \`type\` is
\`urn:artifactstore:problem:<code>\` and never changes its meaning; \`detail\` says what was wrong and what would be right,
\`field\` names the input at fault, \`context\` holds further facts, \`request_id\` finds the request in the server's log.
\`/v2/\` answers the error body of the OCI distribution specification with the code in the last column.

A status of 500 and above says nothing of its cause: that stands in the server's log under the request id.
`

function errorPage(): string {
  const meanings = commentsAbove('src/registry/errors.ts')
  const domain = REGISTRY_ERROR_CODES.map((code) => {
    const row = OCI_ERRORS[code]
    return `| \`${code}\` | ${PROBLEMS[code].title} | ${meanings.get(code) ?? ''} | ${PROBLEMS[code].status} | ${row.status} ${row.code} |`
  })
  const ownMeanings = commentsAbove('src/native-api/problem.ts')
  const own = NATIVE_PROBLEM_CODES.map(
    (code) => `| \`${code}\` | ${PROBLEMS[code].title} | ${ownMeanings.get(code) ?? ''} | ${PROBLEMS[code].status} |`,
  )
  const boundaryMeanings = commentsAbove('src/http/request-error.ts')
  const boundary = REQUEST_ERROR_CODES.map((code) => {
    const row = OCI_REQUEST_ERRORS[code]
    return `| \`${code}\` | ${boundaryMeanings.get(code) ?? ''} | ${row.status} ${row.code} |`
  })
  return `${[
    INTRODUCTION,
    '## Refusals of the registry, behind both doors\n',
    ['| Code | Title | Meaning | Native API | `/v2/` |', '|---|---|---|---|---|', ...domain].join('\n'),
    '\n## Refusals of the native API alone\n',
    ['| Code | Title | Meaning | Status |', '|---|---|---|---|', ...own].join('\n'),
    '\n## What is refused on `/v2/` before a handler runs\n',
    ['| What | Meaning | `/v2/` |', '|---|---|---|', ...boundary].join('\n'),
  ].join('\n')}\n`
}

/** The doc comment directly above each quoted code of a list, as one line. */
function commentsAbove(path: string): ReadonlyMap<string, string> {
  const source = readFileSync(new URL(path, ROOT), 'utf8')
  const meanings = new Map<string, string>()
  for (const [, comment = '', code = ''] of source.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*'([a-z-]+)',/g)) {
    meanings.set(
      code,
      comment
        .replace(/\s*\n\s*\*\s?/g, ' ')
        .trim()
        .replaceAll('|', '\\|'),
    )
  }
  return meanings
}

if (import.meta.main) {
  const text = errorPage()
  const file = new URL(FILE, ROOT)
  if (!process.argv.includes('--check')) writeFileSync(file, text)
  else if (readFileSync(file, 'utf8') !== text) {
    console.error(`${FILE} differs from the error tables: run node scripts/generate-error-docs.ts`)
    process.exitCode = 1
  }
}
