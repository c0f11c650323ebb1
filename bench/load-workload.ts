/** A workload that asks for the same answers again and again. */
import { type Load, load } from './load.ts'
import type { Workload } from './scene.ts'

const MIB = 1024 * 1024

export type Asked = Omit<Load, 'seconds'> & { readonly isFullOnly?: boolean }

/** `MiB/s` where the bytes count, else the requests. The content is already in what is asked. */
export function loadWorkload(
  id: string,
  title: string,
  { unit = 'requests/s', isFullOnly = false, ...asked }: Asked & { readonly unit?: 'requests/s' | 'MiB/s' },
): Workload<unknown> {
  return {
    id,
    title,
    unit,
    isFullOnly,
    async measure(server, { seconds }) {
      const { requestsPerSecond, bytesPerSecond, p99 } = await load(server, { ...asked, seconds })
      return { value: unit === 'MiB/s' ? bytesPerSecond / MIB : requestsPerSecond, p99 }
    },
  }
}
