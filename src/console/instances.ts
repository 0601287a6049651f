// The figures of all instances: collected through Redis, kept a sample a second for the plots, and
// put into the frames that viewers get several times a second.

import type { ProcessorName } from '../actors/model/payment.ts'
import type { ComparedBooks } from './compared-books.ts'
import {
  addedCounts,
  countsSince,
  type DurationCounts,
  type Figures,
  type FiguresCache,
  parseFigures,
  percentileMs,
} from './figures.ts'
import type { LedgerCounts } from './ledger-counts.ts'
import type { SharedOutage } from './outages.ts'
import type { RecentEvent } from './recent.ts'

export interface Instances {
  /** Publishes our figures and reads the others'. Never rejects: without Redis we are alone. */
  sync(): Promise<void>
  /** Ours as of now, first; the others' as of the last sync, by id. */
  all(): readonly Figures[]
}

/** Syncs that fail in a row before we count as alone; there is one a second. */
const FAILURES_MAX = 3

export function createInstances(own: () => Figures, cache: FiguresCache | undefined): Instances {
  let others: readonly Figures[] = []
  let failures = 0
  return {
    async sync() {
      if (cache === undefined) return
      const figures = own()
      try {
        const texts = Object.values(await cache.publish(JSON.stringify(figures)))
        others = texts
          .flatMap((text) => parseFigures(text) ?? [])
          .filter(({ instanceId }) => instanceId !== figures.instanceId)
          .sort((a, b) => (a.instanceId < b.instanceId ? -1 : 1))
        failures = 0
      } catch {
        // Redis only helps, and its connection logs that it is gone. A single late answer must not
        // make every sum of the page jump down and up again.
        failures += 1
        if (failures >= FAILURES_MAX) others = []
      }
    },
    all: () => [own(), ...others],
  }
}

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
  /** In memory and not yet settled, and how many of them are in doubt. */
  readonly waiting: number
  readonly inDoubt: number
  /** In the database, of all instances; absent when it was not asked. */
  readonly parked?: number
  readonly acceptP50?: number
  readonly acceptP99?: number
  readonly settleP50?: number
  readonly settleP99?: number
  readonly responseDefault: number
  readonly responseFallback: number
}

/** Seconds kept: 10 minutes. */
const SECONDS_MAX = 600

export interface Seconds {
  /** Adds the second that ends now; `parked` from the ledger, if it was asked. */
  add(at: number, all: readonly Figures[], parked?: number): void
  /** Those after this instant, oldest first. */
  since(at: number): readonly Second[]
}

export function createSeconds(): Seconds {
  let kept: Second[] = []
  let before = new Map<string, Figures>()
  return {
    add(at, all, parked) {
      const steps = all.flatMap((now) => {
        const earlier = before.get(now.instanceId)
        // The first figures of an instance hold what was counted at any time before.
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

/** One instance's figures a second ago and now. */
interface Step {
  readonly earlier: Figures
  readonly now: Figures
}

function secondOf(at: number, steps: readonly Step[], all: readonly Figures[]): Second {
  const grown = (read: (figures: Figures) => number): number =>
    total(steps.map(({ earlier, now }) => Math.max(0, read(now) - read(earlier))))
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
    waiting: total(all.map(({ gauges }) => gauges.ready + total(Object.values(gauges.byState)))),
    inDoubt: total(all.map(({ gauges }) => gauges.byState.confirming ?? 0)),
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
  return measured.length === 0 ? 0 : total(measured) / measured.length
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

export interface Frame extends LedgerCounts {
  readonly type: 'frame'
  /** Epoch ms, on this instance's clock. */
  readonly at: number
  readonly instances: readonly InstanceFrame[]
  /** Payments that have gone along each transition, as `from>to`, over all instances. */
  readonly transitions: Readonly<Record<string, number>>
  readonly seconds: readonly Second[]
  readonly events: readonly RecentEvent[]
  /** Newest first; absent: those of the frame before. */
  readonly outages?: readonly SharedOutage[]
  readonly books: ComparedBooks | null
  /** Parts of this console that stand still because of a bug. */
  readonly broken: readonly string[]
}

/** The instances without what only the plots need. */
export type InstanceFrame = Omit<Figures, 'transitions' | 'acceptMs' | 'settleMs'>

export function frameOf(
  figures: readonly Figures[],
  rest: Omit<Frame, 'type' | 'instances' | 'transitions'>,
): Frame {
  return {
    type: 'frame',
    instances: figures.map(
      ({ transitions: _t, acceptMs: _a, settleMs: _s, ...instance }) => instance,
    ),
    transitions: addedTransitions(figures),
    ...rest,
  }
}

function addedTransitions(figures: readonly Figures[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {}
  for (const [from, row] of figures.flatMap(({ transitions }) => Object.entries(transitions))) {
    for (const [to, payments] of Object.entries(row)) {
      if (payments === 0) continue
      const name = `${from}>${to}`
      sums[name] = (sums[name] ?? 0) + payments
    }
  }
  return sums
}
