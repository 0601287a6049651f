// Watches that no instance sends anything while both circuits of each are open.

import type { Test } from 'tap'
import type { Pit } from '../../src/app/pit.ts'

export interface Silence {
  /** Times in which both circuits were open long enough to be watched. */
  readonly periods: number
  /** Charges that came in such a time. */
  readonly charges: number
}

/** What was written just before the second circuit opened may still come in for this long, ms. */
const LATE_MS_MAX = 60

/** @param received charges received so far by both processors. */
export function watchSilence(t: Test, pits: readonly Pit[], received: () => number): Silence {
  const silence = { periods: 0, charges: 0 }
  let before: number | undefined
  let timer: NodeJS.Timeout | undefined
  const look = (): void => {
    if (pits.every(sendsNothing)) {
      timer ??= setTimeout(() => {
        before = received()
      }, LATE_MS_MAX)
      return
    }
    clearTimeout(timer)
    timer = undefined
    if (before === undefined) return
    silence.periods += 1
    silence.charges += received() - before
    before = undefined
  }
  const subscriptions = pits.map((pit) => pit.totals.subscribe(look))
  t.teardown(() => {
    clearTimeout(timer)
    for (const subscription of subscriptions) subscription.unsubscribe()
  })
  return silence
}

function sendsNothing(pit: Pit): boolean {
  const { default: first, fallback } = pit.totals.getSnapshot().context.processors
  return first.circuit === 'open' && fallback.circuit === 'open'
}
