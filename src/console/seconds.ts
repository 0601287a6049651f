// One sample a second over all instances, kept for some minutes: what the plots show.

import type { ProcessorName } from '../actors/model/payment.ts'
import { addedCounts, countsSince, percentileMs, type DurationCounts } from './durations.ts'
import type { Figures } from './figures.ts'

/** Counts of one second; percentiles in ms, absent when nothing was measured. */
export interface Second {
  /** Epoch ms. */
  readonly at: number
  readonly accepted: number
  readonly refused: number
  readonly rejected: number
  readonly settledDefault: number
  readonly settledFallback: number
  /** Amounts of what was settled, cents. */
  readonly centsDefault: number
  readonly centsFallback: number
  readonly failedDefault: number
  readonly failedFallback: number
  /** In memory and not yet settled, and those of them that are in doubt. */
  readonly waiting: number
  readonly inDoubt: number
  /** In the database, of all instances; absent when nobody asked it. */
  readonly parked?: number
  readonly acceptP50?: number
  readonly acceptP99?: number
  readonly settleP50?: number
  readonly settleP99?: number
  readonly responseDefault: number
  readonly responseFallback: number
}

/** Seconds kept: 10 minutes. */
export const SECONDS_MAX = 600

export interface Seconds {
  /** Adds the second that ends now; `parked` as the ledger told it, if it was asked. */
  add(at: number, all: readonly Figures[], parked?: number): void
  /** Oldest first, those after this instant. */
  since(at: number): readonly Second[]
}

export function createSeconds(): Seconds {
  let kept: Second[] = []
  let before = new Map<string, Figures>()
  return {
    add(at, all, parked) {
      const steps = all.flatMap((now) => {
        const earlier = before.get(now.instanceId)
        // The first figures of an instance say what was counted at any time before.
        return earlier?.startedAt === now.startedAt ? [{ earlier, now }] : []
      })
      before = new Map(all.map((figures) => [figures.instanceId, figures]))
      kept = [
        ...kept.slice(1 - SECONDS_MAX),
        { ...secondOf(at, steps, all), ...(parked === undefined ? {} : { parked }) },
      ]
    },
    since: (at) => kept.filter((second) => second.at > at),
  }
}

interface Step {
  readonly earlier: Figures
  readonly now: Figures
}

function secondOf(at: number, steps: readonly Step[], all: readonly Figures[]): Second {
  const grown = (read: (figures: Figures) => number): number =>
    sum(steps.map(({ earlier, now }) => Math.max(0, read(now) - read(earlier))))
  const accept = durations(steps, (figures) => figures.acceptMs)
  const settle = durations(steps, (figures) => figures.settleMs)
  return {
    at,
    accepted: grown(({ accepted }) => accepted),
    refused: grown(({ refused }) => refused),
    rejected: grown(({ rejected }) => rejected),
    settledDefault: grown(({ processors }) => processors.default.settled),
    settledFallback: grown(({ processors }) => processors.fallback.settled),
    centsDefault: grown(({ processors }) => processors.default.settledCents),
    centsFallback: grown(({ processors }) => processors.fallback.settledCents),
    failedDefault: grown(({ processors }) => processors.default.failedAttempts),
    failedFallback: grown(({ processors }) => processors.fallback.failedAttempts),
    waiting: sum(all.map(({ gauges }) => gauges.ready + sum(Object.values(gauges.byState)))),
    inDoubt: sum(all.map(({ gauges }) => gauges.byState.confirming ?? 0)),
    ...percentiles('accept', accept),
    ...percentiles('settle', settle),
    responseDefault: responseMs(all, 'default'),
    responseFallback: responseMs(all, 'fallback'),
  }
}

function durations(
  steps: readonly Step[],
  read: (figures: Figures) => DurationCounts,
): DurationCounts {
  return addedCounts(steps.map(({ earlier, now }) => countsSince(read(now), read(earlier))))
}

function percentiles(name: 'accept' | 'settle', counts: DurationCounts): Partial<Second> {
  const p50 = percentileMs(counts, 0.5)
  const p99 = percentileMs(counts, 0.99)
  if (p50 === undefined || p99 === undefined) return {}
  return { [`${name}P50`]: p50, [`${name}P99`]: p99 }
}

/** The mean over the instances; 0 when none has measured it. */
function responseMs(all: readonly Figures[], name: ProcessorName): number {
  const measured = all.flatMap(({ circuits }) => circuits[name]?.measuredMs ?? [])
  return measured.length === 0 ? 0 : sum(measured) / measured.length
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
