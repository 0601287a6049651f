// Payments that this instance cannot send go back to the ledger, due at once: others may be able to,
// and this one claims them again as its circuits let some through. In doubt they leave by look-ups.ts.

import { routeState } from '../circuit/context.ts'
import type { ProcessorName } from '../model/payment.ts'
import type { PaymentRecord } from '../payment/context.ts'
import type { PaymentsInMemory } from './queries.ts'
import { reportAllParked, type ReportParts } from './reports.ts'
import { createStreak, type Streak } from './streak.ts'

const PROCESSORS: readonly ProcessorName[] = ['default', 'fallback']

export class PassingOn {
  readonly #inMemory: PaymentsInMemory
  readonly #reports: ReportParts
  readonly #noRoute: Streak

  constructor(inMemory: PaymentsInMemory, reports: ReportParts) {
    this.#inMemory = inMemory
    this.#reports = reports
    this.#noRoute = createStreak(inMemory.dependencies.settings)
  }

  /** Whether neither circuit was closed for long: what is accepted now goes to the ledger as well. */
  get isStuck(): boolean {
    return this.#noRoute.isLong(this.#inMemory.dependencies.clock.now())
  }

  /** As many at once as are claimed at once, none while outcomes are not written. */
  tick({ isCongested }: { readonly isCongested: boolean }): void {
    const { dependencies, waiting } = this.#inMemory
    const { health, clock, settings } = dependencies
    const states = PROCESSORS.map((name) => routeState(health[name].getSnapshot().value))
    if (states.includes('closed')) this.#noRoute.ended()
    else this.#noRoute.failed(clock.now())
    if (isCongested || !this.isStuck) return
    const passed: PaymentRecord[] = []
    while (passed.length < settings.claimMax) {
      const record = waiting.ready.shift()
      if (record === undefined) break
      passed.push(record)
    }
    reportAllParked(this.#reports, passed)
  }
}
