// The figures of one instance: what it counts as its actors report facts, and what it publishes of
// that to the other instances once a second.

import assert from 'node:assert'
import type { Fact, Gauges, Telemetry } from '../actors/model/facts.ts'
import type { ProcessorName } from '../actors/model/payment.ts'
import type { CircuitSnapshot, InstanceSnapshot } from '../actors/supervisor/snapshot.ts'
import { createOutageNotes, type OutageNotes } from './outages.ts'
import {
  createRecentEvents,
  createRecentPayments,
  type RecentEvents,
  type RecentPayments,
} from './recent.ts'

/** What has been counted since the instance started; payments, unless it says otherwise. */
export interface Counted {
  readonly accepted: number
  /** Answered 503. */
  readonly refused: number
  readonly rejected: number
  /** Times that a payment was put back into the database to wait. */
  readonly parked: number
  readonly processors: Readonly<Record<ProcessorName, ProcessorCounted>>
  /** From a decoded request to its answer. */
  readonly acceptMs: DurationCounts
  /** From acceptance to settlement. */
  readonly settleMs: DurationCounts
}

export interface ProcessorCounted {
  readonly settled: number
  readonly settledCents: number
  /** Attempts that ended in anything but a settlement. */
  readonly failedAttempts: number
}

export interface Figures extends Counted {
  readonly instanceId: string
  /** Epoch ms, on the instance's own clock. */
  readonly startedAt: number
  readonly state: string
  /** Why payments are not let in or cannot be committed; absent while they can be. */
  readonly notReady?: string
  readonly gauges: Gauges
  /** Payments along each transition of their chart; empty while there are no payments yet. */
  readonly transitions: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly circuits: Readonly<Partial<Record<ProcessorName, CircuitSnapshot>>>
}

/** Where instances publish their figures for each other. Rejects when it cannot be reached. */
export interface FiguresCache {
  /**
   * Replaces what this instance published before, and gives the latest of each instance, by its id;
   * those of a silent instance expire after seconds.
   */
  publish(text: string): Promise<Readonly<Record<string, string>>>
}

export function figuresOf(
  instance: { readonly instanceId: string; readonly startedAt: number },
  counted: Counted,
  { state, gauges = NO_GAUGES, transitions, circuits }: InstanceSnapshot,
): Figures {
  return { ...instance, ...counted, gauges, transitions: transitions ?? {}, state, circuits }
}

const NO_GAUGES: Gauges = { ready: 0, inFlight: { default: 0, fallback: 0 }, byState: {} }

/**
 * The figures in a published text; undefined for a text that does not have all of them, as another
 * version of Pit may write. Versions up to 0.1.0 call the transitions `flows`. They in turn leave
 * out the figures of this one: in a rolling upgrade old consoles show the old instances only.
 */
export function parseFigures(text: string): Figures | undefined {
  const value = objectIn(text)
  if (value === undefined) return undefined
  const { flows, transitions = flows, ...others } = value
  const figures = { ...others, transitions }
  return isFigures(figures) ? figures : undefined
}

function objectIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

type Check = (value: unknown) => boolean

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const isText: Check = (value) => typeof value === 'string'
const isTextOrAbsent: Check = (value) => value === undefined || isText(value)
const isNumber: Check = (value) => typeof value === 'number'

/** An object with at least these members. */
const shape =
  <Value>(members: { readonly [Name in keyof Value]-?: Check }) =>
  (value: unknown): value is Value =>
    isObject(value) && Object.entries<Check>(members).every(([name, check]) => check(value[name]))

/** An object whose members, whatever their names, all pass. */
const each =
  (check: Check): Check =>
  (value) =>
    isObject(value) && Object.values(value).every(check)

const isProcessorCounted = shape<ProcessorCounted>({
  settled: isNumber,
  settledCents: isNumber,
  failedAttempts: isNumber,
})

const isCircuit = shape<CircuitSnapshot>({
  state: isText,
  forMs: isNumber,
  cause: isText,
  concurrencyLimit: isNumber,
  measuredMs: isNumber,
  announcedMs: isNumber,
  calls: isNumber,
  failureRate: isNumber,
})

const isDurations: Check = (value) =>
  Array.isArray(value) &&
  value.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every(isNumber))

const isFigures = shape<Figures>({
  instanceId: isText,
  startedAt: isNumber,
  state: isText,
  notReady: isTextOrAbsent,
  gauges: shape<Gauges>({
    ready: isNumber,
    inFlight: shape<Gauges['inFlight']>({ default: isNumber, fallback: isNumber }),
    byState: each(isNumber),
  }),
  transitions: each(each(isNumber)),
  circuits: each(isCircuit),
  accepted: isNumber,
  refused: isNumber,
  rejected: isNumber,
  parked: isNumber,
  processors: shape<Figures['processors']>({
    default: isProcessorCounted,
    fallback: isProcessorCounted,
  }),
  acceptMs: isDurations,
  settleMs: isDurations,
})

/** Counts facts as they are emitted: cheap enough to run whether somebody watches or not. */
export interface Counters {
  readonly telemetry: Telemetry
  /** Takes the time from a decoded payment to its answer, µs. */
  readonly latency: { record(us: number): void }
  readonly recentPayments: RecentPayments
  readonly recentEvents: RecentEvents
  readonly outages: OutageNotes
  counted(): Counted
}

type Mutable<Value> = { -readonly [Key in keyof Value]: Mutable<Value[Key]> }
type Numbers = Mutable<Omit<Counted, 'acceptMs' | 'refused' | 'settleMs'>>

/** @param refused posts answered 503 since the start: the payment port counts them. */
export function createCounters(refused: () => number): Counters {
  const accepts = createDurationCounter()
  const settlements = createDurationCounter()
  const recentPayments = createRecentPayments()
  const recentEvents = createRecentEvents()
  const outages = createOutageNotes()
  const numbers = nothing()
  return {
    recentPayments,
    recentEvents,
    outages,
    latency: { record: (us) => accepts.record(us / 1000) },
    telemetry: {
      emit(fact) {
        count(numbers, fact)
        if (fact.type === 'payment.settled') settlements.record(fact.tookMs)
        recentPayments.note(fact)
        recentEvents.note(fact)
        outages.note(fact)
      },
    },
    counted: () => ({
      ...structuredClone(numbers),
      refused: refused(),
      acceptMs: accepts.counts(),
      settleMs: settlements.counts(),
    }),
  }
}

function nothing(): Numbers {
  const processor = () => ({ settled: 0, settledCents: 0, failedAttempts: 0 })
  const processors = { default: processor(), fallback: processor() }
  return { accepted: 0, rejected: 0, parked: 0, processors }
}

function count(numbers: Numbers, fact: Fact): void {
  if (fact.type === 'batch.recorded') {
    for (const name of ['default', 'fallback'] as const) {
      numbers.processors[name].settled += fact.settled[name].payments
      numbers.processors[name].settledCents += fact.settled[name].cents
    }
  } else if (fact.type === 'batch.accepted') numbers.accepted += fact.accepted
  else if (fact.type === 'attempt.ended') {
    // A settlement comes here when its payment has left this instance meanwhile.
    if (fact.outcome !== 'settled') numbers.processors[fact.processor].failedAttempts += 1
  } else if (fact.type === 'payment.parked') numbers.parked += 1
  else if (fact.type === 'payment.rejected') numbers.rejected += 1
}

/** Counts by bucket: an array of pairs, only those that are not empty. */
export type DurationCounts = readonly (readonly [bucket: number, count: number])[]

export interface DurationCounter {
  /** ms; anything below 10 µs counts as that. */
  record(durationMs: number): void
  counts(): DurationCounts
}

/** Buckets per doubling: each is 9 % wide, which is the error of a percentile at most. */
const PER_DOUBLING = 8
const LEAST_MS = 0.01
/** Bounds from 10 µs to 3 hours. */
const BUCKETS = 240

export function createDurationCounter(): DurationCounter {
  const counts = new Float64Array(BUCKETS)
  return {
    record(durationMs) {
      const bucket = Math.floor(Math.log2(Math.max(LEAST_MS, durationMs) / LEAST_MS) * PER_DOUBLING)
      const index = Math.min(BUCKETS - 1, bucket)
      const count = counts[index]
      assert(count !== undefined, 'each duration has a bucket')
      counts[index] = count + 1
    },
    counts: () => [...counts.entries()].filter(([, count]) => count > 0),
  }
}

/** What was counted in `later` and not yet in `earlier`; all of a counter that began anew. */
export function countsSince(later: DurationCounts, earlier: DurationCounts): DurationCounts {
  const before = new Map(earlier)
  return later.flatMap(([bucket, count]) => {
    const added = count - (before.get(bucket) ?? 0)
    return added > 0 ? [[bucket, added] as const] : []
  })
}

export function addedCounts(all: readonly DurationCounts[]): DurationCounts {
  const sums = new Map<number, number>()
  for (const [bucket, count] of all.flat()) sums.set(bucket, (sums.get(bucket) ?? 0) + count)
  return [...sums].sort(([a], [b]) => a - b)
}

/** Upper end of the bucket that holds this share, 0 to 1, of all; ms. Undefined without any. */
export function percentileMs(counts: DurationCounts, share: number): number | undefined {
  const total = counts.reduce((sum, [, count]) => sum + count, 0)
  let left = total * share
  for (const [bucket, count] of counts) {
    left -= count
    if (left <= 0) return LEAST_MS * 2 ** ((bucket + 1) / PER_DOUBLING)
  }
  return undefined
}
