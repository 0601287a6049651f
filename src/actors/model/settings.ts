// Bounds and delays of the work on payments; all from configuration, each with its unit.

import type { RouteSettings } from './route.ts'

export interface WorkSettings {
  readonly route: RouteSettings
  /** Response time above which a charge is late, ms; undefined: by the windows that are asked. */
  readonly slowMs: number | undefined
  /** Charges in flight at once per processor. */
  readonly concurrency: number
  /** Accepted payments that may wait in memory for their turn. */
  readonly readyMax: number
  /** Look-up places of each kind: for payments in doubt at `default`, at `fallback`, at both. */
  readonly confirmingMax: number
  /** Payments in one commit, at most; the ready queue keeps places free for twice as many. */
  readonly acceptBatchMax: number
  /** Payments claimed at once from the retry queue. */
  readonly claimMax: number
  /** Tries in a round, after which a refused payment is parked. */
  readonly triesMax: number
  /** First backoff between two tries, ms; doubles, jittered. */
  readonly quickBackoffMs: number
  /** First delay in the retry queue, ms; doubles up to the maximum, jittered. */
  readonly retryDelayMs: number
  readonly retryDelayMaxMs: number
  /** Age, ms since its acceptance, below which no payment is rejected. */
  readonly rejectAfterMs: number
  /** For how long an instance tries by itself what it cannot send, or not look up, ms. */
  readonly passOnAfterMs: number
  /**
   * Time, from its dispatch, after which each look-up shows a request if it was ever recorded, ms: in
   * which it can still be written, recorded, and then missed by a look-up that lags behind.
   */
  readonly settleByMs: number
  /** How long a processor's look-up may lag behind its own record, ms. */
  readonly lookUpLagMs: number
}

/** First and longest pause between two look-ups of a payment in doubt, ms. */
export const LOOK_UP_PAUSE_MS = 50
export const LOOK_UP_PAUSE_MAX_MS = 2000

/** How often the scheduler runs while nothing else happens, ms. */
export const TICK_MS = 50

/** Share by which a clock may run faster than those of others, 0 to 1. */
export const CLOCK_DRIFT = 0.05

/**
 * How long to wait by this machine's clock so that `durationMs` have passed by anybody's, whole ms.
 * Only what may happen on another machine is waited out so; other delays need not be exact.
 */
export function outlasting(durationMs: number): number {
  return Math.ceil(durationMs * (1 + CLOCK_DRIFT))
}

/** Half to one and a half times a delay, never above `maxMs`; `random` gives 0 to 1. */
export function jittered(
  { delayMs, maxMs }: { readonly delayMs: number; readonly maxMs: number },
  random: () => number,
): number {
  const leastMs = delayMs / 2
  return leastMs + random() * (Math.min(maxMs, leastMs + delayMs) - leastMs)
}

/** Grows from `firstMs` by steps, jittered, up to `maxMs`. */
export function backoff(
  { firstMs, step, maxMs }: { firstMs: number; step: number; maxMs: number },
  random: () => number,
): number {
  return jittered({ delayMs: doubled(firstMs, step, maxMs), maxMs }, random)
}

/** `first × 2^step`, at most `max`, however many steps; `first` is above 0. */
export function doubled(first: number, step: number, max: number): number {
  return Math.min(max, first * 2 ** step)
}
