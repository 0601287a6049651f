// Facts as log lines: each fact of the actors has its subsystem and its level here, and only here.

import type { Fact, Telemetry } from '../../actors/model/facts.ts'
import { subsystemLogger, type Logger } from './logger.ts'

type Level = 'debug' | 'info' | 'warn' | 'error'

type Line = readonly [subsystem: Subsystem, level: Level]

type Subsystem = 'persistence' | 'payments' | 'health' | 'lease' | 'supervisor'

const LINES: Readonly<Record<Fact['type'], Line>> = {
  'batch.accepted': ['persistence', 'debug'],
  'batch.refused': ['persistence', 'warn'],
  'batch.recorded': ['persistence', 'debug'],
  'ledger.failed': ['persistence', 'warn'],
  'attempt.ended': ['payments', 'info'],
  'payment.settled': ['payments', 'debug'],
  'payment.rejected': ['payments', 'warn'],
  'payment.parked': ['payments', 'info'],
  'payment.contradicted': ['payments', 'warn'],
  'payment.broken': ['payments', 'error'],
  'payments.claimed': ['payments', 'info'],
  'payments.purged': ['payments', 'warn'],
  'payments.lost': ['persistence', 'error'],
  'payments.measured': ['payments', 'debug'],
  'circuit.changed': ['health', 'warn'],
  'health.probed': ['health', 'debug'],
  'health.changed': ['health', 'info'],
  'health.unknown': ['health', 'warn'],
  'lease.acquired': ['lease', 'info'],
  'lease.lost': ['lease', 'error'],
  'child.restarted': ['supervisor', 'error'],
  'drain.started': ['supervisor', 'info'],
  'drain.ended': ['supervisor', 'info'],
}

/** Lines of one type beyond this many in a second are counted, not written. */
const LINES_PER_SECOND_MAX = 20

/**
 * Writes facts as log lines. A type of fact that comes in floods (attempts against a processor
 * that is down) is written up to a bound per second, then once more with how many were left out.
 */
export function createFactsLog(logger: Logger): Telemetry {
  const subsystems: Record<Subsystem, Logger> = {
    persistence: subsystemLogger(logger, 'persistence'),
    payments: subsystemLogger(logger, 'payments'),
    health: subsystemLogger(logger, 'health'),
    lease: subsystemLogger(logger, 'lease'),
    supervisor: subsystemLogger(logger, 'supervisor'),
  }
  const flood = createFloodGate(logger)
  return {
    emit(fact) {
      const [subsystem, level] = LINES[fact.type]
      const log = subsystems[subsystem]
      if (!log.isLevelEnabled(level) || !flood.lets(fact.type)) return
      const { type, ...fields } = fact
      log[level](fields, type)
    },
  }
}

/** Tells every fact to every telemetry. */
export function sinks(...all: readonly Telemetry[]): Telemetry {
  return {
    emit(fact) {
      for (const telemetry of all) telemetry.emit(fact)
    },
  }
}

function createFloodGate(logger: Logger): { lets(type: string): boolean } {
  let second = 0
  let counts = new Map<string, number>()
  const turnOver = (now: number): void => {
    for (const [type, count] of counts) {
      const leftOut = count - LINES_PER_SECOND_MAX
      if (leftOut > 0) logger.warn({ type, leftOut }, 'log.thinned')
    }
    counts = new Map()
    second = now
  }
  return {
    lets(type) {
      const now = Math.floor(performance.now() / 1000)
      if (now !== second) turnOver(now)
      const count = (counts.get(type) ?? 0) + 1
      counts.set(type, count)
      return count <= LINES_PER_SECOND_MAX
    },
  }
}
