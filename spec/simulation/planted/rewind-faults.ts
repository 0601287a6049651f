// Faults in what is done once PostgreSQL knows less than the processors.

import type { LedgerHistory } from '../../../src/actors/model/ports.ts'
import type { Planted } from '../instance.ts'
import { PAID_TWICE, type PlantedFaults } from './planted.ts'
import { rewindAfter, rewindOverLateCharges } from './plans.ts'

export const REWIND_FAULTS: PlantedFaults = {
  'an instance that does not ask after another history': { ...PAID_TWICE, plant: asksNobody },
  'payments that are charged before histories are compared': { ...PAID_TWICE, plant: asksLate },
  'an instance that asks only default after another history': { ...PAID_TWICE, plant: asksDefault },
  'sessions that take the rows of a dump for their own': { ...PAID_TWICE, plant: seesNoReload },
  'an earlier history that is not waited for': { ...PAID_TWICE, plant: waitsForNothing },
}

/** Charges at once what is posted again. */
function asksNobody(): Planted {
  return { plan: rewindAfter('default'), history: (history) => asking(history, () => undefined) }
}

/** How long it goes on as before, ms. */
const LATE_MS = 2500

function asksLate(): Planted {
  return {
    plan: rewindAfter('default'),
    history: (history) => {
      let since: number | undefined
      return asking(history, (until, now) => {
        since ??= until === undefined ? undefined : now
        return since === undefined || now - since < LATE_MS ? undefined : until
      })
    },
  }
}

/** Takes it for granted that the fallback has nothing. */
function asksDefault(): Planted {
  return {
    plan: rewindAfter('fallback'),
    processor: (processor) =>
      processor.name === 'default'
        ? processor
        : {
            ...processor,
            lookUp: (id, reply) =>
              processor.lookUp(id, (answer) =>
                reply(answer.kind === 'found' ? { kind: 'missing' } : answer),
              ),
          },
  }
}

/** Compares histories at new sessions only. */
function seesNoReload(): Planted {
  return {
    plan: rewindAfter('default', 'reload'),
    watch: (watch) => void Object.defineProperty(watch, 'mark', { value: undefined }),
  }
}

/** Believes a look-up while what was sent before may still land. */
function waitsForNothing(): Planted {
  return {
    plan: rewindOverLateCharges,
    history: (history) =>
      asking(history, (until, now) => (until === undefined ? undefined : Math.min(until, now))),
  }
}

function asking(
  history: LedgerHistory,
  doubtUntil: (until: number | undefined, now: number) => number | undefined,
): LedgerHistory {
  return {
    get epoch() {
      return history.epoch
    },
    get hasChanged() {
      return history.hasChanged
    },
    doubtUntil: (now) => doubtUntil(history.doubtUntil(now), now),
  }
}
