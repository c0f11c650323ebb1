import { expect, test } from 'vitest'
import { readBody } from '../../src/http/index.ts'

async function* chunks(...texts: string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text)
}

test('a body over the limit is refused at the chunk that passes it', async () => {
  let read = 0
  async function* endless(): AsyncGenerator<Buffer> {
    for (;;) {
      read += 1
      yield Buffer.alloc(10)
    }
  }
  await expect(readBody(endless(), 25)).rejects.toMatchObject({ code: 'body-too-large', detail: { limit: 25 } })
  expect(read).toBe(3)
})

test('a sender that stops is told apart from a body that is too large', async () => {
  async function* broken(): AsyncGenerator<Buffer> {
    yield Buffer.from('x')
    throw new Error('aborted')
  }
  await expect(readBody(broken(), 25)).rejects.toMatchObject({ code: 'body-incomplete' })
})

test('a body of exactly the limit is read whole', async () => {
  expect((await readBody(chunks('ab', '', 'cd'), 4)).toString()).toBe('abcd')
})
