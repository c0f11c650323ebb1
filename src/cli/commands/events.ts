import type { Command } from 'commander'
import { type EventJson, type EventPageJson, LIMITS, paths } from '../../native-api/wire.ts'
import type { ApiClient } from '../api-client.ts'
import type { CommandContext } from '../context.ts'
import { usageError } from '../failure.ts'
import type { Runner } from '../program.ts'
import { printable } from '../terminal.ts'
import { collect, examples } from './help-examples.ts'

interface EventsOptions {
  readonly follow?: boolean
  readonly after?: string
  readonly type?: readonly string[]
  readonly limit?: string
}

/** Below what proxies commonly allow an answer to take. */
const WAIT_SECONDS = 25

export function registerEvents(program: Command, run: Runner): void {
  program
    .command('events')
    .description('Print the event log, oldest first. With --json: one event a line, and at the end the next cursor.')
    .option('--follow', 'go on with new events as they come, until interrupted')
    .option('--after <cursor>', 'only what came after this cursor')
    .option('--type <type>', 'only this type, e.g. v1.package.finalized; repeatable', collect)
    .option('--limit <count>', 'how many at most (all; with --follow: no limit)')
    .addHelpText(
      'after',
      examples([
        ['artifactstore events --follow --type v1.package.finalized', 'packages as they are finalized'],
        ['artifactstore events --json --limit 100', 'for another program'],
      ]),
    )
    .action(run(events))
}

async function events(context: CommandContext, options: EventsOptions): Promise<undefined> {
  const api = context.connect({ patient: options.follow ?? false })
  let left = options.limit === undefined ? Number.POSITIVE_INFINITY : parseLimit(options.limit)
  let cursor = options.after
  while (left > 0) {
    const page = await readPage(api, {
      ...(cursor === undefined ? {} : { after: cursor }),
      limit: Math.min(LIMITS.pageMaximum, left),
      wait: options.follow ? WAIT_SECONDS : 0,
      types: options.type ?? [],
    })
    for (const event of page.events) context.stdout.write(`${line(event, context.options.json ?? false)}\n`)
    left -= page.events.length
    // With a filter, an empty page can still have moved past events that do not match.
    const isAtEnd = page.events.length === 0 && page.next_cursor === cursor
    cursor = page.next_cursor
    if (!options.follow && isAtEnd) break
  }
  if (context.options.json) context.stdout.write(`${JSON.stringify({ next_cursor: cursor })}\n`)
  else context.note(`next: --after ${cursor}`)
}

async function readPage(
  api: ApiClient,
  request: { after?: string; limit: number; wait: number; types: readonly string[] },
): Promise<EventPageJson> {
  const query = new URLSearchParams({ limit: String(request.limit) })
  if (request.after !== undefined) query.set('after', request.after)
  if (request.wait > 0) query.set('wait', String(request.wait))
  for (const type of request.types) query.append('type', type)
  return api.json<EventPageJson>({ path: paths.events, query })
}

function line(event: EventJson, asJson: boolean): string {
  if (asJson) return JSON.stringify(event)
  const { sequence, created_at, event_type, subject_kind, subject_id, actor } = event
  return printable(
    `${String(sequence).padStart(6)}  ${created_at}  ${event_type}  ${subject_kind} ${subject_id}  by ${actor}`,
  )
}

function parseLimit(text: string): number {
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (limit > 0) return limit
  throw usageError(`--limit '${text}' is not a count; use a whole number from 1`)
}
