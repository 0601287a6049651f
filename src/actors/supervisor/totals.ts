// Running totals and gauges in one store, for the log's line of each minute. Facts are counted in
// plain numbers, and the store is brought up to date once a second, never per payment.

import { createStore } from '@xstate/store'
import type { Fact, Gauges, Telemetry } from '../model/facts.ts'
import type { ProcessorName } from '../model/payment.ts'

interface ProcessorTotals {
  readonly settled: number
  /** Attempts that did not settle their payment. */
  readonly failedAttempts: number
}

/** Payments since the start, and what is in memory now. */
interface Totals {
  readonly accepted: number
  readonly rejected: number
  readonly parked: number
  readonly processors: Readonly<Record<ProcessorName, ProcessorTotals>>
  readonly gauges: Pick<Gauges, 'ready' | 'inFlight'>
}

export type TotalsStore = ReturnType<typeof createTotals>

/** What has been counted since the last update of the store. */
type Counted = Omit<Totals, 'gauges'>

/** An empty store of totals; updated through `totalsTelemetry`. */
export function createTotals() {
  return createStore({
    context: EMPTY,
    on: {
      counted: (
        totals: Totals,
        { counted, gauges }: Pick<Totals, 'gauges'> & { counted: Counted },
      ) => added(totals, counted, gauges),
    },
  })
}

/** A telemetry that counts facts and brings the store up to date once a second, and at the end. */
export function totalsTelemetry(store: TotalsStore): Telemetry {
  let counted = nothingCounted()
  const bringUpToDate = (gauges: Totals['gauges']): void => {
    store.send({ type: 'counted', counted, gauges })
    counted = nothingCounted()
  }
  return {
    emit(fact) {
      if (fact.type === 'payments.measured') bringUpToDate(fact.gauges)
      else if (fact.type === 'drain.ended') bringUpToDate(store.getSnapshot().context.gauges)
      else count(counted, fact)
    },
  }
}

type Mutable<Value> = { -readonly [Key in keyof Value]: Mutable<Value[Key]> }

function nothingCounted(): Mutable<Counted> {
  return {
    accepted: 0,
    rejected: 0,
    parked: 0,
    processors: {
      default: { settled: 0, failedAttempts: 0 },
      fallback: { settled: 0, failedAttempts: 0 },
    },
  }
}

function count(counted: Mutable<Counted>, fact: Fact): void {
  const { processors } = counted
  if (fact.type === 'batch.recorded') {
    processors.default.settled += fact.settled.default.payments
    processors.fallback.settled += fact.settled.fallback.payments
  } else if (fact.type === 'batch.accepted') counted.accepted += fact.accepted
  else if (fact.type === 'payment.rejected') counted.rejected += 1
  else if (fact.type === 'payment.parked') counted.parked += 1
  else if (fact.type === 'attempt.ended' && fact.outcome !== 'settled')
    processors[fact.processor].failedAttempts += 1
}

function added(totals: Totals, counted: Counted, gauges: Totals['gauges']): Totals {
  const processor = (name: ProcessorName): ProcessorTotals => {
    const [before, more] = [totals.processors[name], counted.processors[name]]
    return {
      settled: before.settled + more.settled,
      failedAttempts: before.failedAttempts + more.failedAttempts,
    }
  }
  return {
    accepted: totals.accepted + counted.accepted,
    rejected: totals.rejected + counted.rejected,
    parked: totals.parked + counted.parked,
    processors: { default: processor('default'), fallback: processor('fallback') },
    gauges,
  }
}

const EMPTY: Totals = {
  ...nothingCounted(),
  gauges: { ready: 0, inFlight: { default: 0, fallback: 0 } },
}
