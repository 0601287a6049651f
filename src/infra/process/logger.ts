// One logger, one child per subsystem. Callers log facts, never bodies.

import { pino, stdTimeFunctions } from 'pino'
import type { DestinationStream, Logger as PinoLogger } from 'pino'

export type Logger = PinoLogger
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

export interface LoggerOptions {
  readonly level: LogLevel
  /** Stands in each line as `instance`. */
  readonly instanceId: string
  /** Standard output when not given, written synchronously: no line is lost in a crash. */
  readonly destination?: DestinationStream
}

/** Makes the process's logger: one JSON object per line, `level` as a word, `time` in ISO-8601. */
export function createLogger({ level, instanceId, destination }: LoggerOptions): Logger {
  const options = {
    level,
    base: { instance: instanceId },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    // Over the finished line, since passwords also come in the messages of libraries' errors.
    hooks: { streamWrite: withoutPasswords },
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}

/** The child that a subsystem logs with; the name stands in each line as `subsystem`. */
export function subsystemLogger(logger: Logger, subsystem: string): Logger {
  return logger.child({ subsystem })
}

const USER_INFO = /(:\/\/[^\s"/:@]*):[^\s"/]*@/g
const PASSWORD_PARAMETER = /([?&]password=)[^&\s"]*/gi

/** Replaces the passwords of all URLs in a text by `***`. */
export function withoutPasswords(text: string): string {
  return text.replace(USER_INFO, '$1:***@').replace(PASSWORD_PARAMETER, '$1***')
}
