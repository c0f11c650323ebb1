/**
 * Names for temporary files that tell who writes them, so that a start can remove what a killed process left and leave
 * alone what a living one, perhaps in another container on the same volume, is writing.
 *
 *     <machine>.<pid>.<started>.<n>      machine = this host, boot and pid namespace
 */
import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'

/** A writer of another machine cannot be asked whether it lives; one that wrote nothing for a day does not. */
const ABANDONED_MS = 24 * 60 * 60 * 1000

const started = Math.round(performance.timeOrigin)
const machine = machineId()
let count = 0

export function temporaryNames(): () => string {
  return () => `${machine}.${process.pid}.${started}.${count++}`
}

/** Removes what dead writers left behind. Never fails: what stays is removed another time. */
export async function removeLeftovers(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => [])
  for (const name of names) {
    const path = join(folder, name)
    if (isOfDeadWriter(name) || (await isAbandoned(path))) await rm(path, { force: true }).catch(() => {})
  }
}

function isOfDeadWriter(name: string): boolean {
  const [host, pid, start] = name.split('.')
  if (host !== machine || !/^\d+$/.test(pid ?? '')) return false
  if (Number(pid) === process.pid) return Number(start) !== started
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return (error as { code?: string }).code === 'ESRCH'
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found !== undefined && Date.now() - found.mtimeMs > ABANDONED_MS
}

/** A pid means something only on the same host, since the same boot, within the same pid namespace. */
function machineId(): string {
  const parts = [
    hostname(),
    readable(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
    readable(() => readlinkSync('/proc/self/ns/pid')),
  ]
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 12)
}

/** Not every platform has these files; there the host name alone decides. */
function readable(read: () => string): string {
  try {
    return read()
  } catch {
    return ''
  }
}
