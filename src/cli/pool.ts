/** Bounded parallel work. */

/**
 * Runs `work` on every member, at most `width` at once, in order of start. The first failure starts no more, waits for
 * what runs, and is thrown.
 */
export async function eachParallel<T>(
  members: readonly T[],
  width: number,
  work: (member: T) => Promise<void>,
): Promise<void> {
  let next = 0
  let failed: { error: unknown } | undefined
  const lane = async () => {
    while (next < members.length && !failed) {
      const member = members[next]!
      next += 1
      try {
        await work(member)
      } catch (error) {
        failed ??= { error }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, members.length) }, lane))
  if (failed) throw failed.error
}
