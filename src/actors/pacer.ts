// How fast a backlog is worked off. Clients who wait for their commit come first: when the event
// loop or the machine falls behind, fewer payments are started per tick, and more again when it
// keeps up. A quota that freezes the process shows here as a late tick.

/** Payments started in one go; the rest follows as answers come, so that no turn is long. */
export const STARTS_AT_ONCE_MAX = 16

/** Payments that may be started per tick, at least and at most. */
export const PACE_MIN = 32
export const PACE_MAX = 512

/** A tick later than this, ms, halves the pace. */
const LATE_MS = 12

/** Added to the pace by a tick on time that used more than half of it. */
const GROWTH = 2

/** What is left of the pace after a tick that did not: a backlog to come begins slowly. */
const IDLE_SHARE = 0.8

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
    tick(lateMs) {
      pace = nextPace({ pace, left, lateMs })
      left = pace
    },
  }
}

function nextPace({ pace, left, lateMs }: { pace: number; left: number; lateMs: number }): number {
  const isUsed = left < pace / 2
  if (lateMs > LATE_MS) return Math.max(PACE_MIN, Math.floor(pace / 2))
  if (isUsed) return Math.min(PACE_MAX, pace + GROWTH)
  return Math.max(PACE_MIN, Math.floor(pace * IDLE_SHARE))
}
