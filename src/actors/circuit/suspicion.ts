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
  let suspects: string[] = []
  return {
    settled() {
      if (suspects.length > 0) suspects = []
    },
    blames(correlationId) {
      const isRun = suspects.length >= SUSPECTS_MAX
      if (!isRun && !suspects.includes(correlationId)) suspects.push(correlationId)
      return suspects.length >= SUSPECTS_MAX
    },
  }
}
