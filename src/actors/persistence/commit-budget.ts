// How densely commits may follow on each other. Each costs the database more than a further payment
// in it does, so that beyond a rate more is gained by spacing them out than by committing at once.

/** Share of a second's commits that may be made as fast as they come, after a quiet time. */
const BURST_SHARE = 0.1

/**
 * Counts a commit that begins at `now` (monotonic, ms). The answer is the time to leave between its
 * end and the next, ms: 0 while commits are no more than so many a second.
 */
export type CommitBudget = (now: number) => number

export function createCommitBudget(perSecond: number): CommitBudget {
  const burst = perSecond * BURST_SHARE
  const spacingMs = 1000 / perSecond
  let left = burst
  let lastAt = 0
  return (now) => {
    const refilled = left + ((now - lastAt) * perSecond) / 1000
    // No debt: full batches do not wait, and whoever comes after them is not to pay for it.
    left = Math.min(burst, Math.max(0, refilled)) - 1
    lastAt = now
    return left > 0 ? 0 : spacingMs
  }
}
