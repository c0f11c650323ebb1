import type { Command } from 'commander'
import type { ReferrerJson } from '../../native-api/wire.ts'
import { listFiles } from '../package-files.ts'
import type { Runner } from '../program.ts'
import { getPackage } from '../references.ts'
import { formatBytes, plural, printable } from '../terminal.ts'
import { listReferrers } from '../verify/check-signatures.ts'
import { examples } from './help-examples.ts'

export function registerInspect(program: Command, run: Runner): void {
  program
    .command('inspect')
    .argument('<package>', 'id, repository:tag or repository@digest')
    .description('Show a package, its files, and what refers to it, with the verdicts of the server on signatures.')
    .addHelpText(
      'after',
      examples([['artifactstore inspect ops/report:v1', 'what is in it, who pushed it, until when']]),
    )
    .action(
      run(async (context, reference: string) => {
        const api = context.connect()
        const found = await getPackage(api, reference)
        const files = await listFiles(api, found.id)
        const referrers = await listReferrers(api, found.id)
        context.result({ package: found, files, referrers }, () => {
          const facts: [string, string][] = [
            ['package', found.id],
            ['status', found.status],
            ['name', `${found.producer} / ${found.name}`],
            ['subject', found.subject],
            ['retention', `${found.retention_class}${found.expires_at ? ` until ${found.expires_at}` : ''}`],
            ['created', `${found.created_at} by ${found.created_by}`],
            ['finalized', found.finalized_at ?? 'no'],
            ['manifest', found.manifest_digest ?? 'none'],
            ['reference', found.oci?.reference ?? found.oci_absent_reason ?? 'none'],
            ['tags', found.oci?.tags.join(', ') ?? ''],
            ...Object.entries(found.metadata).map(([key, value]): [string, string] => [
              `metadata ${key}`,
              typeof value === 'string' ? value : JSON.stringify(value),
            ]),
            ['files', `${plural(found.file_count, 'file')}, ${formatBytes(found.total_size)}`],
          ]
          const width = Math.min(24, Math.max(...facts.map(([name]) => name.length)))
          const lines = facts.map(([name, value]) => `${printable(name).padEnd(width)}  ${printable(value)}`)
          const rows = files.map((file) => [
            file.mode ?? '',
            formatBytes(file.size),
            file.sha256 ?? file.digest,
            file.relative_path,
          ])
          const shown = [lines.join('\n'), context.table(['MODE', 'SIZE', 'DIGEST', 'PATH'], rows)]
          if (referrers.length > 0) {
            shown.push(context.table(['KIND', 'VERDICT', 'KEY', 'DIGEST', 'WHAT'], referrers.flatMap(referrerRows)))
          }
          return shown.join('\n\n')
        })
        return undefined
      }),
    )
}

/** One a signature; one for a referrer in which none was checked. */
function referrerRows(referrer: ReferrerJson): string[][] {
  const { kind, digest, signatures, artifact_type: type, unchecked_reason: unchecked } = referrer
  const rows = signatures.map((each) => [
    each.kind,
    each.verdict,
    each.key ?? '',
    digest,
    each.reason ?? each.predicate_type ?? '',
  ])
  const isSigned = kind === 'signature' || kind === 'attestation'
  if (rows.length > 0 && unchecked === undefined) return rows
  return [...rows, [kind, isSigned ? 'not-checked' : '', '', digest, unchecked ?? type ?? '']]
}
