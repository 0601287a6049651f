// How fast a backlog is worked off. Clients who wait for their commit come first: when the event
// loop or the machine falls behind, fewer payments are started per tick, and more again when it
// keeps up. A quota that freezes the process shows here as a late tick.

/** Payments started in one go; the rest follows as answers come, so that no turn is long. */
export const STARTS_AT_ONCE_MAX = 16

/** Payments that may be started per tick, at least and at most. */
export const PACE_MIN = 16
export const PACE_MAX = 512

/** A tick later than this, ms, halves the pace. */
const LATE_MS = 12

/** What is added per tick on time, as a share of the pace and as a number. */
const GROWTH_SHARE = 0.1
const GROWTH = 4

export interface Pacer {
  /** Payments that may still be started in this tick. */
  readonly left: number
  /** Payments per tick at this moment. */
  readonly pace: number
  /** Counts one start. */
  spend(): void
  /** Begins the next tick, `lateMs` after it was due. */
  tick(lateMs: number): void
}

export function createPacer(): Pacer {
  let pace = PACE_MAX
  let left = PACE_MAX
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
    tick(lateMs) {
      const next = lateMs > LATE_MS ? pace / 2 : pace * (1 + GROWTH_SHARE) + GROWTH
      pace = Math.min(PACE_MAX, Math.max(PACE_MIN, Math.floor(next)))
      left = pace
    },
  }
}
