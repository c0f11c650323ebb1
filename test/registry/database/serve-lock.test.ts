/** One server for one database: the second is refused and told of the first, which may end in any way. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RegistryError, takeServeLock } from '../../../src/registry/index.ts'

const CHILD = fileURLToPath(new URL('../../support/child-lock.ts', import.meta.url))

describe('the serve lock', () => {
  let folder: string
  let file: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'artifactstore-lock-'))
    file = join(folder, 'below', 'serve.lock')
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  function refusal(): RegistryError {
    try {
      takeServeLock(file, 'The database').release()
    } catch (error) {
      if (error instanceof RegistryError) return error
      throw error
    }
    throw new Error('nothing was refused')
  }

  it('is refused to a second taker in the same process', () => {
    const lock = takeServeLock(file, 'The database')
    const { code, message } = refusal()
    expect(code).toBe('unavailable')
    expect(message).toContain(`The database is already served by process ${process.pid} on ${hostname()}`)
    lock.release()
    takeServeLock(file, 'The database').release()
  })

  it('is refused naming the process that holds it, and free once that was killed', async () => {
    const child = spawn(process.execPath, [CHILD, file], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    const { message, detail } = refusal()
    expect(message).toContain(`process ${child.pid} on ${hostname()}`)
    expect(message).toContain('stop that server first')
    expect(detail).toMatchObject({ holder: `process ${child.pid} on ${hostname()}` })
    child.kill('SIGKILL')
    await once(child, 'exit')
    const lock = takeServeLock(file, 'The database')
    expect(refusal().message).toContain(`process ${process.pid} on`)
    lock.release()
  })
})
