import { afterEach, describe, expect, it } from 'vitest'
import { armFailpoints, failpoint } from '../../src/storage/index.ts'

describe('a failpoint', () => {
  afterEach(() => armFailpoints(''))

  it.each(['nowhere=kill', 'blob.before-fsync', 'blob.before-fsync=sleep', 'blob.before-fsync=error:', '=kill'])(
    'cannot be armed as %j',
    (list) => {
      expect(() => armFailpoints(list)).toThrow(RangeError)
    },
  )

  it('does nothing until it is armed', () => {
    expect(() => failpoint('blob.before-fsync')).not.toThrow()
  })

  it('throws like a system call, at the pass it was told', () => {
    armFailpoints('blob.before-fsync=error:ENOSPC@3, upload.before-write=error:EIO')
    failpoint('blob.before-fsync')
    failpoint('blob.before-fsync')
    expect(() => failpoint('blob.before-fsync')).toThrow(expect.objectContaining({ code: 'ENOSPC' }))
    expect(() => failpoint('upload.before-write')).toThrow(expect.objectContaining({ code: 'EIO' }))
    expect(() => failpoint('blob.before-rename')).not.toThrow()
  })

  it('forgets what was armed before', () => {
    armFailpoints('blob.before-fsync=error:ENOSPC')
    armFailpoints('upload.before-write=error:EIO')
    expect(() => failpoint('blob.before-fsync')).not.toThrow()
  })
})
