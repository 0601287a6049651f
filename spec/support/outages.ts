// The times in which an instance has both circuits open, and must send nothing.

import type { Test } from 'tap'
import type { Pit } from '../../src/app/pit.ts'

/** A time in which both circuits were open, and which is over: between two instants, epoch ms. */
export interface Outage {
  readonly begin: number
  readonly end: number
}

/** Watches to the test's end, by the clock that stamps charges; what is returned grows. */
export function watchOutages(t: Test, pit: Pit): readonly Outage[] {
  const outages: Outage[] = []
  let begin: number | undefined
  let isOutage = false
  const subscription = pit.totals.subscribe(({ context }) => {
    const wasOutage = isOutage
    isOutage = Object.values(context.processors).every(({ circuit }) => circuit === 'open')
    if (isOutage && !wasOutage) begin = Date.now()
    if (isOutage || begin === undefined) return
    outages.push({ begin, end: Date.now() })
    begin = undefined
  })
  t.teardown(() => subscription.unsubscribe())
  return outages
}
