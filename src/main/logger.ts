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
  return destination ? pino(options, destination) : pino(options)
}
