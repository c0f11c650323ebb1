/** Progress in bytes: a bar on a terminal, a plain line every few seconds elsewhere, nothing where nobody reads it. */
import { SingleBar } from 'cli-progress'
import type { ClientSettings, GlobalOptions } from './context.ts'
import { formatBytes, formatDuration, type OutputStream } from './terminal.ts'

export interface ProgressMeter {
  /** Bytes more; negative when work has to be done again. */
  add(bytes: number): void
  stop(): void
}

const LINE_EVERY_MS = 5_000
/** Less is done before anyone could read a bar. */
const QUIET_BELOW_BYTES = 1024 * 1024

type Output = { stderr: OutputStream; options: GlobalOptions; settings: Pick<ClientSettings, 'color'> }

/** Shown while `work` runs, and gone when it ends. */
export async function withProgress<T>(
  output: Output,
  label: string,
  total: number,
  work: (onBytes: (bytes: number) => void) => Promise<T>,
): Promise<T> {
  const progress = openProgress(label, total, output)
  try {
    return await work(progress.add)
  } finally {
    progress.stop()
  }
}

export function openProgress(label: string, total: number, output: Output): ProgressMeter {
  const { stderr, options, settings } = output
  if (options.quiet || options.json || total < QUIET_BELOW_BYTES) return { add: () => {}, stop: () => {} }
  return stderr.isTTY
    ? openBar(label, total, stderr, options.color !== false && settings.color)
    : openLines(label, total, stderr)
}

function openBar(label: string, total: number, stderr: OutputStream, isColored: boolean): ProgressMeter {
  const rate = meterRate()
  const bar = new SingleBar({
    stream: stderr as unknown as NodeJS.WritableStream,
    format: (_options, { progress, value }) => {
      const width = Math.max(10, Math.min(40, (stderr.columns ?? 80) - 50))
      const filled = Math.round(Math.min(progress, 1) * width)
      const drawn = '█'.repeat(filled) + '░'.repeat(width - filled)
      const percent = `${Math.floor(Math.min(progress, 1) * 100)}%`.padStart(4)
      const shown = isColored ? `\u001b[36m${drawn}\u001b[39m` : drawn
      return `${label} ${shown} ${percent} ${describe(value, total, rate(value))}`
    },
    hideCursor: true,
    clearOnComplete: true,
    fps: 8,
    gracefulExit: true,
  })
  bar.start(total, 0)
  let done = 0
  return {
    add: (bytes) => {
      done += bytes
      bar.update(done)
    },
    stop: () => bar.stop(),
  }
}

function openLines(label: string, total: number, stderr: OutputStream): ProgressMeter {
  const rate = meterRate()
  let done = 0
  const timer = setInterval(() => stderr.write(`${label} ${describe(done, total, rate(done))}\n`), LINE_EVERY_MS)
  timer.unref()
  return {
    add: (bytes) => {
      done += bytes
    },
    stop: () => clearInterval(timer),
  }
}

function describe(done: number, total: number, bytesPerSecond: number): string {
  const left = bytesPerSecond > 0 ? `, ${formatDuration((total - done) / bytesPerSecond)} left` : ''
  return `${formatBytes(done)} of ${formatBytes(total)}, ${formatBytes(Math.round(bytesPerSecond))}/s${left}`
}

/** Bytes a second since the beginning. */
function meterRate(): (done: number) => number {
  const startedAt = performance.now()
  return (done) => {
    const seconds = (performance.now() - startedAt) / 1000
    return seconds > 0.2 ? done / seconds : 0
  }
}
