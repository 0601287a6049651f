// What is done at given times during the load: the processors are switched, the books are checked.

import { type Check, type Parties, checkWindow, scaleTiming, windowAt } from './checks.ts'
import { type Stage, scaleStages } from './stages.ts'
import type { TimeWindow } from '../../src/actors/model/payment.ts'

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

export interface Appointment {
  /** From the start of the timetable, ms. */
  readonly atMs: number
  readonly act: () => Promise<void>
}

/**
 * Keeps all appointments, each at its own time whatever the others take. Rejects with the first
 * failure; what had not begun by then, or by `cancel()`, never does.
 */
export class Timetable {
  readonly #timers: NodeJS.Timeout[] = []

  keep(appointments: readonly Appointment[]): Promise<void> {
    return new Promise((resolve, reject) => {
      let open = appointments.length
      if (open === 0) resolve()
      for (const { atMs, act } of appointments) {
        const begin = (): void => {
          act().then(
            () => {
              open -= 1
              if (open === 0) resolve()
            },
            (error: unknown) => {
              this.cancel()
              reject(error)
            },
          )
        }
        this.#timers.push(setTimeout(begin, atMs))
      }
    })
  }

  /** Lets nothing more begin; the promise of `keep` is then left as it is. */
  cancel(): void {
    for (const timer of this.#timers.splice(0)) clearTimeout(timer)
  }
}
