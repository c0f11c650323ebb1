/** What a run is told as: targets that are reached, missed or too close to tell, tables, charts. */
import { expect, test } from 'vitest'
import type { Contestant } from '../../bench/contestant.ts'
import { barChart } from '../../bench/report/chart.ts'
import { pageOf, type Run } from '../../bench/report/page.ts'
import type { Measured } from '../../bench/rounds.ts'
import { judge } from '../../bench/targets.ts'

function contestant(id: string, isFlushing = false): Contestant {
  return {
    id,
    title: `${id} 1.0`,
    kind: id.startsWith('ours') ? 'ours' : 'registry',
    promises: { durable: isFlushing ? 'yes' : 'no', isFlushing, authentication: 'off', configuration: 'its own' },
    start: () => Promise.reject(new Error('not started here')),
  }
}

function measured(id: string, samples: Record<string, number[]>, more: Partial<Measured> = {}): Measured {
  return {
    scene: 'Pushing',
    id,
    title: `title of ${id}`,
    unit: 'artifacts/s',
    isLessBetter: false,
    samples: Object.fromEntries(
      Object.entries(samples).map(([who, values]) => [who, values.map((value) => ({ value }))]),
    ),
    ...more,
  }
}

const CONTESTANTS = [contestant('ours', true), contestant('zot'), contestant('zot-commit', true), contestant('olareg')]

test('the best that flushes and the best of all are other opponents', () => {
  const one = measured('artifacts-8', {
    ours: [600, 500, 700],
    zot: [70, 75, 80],
    'zot-commit': [50, 60, 55],
    olareg: [220, 200, 210],
  })
  const [flushing, best] = judge([one], CONTESTANTS, new Set())
  expect(flushing).toMatchObject({ other: { id: 'zot-commit', value: 55 }, isReached: true, isTie: false })
  expect(flushing!.ratio).toBeCloseTo(12, 0)
  expect(best).toMatchObject({ other: { id: 'olareg', value: 210 }, isReached: true })
})

test('a missed target says by how much, and rounds that overlap are called a tie', () => {
  const one = measured('manifest-get-tag', { ours: [100, 110, 120], zot: [118, 130, 140] }, { unit: 'requests/s' })
  const judged = judge([one], CONTESTANTS, new Set())
  expect(judged).toHaveLength(1)
  expect(judged[0]).toMatchObject({ isReached: false, isTie: true })
  const { markdown } = pageOf(runOf([one], judged))
  expect(markdown).toContain(
    '| title of manifest-get-tag | 110 requests/s | 130 (zot) | 0.85 | ≥ 0.9 | missed by 6 %, a tie |',
  )
})

test('a bound of its own needs nobody beside it; without a figure there is no row', () => {
  const memory = measured('memory-idle', { ours: [103] }, { unit: 'MiB', isLessBetter: true })
  expect(judge([memory], CONTESTANTS, new Set())).toMatchObject([{ value: 103, isReached: false }])
  expect(judge([measured('memory-idle', { zot: [50] })], CONTESTANTS, new Set())).toEqual([])
})

test('a table marks the best and whoever ties with it, and limits stand apart', () => {
  const one = measured('artifacts-8', {
    ours: [600, 650, 700],
    zot: [640, 660, 680],
    olareg: [200, 210, 220],
    dd: [900],
  })
  const { markdown, charts } = pageOf(runOf([one], []))
  const row = markdown.split('\n').find((line) => line.startsWith('| title of artifacts-8'))
  expect(row).toBe('| title of artifacts-8, artifacts/s | **650**<br>±8 % | **660**<br>±3 % | 210<br>±5 % | 900 |')
  expect(markdown).toContain('| workload | ours | zot | olareg | *dd* |')
  expect(markdown).toContain('angos (angos 1.6.0) is missing: there is no checkout')
  expect(markdown).toContain('- zot-commit is not in this table: not filled within 240 s: put 3 of 5 tags.')
  expect([...charts.keys()]).toEqual(['pushing.svg'])
})

test('a chart escapes what is written into it', () => {
  const bars = [{ label: 'a & <b>', value: 2, text: '2', tone: 'ours' as const }]
  const svg = barChart('"quoted"', [{ title: 't', bars }])
  expect(svg).toContain('aria-label="&quot;quoted&quot;"')
  expect(svg).toContain('a &amp; &lt;b>')
})

function runOf(all: Measured[], judged: Run['judged']): Run {
  return {
    day: '2026-01-01',
    machine: 'a machine',
    generator: 'wrk -t1',
    command: 'npm run bench',
    rounds: 3,
    contestants: CONTESTANTS,
    missing: [{ id: 'angos', title: 'angos 1.6.0', why: 'there is no checkout' }],
    result: {
      measured: all,
      limits: { dd: 'dd conv=fsync' },
      absent: [{ scene: 'Pushing', contestant: 'zot-commit', why: 'not filled within 240 s: put 3 of 5 tags' }],
      missing: [],
      failures: [],
    },
    judged,
  }
}

test('rows of a later run are named with it, and a scene of nothing else is so as a whole', () => {
  const again = { day: '2026-12-01', command: 'npm run bench -- --amend --write --only a' }
  const [old, fresh] = [measured('a', { ours: [1] }), measured('b', { ours: [2] }, { again })]
  const words = 'Measured again on 2026-12-01 by `npm run bench -- --amend --write --only a`'
  expect(pageOf(runOf([old, fresh], [])).markdown).toContain(`${words}: title of b.`)
  expect(pageOf(runOf([fresh], [])).markdown).toContain(`${words}.`)
  expect(pageOf(runOf([old], [])).markdown).not.toContain('Measured again')
})
