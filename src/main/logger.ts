/** The process's log: one JSON object a line on stdout, with the level names of the operator guide. */
import { type DestinationStream, type Logger, pino } from 'pino'
import type { LogLevel } from '../config.ts'

const LEAST: Record<LogLevel, string> = { DEBUG: 'debug', INFO: 'info', WARNING: 'warn', ERROR: 'error' }
const SHOWN: Record<string, string> = { trace: 'DEBUG', debug: 'DEBUG', info: 'INFO', warn: 'WARNING' }

/** `isOneOfMany`: other processes write to the same stdout, and each line says whose it is. */
export function openLogger(level: LogLevel, { isOneOfMany = false } = {}): Logger {
  const options = {
    level: LEAST[level],
    base: isOneOfMany ? { pid: process.pid } : null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: SHOWN[label] ?? 'ERROR' }) },
    // Whatever a line carries by accident, these never reach it.
    redact: ['req.headers.authorization', 'headers.authorization', 'authorization', 'token'],
  }
  return pino(options, bufferedStdout(isOneOfMany))
}

/**
 * Lines are written together, at the latest after a quarter of a second and when the process ends: one system call for
 * each of them costs a third of the requests that a server can answer.
 * A pipe takes 4096 bytes whole and more in pieces, between which another process's lines would come.
 */
function bufferedStdout(isOneOfMany: boolean): DestinationStream {
  const size = isOneOfMany ? { minLength: 2048, maxWrite: 4096 } : { minLength: 4096 }
  return pino.destination({ dest: 1, sync: false, periodicFlush: 250, ...size })
}
