/** The process's log: one JSON object a line on stdout, with the level names of the operator guide. */
import { type DestinationStream, type Logger, pino } from 'pino'
import type { LogLevel } from '../config.ts'

const LEAST: Record<LogLevel, string> = { DEBUG: 'debug', INFO: 'info', WARNING: 'warn', ERROR: 'error' }
const SHOWN: Record<string, string> = { trace: 'DEBUG', debug: 'DEBUG', info: 'INFO', warn: 'WARNING' }

export function openLogger(level: LogLevel, destination?: DestinationStream): Logger {
  const options = {
    level: LEAST[level],
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: SHOWN[label] ?? 'ERROR' }) },
    // Whatever a line carries by accident, these never reach it.
    redact: ['req.headers.authorization', 'headers.authorization', 'authorization', 'token'],
  }
  return pino(options, destination ?? bufferedStdout())
}

/**
 * Lines are written together, at the latest after a quarter of a second and when the process ends: one system call for
 * each of them costs a third of the requests that a server can answer.
 */
function bufferedStdout(): DestinationStream {
  return pino.destination({ dest: 1, sync: false, minLength: 4096, periodicFlush: 250 })
}
