// Each bound that RELIABILITY.md names, from both sides: within it every rule holds, and beyond it
// one of them breaks, which a strict oracle sees and a fair one excuses.

import t from 'tap'
import type { Planted } from '../instance.ts'
import { catchByRule, type PlantedFaults } from '../planted/planted.ts'
import type { Plan, PlannedFault } from '../plan.ts'
import { recordedAndAnswered500 } from '../planted/plans.ts'
import { runSeed } from '../seeds.ts'
import type { Settings } from '../settings.ts'
import type { ChargeConduct, Conduct } from './conduct.ts'
import type { WorldFault } from './faults.ts'
import { chargesGet, defaultBehaves, hiddenFromTheFirst, hiddenInForm } from './fixed.ts'
import { hiddenOverRestart, hangsThenRefuses, MISSING, page, pastDeadline } from './fixed.ts'
import type { Planning } from './fixed.ts'
import type { Reply } from './http-ends.ts'

const PAID_TWICE = {
  rule: 'paidOnce',
  besides: ['settledAtOneProcessor', 'summariesMatch', 'recordedIsSettled', 'processorIsRight'],
} as const

const SEEDS = 4

function holds(title: string, planted: Planted): void {
  t.test(title, async (t) => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { violations } = await runSeed({ seed, planted })
      t.same(violations, [], `seed ${seed}`)
    }
  })
}

/** Half of the charges at `default` get no answer, and land at that part of the deadline. */
function landingAt(share: number): Planning {
  return (plan, settings) => {
    const landsMs = settings.landingMaxMs * share
    const charge: ChargeConduct = {
      share: 0.5,
      reply: { kind: 'reset' },
      delayMs: [0, 20],
      records: 'after',
      afterMs: [landsMs - 20, landsMs - 20],
    }
    return defaultBehaves({ charge, lookUp: null, probe: null })(plan, settings)
  }
}

/** So many of the charges are recorded and get this reply; look-ups tell the truth. */
function recordedAndGet(reply: Reply, share = 0.5): Conduct {
  const { charge } = chargesGet(reply)
  const some = charge === null ? null : { ...charge, share, records: 'before' as const }
  return { charge: some, lookUp: null, probe: null }
}

/** Most charges are recorded and get no answer; look-ups hide most of what they are asked. */
const OFTEN_HIDDEN: Conduct = {
  ...recordedAndGet({ kind: 'reset' }, 0.8),
  lookUp: {
    reply: MISSING,
    share: 0.7,
    delayMs: [0, 20],
    lie: 'amount',
  },
}

/** For a while `default` records and says so, then it is unreachable; look-ups hide it all along. */
function knownAndHidden(plan: Plan, settings: Settings): Plan {
  const lookUp = { ...HIDDEN, share: 1, delayMs: [0, 20], lie: 'amount' } as const
  const known = { ...recordedAndGet({ kind: 'answer', status: 422, body: 'none' }), lookUp }
  const gone = { ...chargesGet({ kind: 'unreachable', hangs: false }), lookUp }
  const conducts = [known, gone].map((conduct, index): PlannedFault => {
    const lastsMs = index === 0 ? settings.faultsMs / 4 : settings.faultsMs
    const fault: WorldFault = { kind: 'conduct', processors: ['default'], conduct }
    return { at: (settings.faultsMs / 4) * index, lastsMs, fault }
  })
  return { ...plan, faults: conducts, lasting: { processor: 'default', conduct: gone } }
}

const HIDDEN = { reply: MISSING } as const

/** Look-ups lag so many times as long as Pit was told. */
function lagging(times: number): Planted {
  return {
    oracle: 'strict',
    plan: recordedAndAnswered500,
    settings: (settings) => {
      const lookUpLagMs = settings.configured.work.lookUpLagMs * times
      return { ...settings, lookUpLagMs }
    },
  }
}

/** Charges land as late as they may, by clocks that run at such a rate. */
function clocksAt(rate: number): Planted {
  return {
    oracle: 'strict',
    plan: hangsThenRefuses,
    settings: (settings) => ({ ...settings, drift: [rate, rate] }),
  }
}

holds('a charge that lands within the settle-by deadline is paid once', {
  oracle: 'strict',
  plan: landingAt(0.98),
})
holds('a charge that lands after the settle-by deadline is excused', { plan: landingAt(1.4) })
holds('a 500 whose record look-ups show within their lag is paid once', lagging(0.9))
holds('clocks that run 5 % too fast wait the deadline out', clocksAt(1.05))
holds('a payment that look-ups hide as they hide a control is paid once', {
  oracle: 'strict',
  plan: hiddenInForm,
})
for (const kind of ['crash', 'stop'] as const) {
  holds(`a payment that look-ups hide over a ${kind} as they hide a control is paid once`, {
    oracle: 'strict',
    plan: hiddenOverRestart(kind),
    settings: pastDeadline,
  })
}
holds('a payment that look-ups hide where nothing was ever settled is excused', {
  plan: hiddenFromTheFirst(MISSING),
  settings: pastDeadline,
})
holds('a payment that look-ups hide between two controls is excused', {
  plan: defaultBehaves(OFTEN_HIDDEN),
})
holds('a charge that is recorded and refused with 404 is excused', {
  plan: defaultBehaves(recordedAndGet(page(404))),
})
holds('a 422 that look-ups hide though it is true is excused', { plan: knownAndHidden })

const BEYOND: PlantedFaults = {
  'a charge that lands after the settle-by deadline': {
    ...PAID_TWICE,
    plant: () => ({ oracle: 'strict', plan: landingAt(1.4) }),
  },
  'a look-up that lags longer than Pit was told': { ...PAID_TWICE, plant: () => lagging(6) },
  'a clock that runs twice as fast': { ...PAID_TWICE, plant: () => clocksAt(2) },
  'a payment that look-ups hide where nothing was ever settled': {
    ...PAID_TWICE,
    plant: () => ({ oracle: 'strict', plan: hiddenFromTheFirst(MISSING), settings: pastDeadline }),
  },
  'a payment that look-ups hide between two controls': {
    ...PAID_TWICE,
    plant: () => ({ oracle: 'strict', plan: defaultBehaves(OFTEN_HIDDEN) }),
  },
  'a charge that is recorded and refused with 404': {
    ...PAID_TWICE,
    plant: () => ({ oracle: 'strict', plan: defaultBehaves(recordedAndGet(page(404))) }),
  },
  'a 422 that look-ups hide though it is true': {
    ...PAID_TWICE,
    plant: () => ({ oracle: 'strict', plan: knownAndHidden }),
  },
}

catchByRule(BEYOND)
