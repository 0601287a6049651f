// What a load generator takes of the machine beside its requests. Pit's own takes next to nothing,
// the contest's a quarter of a core in bursts and 420 MB, and what shares two cores with that one
// waits for it.

/** Absent where a generator is as light as it can be. */
export interface Weight {
  /** Over which the users are spread: so many cores are taken at once. */
  readonly threads: number
  /** Computing for each request, µs of a core: half of it before, half after the answer. */
  readonly workUs: number
  /** Garbage for each request, KiB: half of it before, half after the answer. */
  readonly garbageKib: number
  /** Memory that is written once and kept, over all threads, MiB. */
  readonly heldMib: number
  /** For which a benchmark leaves the stack alone before the load, s: the contest does. */
  readonly restSeconds: number
}

export const WEIGHT_NAMES = ['light', 'contest'] as const
export type WeightName = (typeof WEIGHT_NAMES)[number]

/**
 * The contest's generator takes 0.24 of a core and 420 MB for 550 users, which is 0.86 ms of CPU for
 * each of 16,700 requests. These are the settings of a judge of that weight, with a thread for each
 * of two cores. What they come to: 0.50 ms of computing and 0.06 of garbage beside 0.14 for the
 * request itself, measured alone. Beside the floor with a commit, on a machine that others kept
 * busy, this generator took 0.92 ms for a request and the judge 0.82. Its latencies are not yet
 * compared with the judge's, which takes a quiet machine:
 *
 *     npm run bench:challenge -- --judge PATH --weight contest --runs 5
 *
 * Where p50, p90 or p99 of both differ by more than runs of one of them do, `workUs` is what to turn.
 */
export const WEIGHTS: Readonly<Record<WeightName, Weight | undefined>> = {
  light: undefined,
  contest: { threads: 2, workUs: 480, garbageKib: 150, heldMib: 200, restSeconds: 12 },
}

/** The burden of one thread. */
export class Burden {
  readonly #loopsPerUs = loopsPerUs()
  readonly #weight: Weight
  /** What the last requests have left behind: it outlives some collections, as theirs does. */
  readonly #garbage: unknown[] = new Array<unknown>(GARBAGE_PIECES).fill(undefined)
  readonly #held: readonly Buffer[]
  #piece = 0
  #state = 1

  constructor(weight: Weight) {
    this.#weight = weight
    const mebibytes = Math.round(weight.heldMib / weight.threads)
    this.#held = Array.from({ length: mebibytes }, () => Buffer.alloc(1024 ** 2, 1))
  }

  /** MiB that are kept. */
  get heldMib(): number {
    return this.#held.length
  }

  /** Half a request's computing and garbage. */
  carryHalf(): void {
    this.#state = spin(this.#state, (this.#weight.workUs / 2) * this.#loopsPerUs)
    for (let kib = this.#weight.garbageKib / 2; kib > 0; kib -= PIECE_KIB) {
      this.#garbage[this.#piece] = new Array<number>(PIECE_WORDS).fill(this.#state)
      this.#piece = (this.#piece + 1) % GARBAGE_PIECES
    }
  }
}

const PIECE_KIB = 10
const PIECE_WORDS = (PIECE_KIB * 1024) / 8
const GARBAGE_PIECES = 64

/** A loop and not a span of time: while others have the core, the work is still to be done. */
function spin(from: number, loops: number): number {
  let state = from
  for (let loop = 0; loop < loops; loop += 1)
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
  return state
}

/** The best of some tries: in one that others interrupted too few loops fit into its time. */
function loopsPerUs(): number {
  let best = 1
  let state = 1
  for (let attempt = 0; attempt < CALIBRATIONS; attempt += 1) {
    const startedAt = performance.now()
    state = spin(state, CALIBRATION_LOOPS)
    best = Math.max(best, CALIBRATION_LOOPS / (1000 * (performance.now() - startedAt)))
  }
  return best
}

const CALIBRATIONS = 20
/** Some 3 ms. */
const CALIBRATION_LOOPS = 2_000_000
