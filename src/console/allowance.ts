// So many a second of each kind, and no more.

export interface Allowance {
  /** False once this kind has used up its second. */
  take(kind: string): boolean
}

/** `now`: monotonic, ms. The kinds are forgotten each second, so there may be many of them. */
export function createAllowance(perSecond: number, now: () => number): Allowance {
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
