import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { paths } from '../../native-api/wire.ts'
import type { CommandContext } from '../context.ts'
import { usageError } from '../failure.ts'
import type { Runner } from '../program.ts'
import { getPackage } from '../references.ts'
import { examples } from './help-examples.ts'

interface ManifestOptions {
  readonly format: string
  readonly output?: string
}

export function registerManifest(program: Command, run: Runner): void {
  program
    .command('manifest')
    .argument('<package>', 'id, repository:tag or repository@digest')
    .description('Print the manifest of a finalized package, byte for byte as its digest covers it (cbor), or as JSON.')
    .option('--format <format>', 'json or cbor', 'json')
    .option('-o, --output <file>', 'write it to a file')
    .addHelpText(
      'after',
      examples([
        ['artifactstore manifest ops/report:v1', 'the JSON projection'],
        ['artifactstore manifest ops/report:v1 --format cbor -o manifest.cbor', 'the canonical bytes'],
      ]),
    )
    .action(run(manifest))
}

async function manifest(context: CommandContext, reference: string, options: ManifestOptions): Promise<undefined> {
  if (options.format !== 'json' && options.format !== 'cbor') {
    throw usageError(`--format '${options.format}' is not known; use json or cbor`)
  }
  const isText = options.format === 'json'
  if (!isText && options.output === undefined && context.stdout.isTTY) {
    throw usageError('CBOR is no text for a terminal; give -o FILE')
  }
  const api = context.connect()
  const { id } = await getPackage(api, reference)
  const path = isText ? paths.manifestJson(id) : paths.manifest(id)
  const response = await api.request({ path, headers: { accept: '*/*' } })
  const bytes = new Uint8Array(await response.arrayBuffer())
  if (options.output !== undefined) await writeFile(resolve(context.cwd, options.output), bytes)
  else {
    context.stdout.write(bytes)
    // A line of its own for people; a pipe gets the bytes and nothing else.
    if (context.stdout.isTTY) context.stdout.write('\n')
  }
}
