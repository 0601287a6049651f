// What a bug in the console ends: the part of it that met the bug, never the process, which takes
// payments, nor an actor.

/** Takes each bug with the part of the console that it ended. */
export type OnBug = (part: string, error: unknown) => void

export interface Containment {
  readonly part: string
  readonly onBug: OnBug
  /** Has the parts that do nothing now, because of a bug. */
  readonly broken: Set<string>
  /** How long repeated work rests after a bug, ms. */
  readonly restMs?: number
}

/** The same function, which ends with its first bug: from then on it does nothing. */
export function untilItThrows<Args extends readonly unknown[]>(
  work: (...args: Args) => void,
  { part, onBug, broken }: Containment,
): (...args: Args) => void {
  let isBroken = false
  return (...args) => {
    if (isBroken) return
    try {
      work(...args)
    } catch (error) {
      isBroken = true
      broken.add(part)
      onBug(part, error)
    }
  }
}

/** Work that is done again and again. */
export interface Repeated {
  /** Does it now; joins it where it is under way, and does nothing while it rests after a bug. */
  run(): Promise<void>
  stop(): void
}

/** How long work that threw rests before it is begun again, ms. */
const REST_MS = 60_000

/** Runs work again and again until stopped, never twice at the same time. A run never rejects. */
export function every(
  periodMs: number,
  work: () => void | Promise<void>,
  { part, onBug, broken, restMs = REST_MS }: Containment,
): Repeated {
  let running: Promise<void> | undefined
  let restsUntil = Number.NEGATIVE_INFINITY
  const once = async (): Promise<void> => {
    try {
      await work()
      broken.delete(part)
    } catch (error) {
      restsUntil = performance.now() + restMs
      broken.add(part)
      onBug(part, error)
    }
  }
  const run = (): Promise<void> => {
    if (performance.now() < restsUntil) return Promise.resolve()
    running ??= once().finally(() => (running = undefined))
    return running
  }
  // Nothing awaits a run: what it throws has been told.
  const timer = setInterval(() => void run(), periodMs)
  timer.unref()
  return { run, stop: () => clearInterval(timer) }
}
