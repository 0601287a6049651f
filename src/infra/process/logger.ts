// The log: one logger with a child per subsystem, the facts of the actors as lines, and a line a
// minute of how the instance does. Callers log facts, never bodies.

import { writeSync } from 'node:fs'
import { createHistogram } from 'node:perf_hooks'
import { pino, stdTimeFunctions, type DestinationStream, type Logger as PinoLogger } from 'pino'
import type { Fact, Telemetry } from '../../actors/model/facts.ts'
import type { TotalsStore } from '../../actors/supervisor/totals.ts'
import { createCircuitLog } from './circuit-log.ts'
import { createLedgerLog } from './ledger-log.ts'
import { createLookUpLog } from './look-up-log.ts'

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
  return pino(options, destination ?? writeLines(STDOUT))
}

const STDOUT = 1

/** How long a reader that does not read is waited for, ms, and in what steps. */
const READER_WAIT_MS = 500
const READER_STEP_MS = 10

/**
 * Writes lines to a file descriptor at once. What cannot be written is left out: a full disk or a
 * terminal that has hung up costs the line, and a reader that does not read costs a wait once, not
 * the instance.
 */
export function writeLines(fd: number): DestinationStream {
  const sleeper = new Int32Array(new SharedArrayBuffer(4))
  // What is left of a line that was written in part.
  let rest: Uint8Array = Buffer.alloc(0)
  let isStuck = false
  const write = (bytes: Uint8Array): Uint8Array => {
    let left = bytes
    let waitedMs = isStuck ? READER_WAIT_MS : 0
    while (left.length > 0) {
      try {
        left = left.subarray(writeSync(fd, left))
      } catch (error) {
        const isFull = error instanceof Error && 'code' in error && error.code === 'EAGAIN'
        if (!isFull || waitedMs >= READER_WAIT_MS) break
        Atomics.wait(sleeper, 0, 0, READER_STEP_MS)
        waitedMs += READER_STEP_MS
      }
    }
    return left
  }
  return {
    write(line) {
      rest = write(rest)
      const bytes = Buffer.from(line)
      const left = rest.length > 0 ? bytes : write(bytes)
      isStuck = left.length > 0
      if (isStuck && left.length < bytes.length) rest = left
    },
  }
}

/** The child that a subsystem logs with; the name stands in each line as `subsystem`. */
export function subsystemLogger(logger: Logger, subsystem: string): Logger {
  return logger.child({ subsystem })
}

const USER_INFO = /(:\/\/[^\s"/:@]*):[^\s"/]*@/g
const PASSWORD_PARAMETER = /([?&]password=)[^&\s"]*/gi

/** Replaces the passwords of all URLs in a text by `***`. */
function withoutPasswords(text: string): string {
  return text.replace(USER_INFO, '$1:***@').replace(PASSWORD_PARAMETER, '$1***')
}

type Level = 'debug' | 'info' | 'warn' | 'error'

type Line = readonly [subsystem: Subsystem, level: Level]

type Subsystem = 'persistence' | 'payments' | 'health' | 'lease' | 'supervisor' | 'operators'

/** Changes of circuits have a log of their own. */
const LINES: Readonly<Record<Exclude<Fact['type'], 'circuit.changed'>, Line>> = {
  'batch.accepted': ['persistence', 'debug'],
  'batch.refused': ['persistence', 'warn'],
  'batch.recorded': ['persistence', 'debug'],
  'ledger.failed': ['persistence', 'warn'],
  'accept.refused': ['persistence', 'error'],
  'outcome.refused': ['persistence', 'error'],
  'row.damaged': ['persistence', 'error'],
  'outcome.forgotten': ['persistence', 'error'],
  'attempt.ended': ['payments', 'debug'],
  'payment.settled': ['payments', 'debug'],
  'payment.rejected': ['payments', 'warn'],
  'payment.parked': ['payments', 'debug'],
  'payment.contradicted': ['payments', 'warn'],
  'control.missing': ['payments', 'warn'],
  'lookUp.failed': ['payments', 'debug'],
  'payment.broken': ['payments', 'error'],
  'payments.claimed': ['payments', 'info'],
  'history.changed': ['persistence', 'warn'],
  'payments.archived': ['persistence', 'info'],
  'archive.dropped': ['persistence', 'info'],
  'archive.waiting': ['persistence', 'warn'],
  'payments.purged': ['payments', 'warn'],
  'payments.lost': ['persistence', 'error'],
  'payments.measured': ['payments', 'debug'],
  'health.probed': ['health', 'debug'],
  'health.changed': ['health', 'info'],
  'health.unknown': ['health', 'warn'],
  'processor.silent': ['health', 'warn'],
  'lease.acquired': ['lease', 'info'],
  'lease.lost': ['lease', 'error'],
  'instance.doubled': ['lease', 'warn'],
  'clock.stepped': ['lease', 'warn'],
  'child.restarted': ['supervisor', 'error'],
  'drain.started': ['supervisor', 'info'],
  'drain.ended': ['supervisor', 'info'],
  'command.given': ['operators', 'info'],
  'operator.signedIn': ['operators', 'info'],
  'access.refused': ['operators', 'warn'],
}

/** Lines of one type beyond this many in a second are counted, not written. */
const LINES_PER_SECOND_MAX = 20

/**
 * Writes facts as log lines. A bug that ended something is a line at level error with its stack,
 * whatever the level of the log is, but `silent`. A type of fact that comes in floods is written up
 * to a bound per second, then once more with how many were left out. Changes of circuits, look-ups
 * that fail and repeated failures of the ledger are gathered: see `createCircuitLog`,
 * `createLookUpLog` and `createLedgerLog`.
 *
 * @param now monotonic, ms.
 */
export function createFactsLog(logger: Logger, now = () => performance.now()): Telemetry {
  const subsystems: Record<Subsystem, Logger> = {
    persistence: subsystemLogger(logger, 'persistence'),
    payments: subsystemLogger(logger, 'payments'),
    health: subsystemLogger(logger, 'health'),
    lease: subsystemLogger(logger, 'lease'),
    supervisor: subsystemLogger(logger, 'supervisor'),
    operators: subsystemLogger(logger, 'operators'),
  }
  const circuits = createCircuitLog(subsystems.health, now)
  const lookUps = createLookUpLog(subsystems.payments, now)
  const ledger = createLedgerLog(subsystems.persistence, now)
  const gathered = [circuits, lookUps, ledger]
  const limit = createLineLimit(logger, now)
  return {
    emit(fact) {
      if (fact.type === 'circuit.changed') return circuits.changed(fact)
      if (fact.type === 'attempt.ended') circuits.ended(fact)
      else if (fact.type === 'lookUp.failed') lookUps.failed(fact)
      else if (fact.type === 'payments.measured') for (const each of gathered) each.turn()
      else if (fact.type === 'drain.ended') for (const each of gathered) each.close()
      const [subsystem, usual] = LINES[fact.type]
      const level = fact.type === 'ledger.failed' && ledger.repeats(fact) ? 'debug' : usual
      const log = subsystems[subsystem]
      const bug = bugIn(fact)
      if (bug !== undefined) {
        if (limit.lets(fact.type)) logBug(log, bug, fact.type)
        return
      }
      if (!log.isLevelEnabled(level) || !limit.lets(fact.type)) return
      const { type, ...fields } = fact
      log[level](fields, type)
    },
  }
}

/** What a line about a bug that ended something has. */
export interface BugFields {
  /** Written with its stack. */
  readonly err: unknown
  readonly [name: string]: unknown
}

/** One line at level error, also where the log's level is `fatal`; none where it is `silent`. */
export function logBug(logger: Logger, fields: BugFields, event: string): void {
  if (logger.level === 'silent') return
  // Bugs are rare enough for a child logger each.
  const log = logger.isLevelEnabled('error') ? logger : logger.child({}, { level: 'error' })
  log.error(fields, event)
}

function bugIn(fact: Fact): BugFields | undefined {
  switch (fact.type) {
    case 'payment.broken':
      return { correlationId: fact.correlationId, cause: fact.cause, err: fact.error }
    case 'child.restarted':
      return { child: fact.child, cause: fact.cause, err: fact.error }
    case 'drain.started': {
      const { cause, bug } = fact
      return bug === undefined ? undefined : { child: bug.child, cause, err: bug.error }
    }
    default:
      return undefined
  }
}

/** Hands every fact to each telemetry. */
export function sinks(...all: readonly Telemetry[]): Telemetry {
  return {
    emit(fact) {
      for (const telemetry of all) telemetry.emit(fact)
    },
  }
}

function createLineLimit(logger: Logger, now: () => number): { lets(type: string): boolean } {
  let second = 0
  let counts = new Map<string, number>()
  const turnOver = (at: number): void => {
    for (const [type, count] of counts) {
      const leftOut = count - LINES_PER_SECOND_MAX
      if (leftOut > 0) logger.warn({ type, leftOut }, 'log.thinned')
    }
    counts = new Map()
    second = at
  }
  return {
    lets(type) {
      const at = Math.floor(now() / 1000)
      if (at !== second) turnOver(at)
      const count = (counts.get(type) ?? 0) + 1
      counts.set(type, count)
      return count <= LINES_PER_SECOND_MAX
    },
  }
}

export interface PerformanceLog {
  /** Takes the time from a decoded payment to its answer, µs. */
  readonly latency: { record(us: number): void }
  stop(): void
}

const INTERVAL_MS = 60_000

/**
 * Begins the minutes; the last, shorter one is written by `stop`.
 *
 * @param refused posts answered 503 since the start: the payment port counts them.
 */
export function startPerformanceLog(
  logger: Logger,
  totals: TotalsStore,
  refused: () => number,
): PerformanceLog {
  const log = subsystemLogger(logger, 'performance')
  const histogram = createHistogram()
  const read = () => ({ ...totals.getSnapshot().context, refused: refused() })
  let before = read()
  const write = (): void => {
    const now = read()
    const counted = (name: 'default' | 'fallback', of: 'settled' | 'failedAttempts'): number =>
      now.processors[name][of] - before.processors[name][of]
    log.info(
      {
        accepted: now.accepted - before.accepted,
        settledDefault: counted('default', 'settled'),
        settledFallback: counted('fallback', 'settled'),
        failedDefault: counted('default', 'failedAttempts'),
        failedFallback: counted('fallback', 'failedAttempts'),
        rejected: now.rejected - before.rejected,
        refused: now.refused - before.refused,
        parked: now.parked - before.parked,
        waiting: now.gauges.ready,
        inFlight: now.gauges.inFlight,
        acceptP50Ms: histogram.percentile(50) / 1000,
        acceptP99Ms: histogram.percentile(99) / 1000,
      },
      'performance',
    )
    before = now
    histogram.reset()
  }
  const timer = setInterval(write, INTERVAL_MS)
  return {
    latency: { record: (us) => histogram.record(Math.max(1, Math.round(us))) },
    stop() {
      clearInterval(timer)
      write()
    },
  }
}
