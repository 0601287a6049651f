// Look-ups that fail as log lines: while they do, payments in doubt wait, and each asks again. The
// first failure is told at once, those of the next minute in one line.

import type { Logger } from 'pino'
import { failuresInWords, noteFailure, type Fact } from '../../actors/model/facts.ts'
import type { ProcessorName } from '../../actors/model/payment.ts'

/** How long failures are gathered after a line, ms. */
export const LOOK_UPS_WINDOW_MS = 60_000

type Failed = Extract<Fact, { type: 'lookUp.failed' }>

export interface LookUpLog {
  failed(fact: Failed): void
  /** Tells what is gathered once its minute is over; called about once a second. */
  turn(): void
  /** Tells what is gathered. */
  close(): void
}

/** `now`: monotonic, ms. */
export function createLookUpLog(logger: Logger, now: () => number): LookUpLog {
  const windows = new Map<
    ProcessorName,
    { readonly since: number; failures: Map<string, number> }
  >()
  const tell = (processor: ProcessorName, failures: ReadonlyMap<string, number>): void =>
    logger.warn({ processor, failures: failuresInWords(failures) }, 'lookUps.failing')
  return {
    failed({ processor, detail }) {
      const window = windows.get(processor)
      if (window !== undefined) return noteFailure(window.failures, detail)
      tell(processor, new Map([[detail, 1]]))
      windows.set(processor, { since: now(), failures: new Map() })
    },
    turn() {
      for (const [processor, { since, failures }] of windows) {
        if (now() - since < LOOK_UPS_WINDOW_MS) continue
        windows.delete(processor)
        if (failures.size === 0) continue
        tell(processor, failures)
        windows.set(processor, { since: now(), failures: new Map() })
      }
    },
    close() {
      for (const [processor, { failures }] of windows) {
        if (failures.size > 0) tell(processor, failures)
      }
      windows.clear()
    },
  }
}
