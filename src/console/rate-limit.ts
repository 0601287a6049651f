// Limits how many things of each kind are taken in a second.

export interface RateLimit {
  /** False once this kind has used up its second. */
  take(kind: string): boolean
}

/** `now`: monotonic, ms. The kinds are forgotten each second, so there may be many of them. */
export function createRateLimit(perSecond: number, now: () => number): RateLimit {
  let second = -1
  const taken = new Map<string, number>()
  return {
    take(kind) {
      const current = Math.floor(now() / 1000)
      if (current !== second) {
        second = current
        taken.clear()
      }
      const count = taken.get(kind) ?? 0
      if (count >= perSecond) return false
      taken.set(kind, count + 1)
      return true
    },
  }
}
