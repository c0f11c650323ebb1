/**
 * The documentation page: three files of ours joined into one answer, so that no second open route is needed. It loads
 * `/openapi.json` and nothing else; its policy names its own script and style by hash and no other source.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

interface DocsPage {
  readonly html: string
  readonly contentSecurityPolicy: string
}

let page: DocsPage | undefined

/** Read on first use and kept: the files belong to the program. */
export function docsPage(): DocsPage {
  page ??= joinPage(part('page.html'), part('page.css'), part('page.js'))
  return page
}

function part(name: string): string {
  return readFileSync(new URL(`./docs-page/${name}`, import.meta.url), 'utf8')
}

function joinPage(frame: string, style: string, script: string): DocsPage {
  // Functions as replacements: in text, '$&' and its like would be expanded.
  const html = frame
    .replace('<style></style>', () => `<style>${style}</style>`)
    .replace('<script></script>', () => `<script>${script}</script>`)
  const contentSecurityPolicy = [
    "default-src 'none'",
    `script-src '${hashSource(script)}'`,
    `style-src '${hashSource(style)}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
  return { html, contentSecurityPolicy }
}

function hashSource(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
