/**
 * A wrong clock must not end what people are to keep: work that ends things by their time first asks whether the clock can be
 * believed (core-rules 7). It can when it is at most a day ahead of the last event, or of the last time that it was
 * looked at and believed: a server that runs looks every few minutes, also when nobody pushes.
 */
import type { Core } from './core.ts'
import { readHead } from './events/event-log.ts'

const DAY_MS = 24 * 60 * 60 * 1_000

/** Why nothing may end now, in a sentence for the operator; undefined when the clock is believed, which is noted. */
export async function clockProblem(core: Core): Promise<string | undefined> {
  const { reader } = core.database
  const now = core.clock()
  const head = await readHead(reader)
  const mark = await reader.get<{ seen_at: number }>('SELECT seen_at FROM clock_mark WHERE id = 1')
  const last = Math.max(head.sequence === 0 ? now : Date.parse(head.createdAt), Number(mark?.seen_at ?? 0))
  if (now <= last + DAY_MS) {
    if (now > last) await believe(core, now)
    return undefined
  }
  return `The clock says ${new Date(now).toISOString()}, more than a day after it was last known to be right (${new Date(last).toISOString()}): nothing expires until somebody has looked at it and said so with 'artifactstore jobs confirm-clock'`
}

/** The operator has looked at the clock. */
export async function confirmClock(core: Core): Promise<{ now: string }> {
  const now = core.clock()
  await believe(core, now)
  return { now: new Date(now).toISOString() }
}

async function believe(core: Core, now: number): Promise<void> {
  await core.recorder.write(async (tx) =>
    tx.run(
      'INSERT INTO clock_mark (id, seen_at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at',
      [now],
    ),
  )
}
