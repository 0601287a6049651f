// Failures of the ledger as log lines: while PostgreSQL is away, each actor that needs it tries again
// and fails alike. The first of each operation and cause is told at once, its repeats in one line.

import type { Logger } from 'pino'
import type { Fact } from '../../actors/model/facts.ts'

/** How long repeats are gathered after a line, ms. */
export const LEDGER_WINDOW_MS = 10_000

/** Kinds that are gathered at once; each failure of another one is told. */
const KINDS_MAX = 100

type Failed = Extract<Fact, { type: 'ledger.failed' }>

export interface LedgerLog {
  /** Whether one of this operation and cause was told shortly before, so that it is counted here. */
  repeats(fact: Failed): boolean
  /** Tells the repeats of windows that are over; called about once a second. */
  turn(): void
  /** Tells what is gathered. */
  close(): void
}

interface Window {
  readonly operation: string
  readonly cause: string
  since: number
  times: number
}

/** `now`: monotonic, ms. */
export function createLedgerLog(logger: Logger, now: () => number): LedgerLog {
  const windows = new Map<string, Window>()
  const tell = ({ operation, cause, since, times }: Window): void => {
    const forMs = Math.round(now() - since)
    if (times > 0) logger.warn({ operation, cause, times, forMs }, 'ledger.failing')
  }
  return {
    repeats({ operation, cause }) {
      const kind = `${operation} ${cause}`
      const window = windows.get(kind)
      if (window !== undefined) window.times += 1
      else if (windows.size < KINDS_MAX) {
        windows.set(kind, { operation, cause, since: now(), times: 0 })
      }
      return window !== undefined
    },
    turn() {
      for (const [kind, window] of windows) {
        if (now() - window.since < LEDGER_WINDOW_MS) continue
        tell(window)
        if (window.times === 0) windows.delete(kind)
        else Object.assign(window, { since: now(), times: 0 })
      }
    },
    close() {
      for (const window of windows.values()) tell(window)
      windows.clear()
    },
  }
}
