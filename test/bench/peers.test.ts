/** The peers as the benchmark knows them: their configurations, and what is said of one that cannot be had. Starts none. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { parse } from 'yaml'
import { ANGOS, difference, ZOT } from '../../bench/peers/checkout.ts'
import { buildPeers, PEERS, peers } from '../../bench/peers/peers.ts'
import { PROGRAMS } from '../../bench/peers/programs.ts'
import { filled } from '../../bench/peers/template.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'peers-'))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(folder, { recursive: true, force: true })
})

describe('a configuration', () => {
  const values = { folder: '/bench/"here"', files: '/files', port: '4711' }

  test('without a value for one of its placeholders is an error', async () => {
    await expect(filled('zot.json', { folder: '/bench' })).rejects.toThrow(
      'bench/peers/zot.json has {{port}}, for which there is no value',
    )
  })

  test.each(PEERS.flatMap(({ template }) => template ?? []).concat('nginx.conf'))(
    'in %s has the port and the folder, and nothing left to fill in',
    async (name) => {
      const text = await filled(name, values)
      expect(text).not.toMatch(/\{\{|\}\}/)
      expect(text).toContain('4711')
      expect(text).toContain('/bench/\\"here\\"')
    },
  )

  test('is read by its own format', async () => {
    expect(JSON.parse(await filled('zot.json', values))).toMatchObject({
      storage: { rootDirectory: '/bench/"here"/data' },
      http: { address: '127.0.0.1', port: '4711' },
    })
    expect(parse(await filled('distribution.yml', values))).toMatchObject({
      storage: { filesystem: { rootdirectory: '/bench/"here"/data' } },
      http: { addr: '127.0.0.1:4711' },
    })
  })

  test('for a durable variant is its plain one and the setting', async () => {
    const plain = JSON.parse(await filled('zot.json', values)) as { storage: object }
    const durable = { ...plain, storage: { ...plain.storage, commit: true } }
    expect(JSON.parse(await filled('zot-commit.json', values))).toEqual(durable)
    const settings = (text: string) => text.split('\n').filter((line) => !line.startsWith('#'))
    const [angos, sync] = [await filled('angos.toml', values), await filled('angos-sync.toml', values)].map(settings)
    expect(sync!.filter((line) => !angos!.includes(line))).toEqual(['sync_to_disk = true'])
    expect(angos!.filter((line) => !sync!.includes(line))).toEqual([])
  })
})

describe('with an empty cache', () => {
  beforeEach(() => vi.stubEnv('XDG_CACHE_HOME', folder))

  test('every peer is missing, with a sentence that says how to have it', async () => {
    const { present, missing } = await peers()
    expect(present).toEqual([])
    expect(missing.map(({ id }) => id)).toEqual(PEERS.map(({ id }) => id))
    const zot = missing.find(({ id }) => id === 'zot-commit')
    expect(zot).toEqual({
      id: 'zot-commit',
      title: 'zot 2.1.20, commit: true',
      why:
        'zot-v2.1.20 is not in the cache of built tools. Name a checkout of its tag v2.1.20 in ZOT_SOURCE, from which ' +
        '`npm run bench -- --build` builds it.',
    })
    expect(missing.find(({ id }) => id === 'olareg')?.why).toBe(
      'olareg-v0.2.2 is not in the cache of built tools. `npm run bench -- --build` builds it with Go 1.26 from the module proxy.',
    )
  })

  test('what is not given or is something else is not built, and each is named', async () => {
    vi.stubEnv('ZOT_SOURCE', '')
    vi.stubEnv('ANGOS_SOURCE', folder)
    // No Go and no cargo are found: nothing is built here.
    vi.stubEnv('PATH', folder)
    const said: string[] = []
    const missing = await buildPeers((line) => said.push(line))
    expect(missing.map(({ id }) => id)).toEqual(['distribution', 'olareg', 'zot', 'zot-commit', 'angos', 'angos-sync'])
    expect(said.map((line) => line.split(':', 1)[0])).toEqual(Object.keys(PROGRAMS).map((name) => `${name} is missing`))
    const why = Object.fromEntries(missing.map((each) => [each.id, each.why]))
    expect(why.distribution).toContain('ENOENT')
    expect(why.zot).toMatch(/^ZOT_SOURCE is not set\. Name a checkout/)
    expect(why['angos-sync']).toMatch(
      /^ANGOS_SOURCE names .* which is not v1\.6\.0: its sources have [0-9a-f]{64} as SHA-256/,
    )
  })
})

test('every peer that is there is one contestant, with its version and what it promises', async () => {
  const { present, missing } = await peers()
  expect([...present, ...missing].map(({ id }) => id).sort()).toEqual(PEERS.map(({ id }) => id).sort())
  for (const { title, promises, kind } of present) {
    expect(title).toMatch(/^[a-z]+ \d+\.\d+\.\d+/)
    expect(kind).toBe('registry')
    expect(Object.values(promises)).not.toContain('')
  }
})

test.each([ZOT, ANGOS])('a checkout that is not there is none of $version', async (checkout) => {
  expect(await difference(checkout, join(folder, 'absent'))).toContain('ENOENT')
})
