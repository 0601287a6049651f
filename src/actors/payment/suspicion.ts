// Answers that blame a payment, a 400 or a 422 to what was never sent there: one says something
// about its payment, a run of them over different payments says it about the processor.

/** Payments without a settlement in between from which on a run is the processor's failure. */
export const SUSPECTS_MAX = 5

export interface Suspicion {
  /** A settlement ends the run. */
  settled(): void
  /** Takes one such answer; whether it is the processor's failure by now. */
  blames(correlationId: string): boolean
}

export function createSuspicion(): Suspicion {
  const suspects = new Set<string>()
  return {
    settled() {
      suspects.clear()
    },
    blames(correlationId) {
      if (suspects.size < SUSPECTS_MAX) suspects.add(correlationId)
      return suspects.size === SUSPECTS_MAX
    },
  }
}
