// Running totals and gauges in one store, for the log and for those who watch an instance. Facts are
// counted in plain numbers, and the store is brought up to date once a second, never per payment.

import { createStore } from '@xstate/store'
import type { Fact, Gauges, Telemetry } from '../model/facts.ts'
import type { ProcessorName } from '../model/payment.ts'

export interface ProcessorTotals {
  readonly settled: number
  readonly settledCents: number
  readonly failedAttempts: number
  readonly circuit: 'closed' | 'open' | 'halfOpen'
}

export interface Totals {
  readonly accepted: number
  readonly known: number
  readonly conflicting: number
  readonly rejected: number
  readonly parked: number
  readonly claimed: number
  readonly processors: Readonly<Record<ProcessorName, ProcessorTotals>>
  readonly gauges: Gauges
}

export type TotalsStore = ReturnType<typeof createTotals>

/** What has been counted since the last update of the store. */
type Counted = Omit<Totals, 'gauges' | 'processors'> & {
  readonly settled: Readonly<Record<ProcessorName, { payments: number; cents: number }>>
  readonly failedAttempts: Readonly<Record<ProcessorName, number>>
}

/** An empty store of totals; updated through `totalsTelemetry`. */
export function createTotals() {
  return createStore({
    context: EMPTY,
    on: {
      counted: (totals: Totals, { counted, gauges }: { counted: Counted; gauges: Gauges }) =>
        added(totals, counted, gauges),
      circuitChanged: (
        totals: Totals,
        event: { processor: ProcessorName; circuit: ProcessorTotals['circuit'] },
      ) => withCircuit(totals, event),
    },
  })
}

/** A telemetry that counts facts and brings the store up to date once a second, and at the end. */
export function totalsTelemetry(store: TotalsStore): Telemetry {
  let counted = nothingCounted()
  const bringUpToDate = (gauges: Gauges): void => {
    store.send({ type: 'counted', counted, gauges })
    counted = nothingCounted()
  }
  return {
    emit(fact) {
      if (fact.type === 'payments.measured') bringUpToDate(fact.gauges)
      else if (fact.type === 'drain.ended') bringUpToDate(store.getSnapshot().context.gauges)
      else if (fact.type === 'circuit.changed') {
        store.send({ type: 'circuitChanged', processor: fact.processor, circuit: fact.to })
      } else count(counted, fact)
    },
  }
}

type Mutable<Value> = { -readonly [Key in keyof Value]: Mutable<Value[Key]> }

function nothingCounted(): Mutable<Counted> {
  return {
    accepted: 0,
    known: 0,
    conflicting: 0,
    rejected: 0,
    parked: 0,
    claimed: 0,
    settled: { default: { payments: 0, cents: 0 }, fallback: { payments: 0, cents: 0 } },
    failedAttempts: { default: 0, fallback: 0 },
  }
}

function count(counted: Mutable<Counted>, fact: Fact): void {
  if (fact.type === 'batch.recorded') {
    for (const name of ['default', 'fallback'] as const) {
      counted.settled[name].payments += fact.settled[name].payments
      counted.settled[name].cents += fact.settled[name].cents
    }
  } else if (fact.type === 'batch.accepted') {
    counted.accepted += fact.accepted
    counted.known += fact.known
    counted.conflicting += fact.conflicting
  } else if (fact.type === 'payment.rejected') counted.rejected += 1
  else if (fact.type === 'payment.parked') counted.parked += 1
  else if (fact.type === 'payments.claimed') counted.claimed += fact.payments
  else if (fact.type === 'attempt.ended' && fact.outcome !== 'settled')
    counted.failedAttempts[fact.processor] += 1
}

function added(totals: Totals, counted: Counted, gauges: Gauges): Totals {
  const processor = (name: ProcessorName): ProcessorTotals => ({
    settled: totals.processors[name].settled + counted.settled[name].payments,
    settledCents: totals.processors[name].settledCents + counted.settled[name].cents,
    failedAttempts: totals.processors[name].failedAttempts + counted.failedAttempts[name],
    circuit: totals.processors[name].circuit,
  })
  return {
    accepted: totals.accepted + counted.accepted,
    known: totals.known + counted.known,
    conflicting: totals.conflicting + counted.conflicting,
    rejected: totals.rejected + counted.rejected,
    parked: totals.parked + counted.parked,
    claimed: totals.claimed + counted.claimed,
    processors: { default: processor('default'), fallback: processor('fallback') },
    gauges,
  }
}

function withCircuit(
  totals: Totals,
  { processor, circuit }: { processor: ProcessorName; circuit: ProcessorTotals['circuit'] },
): Totals {
  const changed = { ...totals.processors[processor], circuit }
  return { ...totals, processors: { ...totals.processors, [processor]: changed } }
}

const NO_PROCESSOR: ProcessorTotals = {
  settled: 0,
  settledCents: 0,
  failedAttempts: 0,
  circuit: 'closed',
}

const EMPTY: Totals = {
  accepted: 0,
  known: 0,
  conflicting: 0,
  rejected: 0,
  parked: 0,
  claimed: 0,
  processors: { default: NO_PROCESSOR, fallback: NO_PROCESSOR },
  gauges: { ready: 0, inFlight: { default: 0, fallback: 0 }, byState: {} },
}
