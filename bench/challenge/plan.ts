// A run's appointments: when the processors are switched, and when the books are checked.

import type { TimeWindow } from '../../src/actors/model/payment.ts'
import { checkWindow, scaleTiming, windowAt } from './checks.ts'
import type { Check, Parties } from './checks.ts'
import { scaleStages } from './stages.ts'
import type { Stage } from './stages.ts'
import type { Appointment } from './timetable.ts'

/** The switches for a load of `seconds`; default first, as the load script does it. */
export function planStages(
  parties: Parties,
  plan: { readonly stages: readonly Stage[]; readonly seconds: number },
): readonly Appointment[] {
  return scaleStages(plan.stages, plan.seconds).map((stage) => ({
    atMs: stage.atSecond * 1000,
    act: async () => {
      await parties.default.setConditions(stage.default)
      await parties.fallback.setConditions(stage.fallback)
    },
  }))
}

/** The checks of a load of `seconds`: the first at its very start, none at its end. */
export function planChecks(
  parties: Parties,
  plan: {
    readonly seconds: number
    readonly onCheck: (check: Check, window: TimeWindow) => void
  },
): readonly Appointment[] {
  const timing = scaleTiming(plan.seconds)
  const count = Math.ceil((plan.seconds * 1000) / timing.intervalMs)
  return Array.from({ length: count }, (_, index) => ({
    atMs: index * timing.intervalMs,
    act: async () => {
      const window = windowAt(Date.now(), timing)
      plan.onCheck(await checkWindow(parties, window), window)
    },
  }))
}
