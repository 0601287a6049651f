// How fast a backlog is worked off. Clients who wait for their commit come first: when the event
// loop or the machine falls behind, or the CPU quota is nearly spent, fewer payments are started per
// tick, and more again when there is room. A quota that is overdrawn freezes the process, so a late
// tick tells of it too late.

/** Payments started in one go; the rest follows as answers come, so that no turn is long. */
export const STARTS_AT_ONCE_MAX = 16

/** Payments that may be started per tick, at least and at most. */
export const PACE_MIN = 32
export const PACE_MAX = 512

/** A tick later than this, ms, halves the pace. */
const LATE_MS = 12

/** Share of the CPU quota above which the pace falls, and below which it may rise. */
const QUOTA_FULL = 0.9
const QUOTA_AMPLE = 0.8

/** What is left of the pace after a tick that nearly spent the quota. */
const FULL_SHARE = 0.75

/** Added to the pace by a tick on time that used more than half of it. */
const GROWTH = 2

/** What is left of the pace after a tick that did not: a backlog to come begins slowly. */
const IDLE_SHARE = 0.8

/** How the tick went that ends. */
export interface LastTick {
  /** How much later than due it ends, ms. */
  readonly lateMs: number
  /** Share of the CPU quota used in it; 0 without a quota. */
  readonly quotaUsed: number
}

export interface Pacer {
  /** Payments that may still be started in this tick. */
  readonly left: number
  /** Payments per tick at this moment. */
  readonly pace: number
  /** Counts one start. */
  spend(): void
  /** Begins the next tick. */
  tick(last: LastTick): void
}

export function createPacer(): Pacer {
  let pace = PACE_MIN
  let left = PACE_MIN
  return {
    get left() {
      return left
    },
    get pace() {
      return pace
    },
    spend() {
      left -= 1
    },
    tick(last) {
      pace = nextPace({ pace, left, last })
      left = pace
    },
  }
}

function nextPace({ pace, left, last }: { pace: number; left: number; last: LastTick }): number {
  const { lateMs, quotaUsed } = last
  const isUsed = left < pace / 2
  if (lateMs > LATE_MS) return Math.max(PACE_MIN, Math.floor(pace / 2))
  if (quotaUsed > QUOTA_FULL) return Math.max(PACE_MIN, Math.floor(pace * FULL_SHARE))
  if (isUsed) return quotaUsed < QUOTA_AMPLE ? Math.min(PACE_MAX, pace + GROWTH) : pace
  return Math.max(PACE_MIN, Math.floor(pace * IDLE_SHARE))
}
