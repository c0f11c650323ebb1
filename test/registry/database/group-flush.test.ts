/** One flush at a time, each covering everyone who asked before it began and nobody who asked later. */
import { expect, it } from 'vitest'
import { GroupFlush } from '../../../src/registry/database/group-flush.ts'

interface Controlled {
  readonly group: GroupFlush
  readonly started: (() => void)[]
  most: number
}

function controlled(): Controlled {
  let running = 0
  const state: Controlled = {
    started: [],
    most: 0,
    group: new GroupFlush(async () => {
      running += 1
      state.most = Math.max(state.most, running)
      await new Promise<void>((resolve) => state.started.push(resolve))
      running -= 1
    }),
  }
  return state
}

it('one who asks while a flush runs waits for the next one, together with all who ask then', async () => {
  const { group, started } = controlled()
  const done: string[] = []
  const ask = (name: string) => group.flush().then(() => done.push(name))
  const asked = [ask('a'), ask('b'), ask('c')]
  expect(started).toHaveLength(1)
  started[0]!()
  await asked[0]
  expect(done).toEqual(['a'])
  expect(started).toHaveLength(2)
  started[1]!()
  await Promise.all(asked)
  expect(done).toEqual(['a', 'b', 'c'])
})

it('never two at once, whenever in the life of the other one somebody asks', async () => {
  const flushes = controlled()
  const asked: Promise<void>[] = []
  const asking = async (): Promise<void> => {
    for (let turn = 0; turn < 40; turn += 1) {
      asked.push(flushes.group.flush())
      await Promise.resolve()
      if (turn % 3 === 0) flushes.started.shift()?.()
    }
  }
  await Promise.all([asking(), asking()])
  const all = Promise.all(asked)
  let open = true
  void all.then(() => {
    open = false
  })
  while (open) {
    flushes.started.shift()?.()
    await Promise.resolve()
  }
  expect(flushes.most).toBe(1)
})

it('a failure reaches everyone who waits, then and ever after, because no later flush covers what was lost', async () => {
  let flushes = 0
  const group = new GroupFlush(async () => {
    flushes += 1
    await Promise.resolve()
    if (flushes === 1) throw new Error('EIO')
  })
  const waiting = [group.flush(), group.flush(), group.flush()]
  for (const answer of await Promise.allSettled(waiting)) expect(answer.status).toBe('rejected')
  await expect(group.flush()).rejects.toThrow('EIO')
  await group.settled()
  expect(flushes).toBe(1)
})
