/**
 * Failpoints: named places in the write paths where a test can stop the process or fail the call, compiled in for good
 * so that what is tested is what is shipped. Unarmed, a failpoint is one look at an empty map.
 */

export const FAILPOINTS = [
  'upload.before-write',
  'upload.after-write',
  'upload.before-fsync',
  'upload.before-rename',
  'upload.before-directory-fsync',
  'upload.after-commit',
  'blob.before-fsync',
  'blob.before-rename',
  'blob.before-directory-fsync',
  'record.before-decide',
  'record.before-append',
  'record.before-views',
  'record.before-commit',
  'record.after-commit',
  'record.before-flush',
  'record.after-flush',
  'finalize.before-manifest-put',
  'finalize.after-manifest-put',
] as const
export type Failpoint = (typeof FAILPOINTS)[number]

interface Armed {
  readonly action: 'kill' | { readonly code: string }
  /** Passes left before it fires. */
  passes: number
}

const armed = new Map<string, Armed>()

/**
 * Arms failpoints from a list such as `record.before-commit=kill@2,upload.before-write=error:ENOSPC`: `@n` fires at the
 * n-th pass, `kill` is SIGKILL to this process, `error:CODE` throws like a system call. Throws RangeError on a name or
 * action that does not exist.
 */
export function armFailpoints(list: string): void {
  armed.clear()
  for (const entry of list.split(',').filter(Boolean)) {
    const match = /^([a-z.-]+)=(?:(kill)|error:([A-Z]+))(?:@(\d+))?$/.exec(entry.trim())
    if (!match || !(FAILPOINTS as readonly string[]).includes(match[1]!))
      throw new RangeError(`no failpoint '${entry}'`)
    const action = match[2] ? 'kill' : { code: match[3]! }
    armed.set(match[1]!, { action, passes: Number(match[4] ?? 1) - 1 })
  }
}

export function failpoint(name: Failpoint): void {
  if (armed.size === 0) return
  const point = armed.get(name)
  if (!point || point.passes-- > 0) return
  if (point.action === 'kill') process.kill(process.pid, 'SIGKILL')
  else throw Object.assign(new Error(`${point.action.code}: failpoint ${name}`), { code: point.action.code })
}
