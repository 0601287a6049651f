// The consistency checks: one window, asked of Pit and of both processors at the same moment.

import type { Summary, TimeWindow } from '../../src/actors/model/payment.ts'
import { NO_BOOKS, booksAgree, countInconsistencies, subtractBooks } from './books.ts'
import type { BooksDifference } from './books.ts'
import type { PitEndpoint } from './pit-endpoint.ts'
import type { ProcessorAdmin } from './processor-admin.ts'
import { SCHEDULE_SECONDS } from './stages.ts'

/** Whom a check asks. */
export interface Parties {
  readonly pit: PitEndpoint
  readonly default: ProcessorAdmin
  readonly fallback: ProcessorAdmin
}

export type PartyName = keyof Parties

/** All in ms. A window reaches from `reachMs` to `lagMs` before the instant of its check. */
export interface CheckTiming {
  readonly intervalMs: number
  readonly reachMs: number
  readonly lagMs: number
}

export interface Check {
  /** ISO instants, both inclusive; absent: unbounded. */
  readonly from?: string
  readonly to?: string
  /** By the challenge's formula, in payments; who did not answer counts as having nothing. */
  readonly inconsistencies: number
  /** Whether all answered and agree per processor, in count and in cents. */
  readonly agree: boolean
  readonly difference: BooksDifference
  readonly pit: Summary
  readonly unanswered: readonly PartyName[]
}

/**
 * Every 10 s from 15 s to 1.5 s ago in a run of 60 s, and in proportion in others. Shorter runs
 * keep enough of a window to hold payments, and of a lag for Pit to learn of what was recorded;
 * longer ones keep the lag.
 */
export function scaleTiming(seconds: number): CheckTiming {
  const scale = seconds / SCHEDULE_SECONDS
  return {
    intervalMs: Math.max(10_000 * scale, 500),
    reachMs: Math.max(15_000 * scale, 3_000),
    lagMs: Math.min(Math.max(1_500 * scale, 500), 1_500),
  }
}

/** Never rejects: who does not answer is named in the check. */
export async function checkWindow(parties: Parties, window: TimeWindow): Promise<Check> {
  const [pit, byDefault, byFallback] = await Promise.all([
    parties.pit.readSummary(window),
    parties.default.readBooks(window),
    parties.fallback.readBooks(window),
  ])
  const summary = pit ?? { default: NO_BOOKS, fallback: NO_BOOKS }
  const difference = subtractBooks(summary, {
    default: byDefault ?? NO_BOOKS,
    fallback: byFallback ?? NO_BOOKS,
  })
  const answers = { pit, default: byDefault, fallback: byFallback }
  const names: readonly PartyName[] = ['pit', 'default', 'fallback']
  const unanswered = names.filter((name) => answers[name] === undefined)
  return {
    ...(window.from === undefined ? {} : { from: new Date(window.from).toISOString() }),
    ...(window.to === undefined ? {} : { to: new Date(window.to).toISOString() }),
    inconsistencies: countInconsistencies(difference),
    agree: unanswered.length === 0 && booksAgree(difference),
    difference,
    pit: summary,
    unanswered,
  }
}

/** The window of a check made at `now`, epoch ms. */
export function windowAt(now: number, timing: CheckTiming): TimeWindow {
  return { from: now - timing.reachMs, to: now - timing.lagMs }
}
