// Changes of circuits as log lines: in an outage a circuit opens and lets charges through again
// twice a second, for as long as it lasts. The first change is told at once, those that follow it
// closely in one line.

import type { Logger } from 'pino'
import { failuresInWords, noteFailure, type Fact } from '../../actors/model/facts.ts'
import type { ProcessorName } from '../../actors/model/payment.ts'

/** How long changes are gathered after one that was told, ms. */
export const FLAP_WINDOW_MS = 10_000

/** Openings of one window whose instants are told. */
const OPENINGS_TOLD_MAX = 50

type Changed = Extract<Fact, { type: 'circuit.changed' }>
type Ended = Extract<Fact, { type: 'attempt.ended' }>

export interface CircuitLog {
  changed(fact: Changed): void
  ended(fact: Ended): void
  /** Tells the windows that are over; called about once a second. */
  turn(): void
  /** Tells what is gathered, however short its window was. */
  close(): void
}

interface Window {
  readonly openedAt: number
  changes: number
  /** Instants of the changes to `open`. */
  readonly openings: number[]
  /** Attempts that did not settle their payment. */
  failed: number
  /** What they said, counted. */
  readonly failures: Map<string, number>
  circuit: Changed['to']
}

/** `now`: monotonic, ms. */
export function createCircuitLog(logger: Logger, now: () => number): CircuitLog {
  const windows = new Map<ProcessorName, Window>()
  const open = (processor: ProcessorName, circuit: Changed['to']): void => {
    const none = { changes: 0, openings: [], failed: 0, failures: new Map() }
    windows.set(processor, { openedAt: now(), circuit, ...none })
  }
  return {
    changed({ type, ...fields }) {
      const { processor, to } = fields
      const window = windows.get(processor)
      if (window === undefined) {
        logger.warn(fields, type)
        open(processor, to)
        return
      }
      window.changes += 1
      window.circuit = to
      if (to === 'open') window.openings.push(now())
    },
    ended({ processor, outcome, detail }) {
      const window = windows.get(processor)
      if (window === undefined || outcome === 'settled') return
      window.failed += 1
      noteFailure(window.failures, detail)
    },
    turn() {
      for (const [processor, window] of windows) {
        if (now() - window.openedAt < FLAP_WINDOW_MS) continue
        windows.delete(processor)
        if (window.changes === 0) continue
        tell(logger, { processor, window, now: now() })
        open(processor, window.circuit)
      }
    },
    close() {
      for (const [processor, window] of windows) {
        if (window.changes > 0) tell(logger, { processor, window, now: now() })
      }
      windows.clear()
    },
  }
}

interface Told {
  readonly processor: ProcessorName
  readonly window: Window
  readonly now: number
}

function tell(logger: Logger, { processor, window, now }: Told): void {
  const { changes, openings, failed, circuit, openedAt } = window
  const openedMsAgo = openings.slice(-OPENINGS_TOLD_MAX).map((at) => Math.round(now - at))
  const forMs = Math.round(now - openedAt)
  const fields = { processor, circuit, changes, openings: openings.length, openedMsAgo }
  const failures = failuresInWords(window.failures)
  logger.warn({ ...fields, failed, failures, forMs }, 'circuit.flapped')
}
