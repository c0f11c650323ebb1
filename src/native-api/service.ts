/** The service about itself: banner, health, and its own documentation. Open to everybody, so it names no path. */
import { healthReply } from '../http/index.ts'
import { docsPage } from './docs-page.ts'
import { jsonReply, operation } from './operation.ts'
import { type BannerJson, type HealthJson, MEDIA_TYPES, paths } from './wire.ts'

export const getBanner = operation({
  id: 'getBanner',
  summary: 'What this is, and where things are',
  answers: {
    200: { description: 'The banner', content: { [MEDIA_TYPES.json]: 'Banner' } },
  },
  errors: [],
  async handle({ context }) {
    const { health, docs, openapi, packages, uploads, events } = paths
    const links = { health, docs, openapi, packages, uploads, events, oci: '/v2/' }
    const banner: BannerJson = { name: 'artifact-store', version: context.version, links }
    return jsonReply(200, banner)
  },
})

export const getHealth = operation({
  id: 'getHealth',
  summary: 'Whether the service can do its work',
  answers: {
    200: { description: 'It can', content: { [MEDIA_TYPES.json]: 'Health' } },
    503: { description: 'It is degraded', content: { [MEDIA_TYPES.json]: 'Health' } },
  },
  errors: [],
  async handle({ context }) {
    const { healthy, database, backend, failedLocations } = await context.registry.health()
    const report: HealthJson = {
      status: healthy ? 'ok' : 'degraded',
      version: context.version,
      db: { healthy: database.healthy, detail: publicDetail(database.detail, database.healthy) },
      backend: {
        backend_id: backend.id,
        healthy: backend.healthy,
        detail: publicDetail(backend.detail, backend.healthy),
        free_bytes: backend.freeBytes ?? null,
        total_bytes: backend.totalBytes ?? null,
      },
      failed_locations: failedLocations,
    }
    return healthReply(healthy, report)
  },
})

/** Anybody may ask, so nothing that could be a path, a URL or an address of the inside is repeated. */
function publicDetail(detail: string | undefined, healthy: boolean): string {
  if (
    detail !== undefined &&
    detail.length <= 200 &&
    /^[\w ,.;()%'-]+$/.test(detail) &&
    !/\d+\.\d+\.\d+/.test(detail)
  ) {
    return detail
  }
  return healthy ? 'ok' : "not usable; the server's log says why"
}

export const getOpenApi = operation({
  id: 'getOpenApi',
  summary: 'This API as an OpenAPI 3.1 document',
  answers: {
    200: { description: 'The document', content: { [MEDIA_TYPES.json]: 'OpenApi' } },
  },
  errors: [],
  async handle({ context }) {
    return {
      ...jsonReply(200, context.openApi()),
      headers: { ...OPEN_HEADERS, 'Content-Type': MEDIA_TYPES.json },
    }
  },
})

const OPEN_HEADERS = { 'Cache-Control': 'no-cache', 'X-Content-Type-Options': 'nosniff' }

export const getDocs = operation({
  id: 'getDocs',
  summary: 'This API as a page to read and to try',
  answers: {
    200: { description: 'The page; it loads nothing from elsewhere', content: { 'text/html': 'html' } },
  },
  errors: [],
  async handle() {
    const { html, contentSecurityPolicy } = docsPage()
    return {
      status: 200,
      headers: {
        ...OPEN_HEADERS,
        'Content-Type': 'text/html; charset=utf-8',
        'Content-Security-Policy': contentSecurityPolicy,
        'Referrer-Policy': 'no-referrer',
        'X-Frame-Options': 'DENY',
      },
      body: html,
    }
  },
})
