// The failure rate over a short rolling window, as a value: counts of the current half and the one
// before it, so that the window slides without keeping single attempts.

export interface AttemptWindow {
  /** Monotonic start of the current half, ms. */
  readonly startedAt: number
  readonly current: AttemptCounts
  readonly previous: AttemptCounts
}

export interface AttemptCounts {
  readonly calls: number
  readonly failures: number
  /** Refused as one too many, which are no failures. */
  readonly limited: number
  /** What the latest failures said, the latest last; at most `DETAILS_KEPT_MAX`. */
  readonly details: readonly string[]
}

/** One attempt, seen as evidence for or against its processor. */
export interface Evidence {
  readonly failed: boolean
  /** Whether it failed as one too many at a time only. */
  readonly isLimited?: boolean
  /** What the processor or the network said, as in `Attempt`. */
  readonly detail: string
  /** Monotonic instant of the answer, ms. */
  readonly at: number
}

const NONE: AttemptCounts = { calls: 0, failures: 0, limited: 0, details: [] }

/** Failures whose details are kept. */
const DETAILS_KEPT_MAX = 10

/** A window without evidence, starting at `at` (monotonic, ms). */
export function emptyWindow(at: number): AttemptWindow {
  return { startedAt: at, current: NONE, previous: NONE }
}

/** The window with one more attempt. `windowMs` is the length of both halves together. */
export function withEvidence(
  window: AttemptWindow,
  evidence: Evidence,
  windowMs: number,
): AttemptWindow {
  const { isLimited = false } = evidence
  const { startedAt, current, previous } = slideTo(window, evidence.at, windowMs)
  return {
    startedAt,
    previous,
    current: {
      calls: current.calls + 1,
      failures: current.failures + (evidence.failed && !isLimited ? 1 : 0),
      limited: current.limited + (isLimited ? 1 : 0),
      details: evidence.failed ? latest([...current.details, evidence.detail]) : current.details,
    },
  }
}

/** What the latest failures in the window said, the latest last. */
export function failureDetailsOf({ previous, current }: AttemptWindow): readonly string[] {
  return latest([...previous.details, ...current.details])
}

function latest(details: readonly string[]): readonly string[] {
  return details.slice(-DETAILS_KEPT_MAX)
}

/**
 * Calls in the window and the shares of them, 0 to 1, that failed and that were too many; as if so many
 * `more` were answered well.
 */
export function ratesOf(
  { current, previous }: AttemptWindow,
  more = 0,
): {
  readonly calls: number
  readonly failureRate: number
  readonly limitedRate: number
} {
  const calls = current.calls + previous.calls + more
  if (calls === 0) return { calls, failureRate: 0, limitedRate: 0 }
  const failureRate = (current.failures + previous.failures) / calls
  return { calls, failureRate, limitedRate: (current.limited + previous.limited) / calls }
}

function slideTo(window: AttemptWindow, at: number, windowMs: number): AttemptWindow {
  const halfMs = windowMs / 2
  const elapsedMs = at - window.startedAt
  if (elapsedMs < halfMs) return window
  if (elapsedMs >= windowMs) return emptyWindow(at)
  return { startedAt: window.startedAt + halfMs, current: NONE, previous: window.current }
}
