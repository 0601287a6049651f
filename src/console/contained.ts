// What a bug in the console ends: the part of it that met the bug, never the process, which takes
// payments, nor an actor.

/** Takes each bug with the part of the console that it ended. */
export type OnBug = (part: string, error: unknown) => void

export interface Containment {
  readonly part: string
  readonly onBug: OnBug
}

/** The same function, which ends with its first bug: from then on it does nothing. */
export function untilItThrows<Args extends readonly unknown[]>(
  work: (...args: Args) => void,
  { part, onBug }: Containment,
): (...args: Args) => void {
  let isBroken = false
  return (...args) => {
    if (isBroken) return
    try {
      work(...args)
    } catch (error) {
      isBroken = true
      onBug(part, error)
    }
  }
}

/** Runs work again and again, never twice at the same time, until stopped or until it throws. */
export function every(
  periodMs: number,
  work: () => void | Promise<void>,
  { part, onBug }: Containment,
): () => void {
  let isBusy = false
  const run = async (): Promise<void> => {
    if (isBusy) return
    isBusy = true
    try {
      await work()
    } catch (error) {
      clearInterval(timer)
      onBug(part, error)
    }
    isBusy = false
  }
  // Nothing awaits a run: what it throws has been told.
  const timer = setInterval(() => void run(), periodMs)
  timer.unref()
  return () => clearInterval(timer)
}
