/** The end of a run: what lies in the registry is what was acknowledged, and its views are the fold of its log. */
import { type DatabaseLocation, type OpenedRegistry, openDatabase } from '../../src/registry/index.ts'
import type { Ledger } from './world.ts'

export async function storedProblems(
  registry: OpenedRegistry,
  location: DatabaseLocation,
  ledger: Ledger,
): Promise<string[]> {
  const { differences } = await registry.verifyViews()
  const log = await registry.verifyLog()
  return [
    ...differences.map((difference) => `a view differs from the log: ${JSON.stringify(difference)}`),
    ...('brokenAt' in log && log.brokenAt !== undefined ? [`the log is broken: ${JSON.stringify(log)}`] : []),
    ...(await unacknowledged(location, ledger)),
  ]
}

async function unacknowledged(location: DatabaseLocation, ledger: Ledger): Promise<string[]> {
  const database = await openDatabase(location, { durability: 'relaxed' })
  try {
    const rows = <T>(sql: string) => database.reader.all<T>(sql)
    const manifests = await rows<{ name: string; digest: string }>(
      'SELECT r.name, m.digest FROM manifests m JOIN repositories r ON r.repository_id = m.repository_id',
    )
    const tags = await rows<{ name: string; tag: string }>(
      'SELECT r.name, t.name AS tag FROM tags t JOIN repositories r ON r.repository_id = t.repository_id',
    )
    const links = await rows<{ name: string; blake3: string; linked: number }>(
      'SELECT r.name, b.blake3, b.linked FROM repository_blobs b JOIN repositories r ON r.repository_id = b.repository_id',
    )
    const aliases = new Map<string, string[]>()
    for (const { alias, blake3 } of await rows<{ alias: string; blake3: string }>(
      'SELECT alias, blake3 FROM blob_aliases',
    ))
      aliases.set(blake3, [...(aliases.get(blake3) ?? []), alias])
    const uploads = await rows<{ upload_id: string }>('SELECT upload_id FROM uploads')
    const held = new Set(
      links
        .filter(({ linked }) => linked === 1)
        .flatMap(({ name, blake3 }) => (aliases.get(blake3) ?? []).map((alias) => `${name} ${alias}`)),
    )
    const stored = new Set(manifests.map(({ name, digest }) => `${name} ${digest}`))
    return [
      ...[...stored].filter((key) => !ledger.manifests.has(key)).map((key) => `a manifest nobody was told of: ${key}`),
      ...tags
        .filter(({ name, tag }) => !ledger.tags.has(`${name} ${tag}`))
        .map(({ name, tag }) => `a tag nobody was told of: ${name}:${tag}`),
      ...links
        .filter(({ name, blake3 }) => !isAcknowledged(ledger, name, aliases.get(blake3) ?? []))
        .map(({ name, blake3 }) => `a blob nobody was told of: ${name} ${blake3}`),
      ...uploads
        .filter(({ upload_id }) => !ledger.uploads.has(upload_id))
        .map(({ upload_id }) => `an upload nobody was told of: ${upload_id}`),
      ...lost(ledger, stored),
      ...lostBlobs(ledger, held, [...aliases.values()]),
    ]
  } finally {
    await database.close()
  }
}

/** The bytes of a manifest are a blob too, under the manifest's digest. */
function isAcknowledged(ledger: Ledger, name: string, aliases: readonly string[]): boolean {
  return aliases.some((alias) => ledger.blobs.has(`${name} ${alias}`) || ledger.manifests.has(`${name} ${alias}`))
}

function lost(ledger: Ledger, stored: ReadonlySet<string>): string[] {
  return [...ledger.manifests]
    .filter((key) => !stored.has(key))
    .map((key) => `an acknowledged manifest is gone: ${key}`)
}

/** A blob that was deleted under one of its names is gone under all. */
function lostBlobs(ledger: Ledger, held: ReadonlySet<string>, names: readonly (readonly string[])[]): string[] {
  const others = new Map(names.flatMap((aliases) => aliases.map((alias) => [alias, aliases] as const)))
  const isDeleted = (key: string): boolean => {
    const [name, digest = ''] = key.split(' ')
    return (others.get(digest) ?? [digest]).some((alias) => ledger.deleted.has(`/v2/${name}/blobs/${alias}`))
  }
  return [...ledger.blobs]
    .filter((key) => !held.has(key) && !isDeleted(key))
    .map((key) => `an acknowledged blob is gone: ${key}`)
}
