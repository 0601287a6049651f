// How late an answer to a charge may come: in the time after which somebody compares the books. Who
// asks for a window that ended a second ago finds a charge that was sent before and is answered later
// at its processor and not here.

/** For how long a window that was asked says what is late, ms: books are compared again and again. */
const KEPT_MS = 60_000

/**
 * A window that ended less long ago, ms, says nothing: whatever is out is missing in it. Nor does one
 * that ended longer ago: no answer is as late.
 */
const LAG_MIN_MS = 200
const LAG_MAX_MS = 5000

/** Share of the lag in which an answer is expected to come: the rest is for its way and for pauses. */
const IN_TIME_SHARE = 0.9

export interface AskedLag {
  /** `lagMs`: how long before `now` (monotonic, ms) a window ended that is asked. */
  note(lagMs: number, now: number): void
  /** Response time above which a charge is late, ms. */
  slowMsAt(now: number): number
}

/** What is late while no window is asked, ms. */
const UNASKED_MS = 1000

/** `slowMs`: what is late whatever is asked; undefined: it depends on that. */
export function createAskedLag(slowMs: number | undefined): AskedLag {
  let shortestMs = 0
  let keptUntil = Number.NEGATIVE_INFINITY
  return {
    note(lagMs, now) {
      if (lagMs < LAG_MIN_MS || lagMs > LAG_MAX_MS) return
      if (now < keptUntil && lagMs > shortestMs) return
      shortestMs = lagMs
      keptUntil = now + KEPT_MS
    },
    slowMsAt: (now) => slowMs ?? (now < keptUntil ? shortestMs * IN_TIME_SHARE : UNASKED_MS),
  }
}
