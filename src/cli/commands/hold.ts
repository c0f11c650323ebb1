/** `artifactstore hold …`: forbidding the deletion of a package until further notice. */
import type { Command } from 'commander'
import { type HoldJson, type HoldPageJson, paths, type RetentionJson } from '../../native-api/wire.ts'
import { allPages } from '../all-pages.ts'
import type { ApiClient } from '../api-client.ts'
import { usageError } from '../failure.ts'
import type { Runner } from '../program.ts'
import { getPackage } from '../references.ts'
import { examples } from './help-examples.ts'
import { PACKAGE_ARGUMENT } from './retention.ts'

export function registerHold(program: Command, run: Runner): void {
  const hold = program.command('hold').description('Forbid the deletion of a package until further notice.')
  registerApply(hold, run)
  registerRelease(hold, run)
  registerList(hold, run)
}

function registerApply(hold: Command, run: Runner): void {
  hold
    .command('apply')
    .argument(...PACKAGE_ARGUMENT)
    .requiredOption('--reason <text>', 'why, for the log')
    .option('--case <reference>', 'the matter that it belongs to')
    .description('Put a hold on a package. Several stand side by side.')
    .addHelpText(
      'after',
      examples([
        ['artifactstore hold apply ops/report:v1 --case C-17 --reason "litigation"', 'prints the id of the hold'],
      ]),
    )
    .action(
      run(async (context, reference: string, options: { reason: string; case?: string }) => {
        const api = context.connect()
        const { id } = await getPackage(api, reference)
        const json = { reason: options.reason, ...(options.case === undefined ? {} : { case: options.case }) }
        const applied = await api.json<HoldJson>({ method: 'POST', path: paths.holds(id), json })
        context.note(`package ${id} is held`)
        context.result(applied, () => applied.hold_id)
        return undefined
      }),
    )
}

interface ReleaseOptions {
  readonly reason: string
  readonly case?: string
}

function registerRelease(hold: Command, run: Runner): void {
  hold
    .command('release')
    .argument('[package]', PACKAGE_ARGUMENT[1])
    .argument('[hold]', 'its id, as hold list shows it')
    .requiredOption('--reason <text>', 'why, for the log')
    .option('--case <reference>', 'instead: all holds that stand for this matter')
    .description('Take a hold back, or all of a matter. Others on the package stand on.')
    .addHelpText(
      'after',
      examples([
        [
          'artifactstore hold release ops/report:v1 0197c0de-0000-7000-8000-000000000000 --reason "settled"',
          'the id is from hold list',
        ],
        ['artifactstore hold release --case C-17 --reason "settled"', 'everything that was held for it'],
      ]),
    )
    .action(
      run(async (context, reference: string | undefined, holdId: string | undefined, options: ReleaseOptions) => {
        if ((options.case === undefined) === (holdId === undefined)) {
          throw usageError('give a package and a hold, or --case')
        }
        const api = context.connect()
        const due =
          options.case === undefined
            ? [{ package_id: (await getPackage(api, reference!)).id, hold_id: holdId! }]
            : await holdsOfCase(api, options.case, true)
        const released: HoldJson[] = []
        for (const { package_id: id, hold_id: each } of due) {
          const json = { reason: options.reason }
          released.push(await api.json<HoldJson>({ method: 'POST', path: paths.holdRelease(id, each), json }))
        }
        context.result(options.case === undefined ? released[0] : { holds: released }, () =>
          released.map((one) => `hold ${one.hold_id} is released since ${one.released_at}`).join('\n'),
        )
        return undefined
      }),
    )
}

function registerList(hold: Command, run: Runner): void {
  hold
    .command('list')
    .argument('[package]', PACKAGE_ARGUMENT[1])
    .option('--case <reference>', 'instead: all holds of this matter')
    .description('List the holds of a package, those that stand first, or of a matter.')
    .addHelpText(
      'after',
      examples([
        ['artifactstore hold list ops/report:v1', 'who holds it, and why'],
        ['artifactstore hold list --case C-17', 'what is held for it, and what was'],
      ]),
    )
    .action(
      run(async (context, reference: string | undefined, options: { case?: string }) => {
        if ((options.case === undefined) === (reference === undefined)) throw usageError('give a package or --case')
        const api = context.connect()
        const holds =
          options.case === undefined ? await holdsOfPackage(api, reference!) : await holdsOfCase(api, options.case)
        context.result({ holds }, () =>
          context.table(
            ['HOLD', 'PACKAGE', 'CASE', 'BY', 'SINCE', 'RELEASED', 'REASON'],
            holds.map((each) => [
              each.hold_id,
              each.package_id,
              each.case ?? '',
              each.applied_by,
              each.applied_at,
              each.released_at ?? 'no',
              each.reason,
            ]),
          ),
        )
        return undefined
      }),
    )
}

async function holdsOfPackage(api: ApiClient, reference: string): Promise<readonly HoldJson[]> {
  const { id } = await getPackage(api, reference)
  return (await api.json<RetentionJson>({ path: paths.retention(id) })).holds
}

/** `isStanding`: only those that can still be released. */
function holdsOfCase(api: ApiClient, reference: string, isStanding = false): Promise<readonly HoldJson[]> {
  const query = { case: reference, ...(isStanding ? { standing: 'true' } : {}) }
  return allPages(api, { path: paths.allHolds, query }, ({ holds }: HoldPageJson) => holds)
}
