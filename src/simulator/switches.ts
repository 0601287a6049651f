// What operators switch: delay, failure, token and faults.

import type { Clock } from './clock.ts'
import {
  type ChargeFaultKind,
  type Fault,
  type Faults,
  type LookUpFaultKind,
  NO_FAULTS,
} from './faults.ts'

export class Switches {
  /** Wait of each charge, ms. */
  delayMs = 0
  /** Whether the failure switch is on; see `failing` for what callers meet. */
  failure = false
  /** Value of `X-Rinha-Token` that opens `/admin/*`. */
  token: string

  readonly #clock: Clock
  #faults: Faults = NO_FAULTS
  #flapsSince = 0
  #chargeRandom = seededRandom(0)
  #lookUpRandom = seededRandom(0)

  constructor(clock: Clock, token: string) {
    this.#clock = clock
    this.token = token
  }

  get faults(): Faults {
    return this.#faults
  }

  /** Restarts the generators and the flapping, which begins with a good period. */
  set faults(faults: Faults) {
    this.#faults = faults
    this.#flapsSince = this.#clock.now()
    // A generator for each: look-ups do not change which charges meet a fault.
    this.#chargeRandom = seededRandom(faults.seed)
    this.#lookUpRandom = seededRandom(faults.seed ^ 0x5bd1_e995)
  }

  /** Whether charges are answered 500 now. */
  get failing(): boolean {
    const { flapMs } = this.#faults
    if (this.failure || flapMs === null) return this.failure
    return Math.floor((this.#clock.now() - this.#flapsSince) / flapMs) % 2 === 1
  }

  /** The fault that the next charge meets, if any. */
  drawChargeFault(): Fault<ChargeFaultKind> | undefined {
    return draw(this.#faults.charge, this.#chargeRandom)
  }

  /** The fault that the next look-up meets, if any. */
  drawLookUpFault(): Fault<LookUpFaultKind> | undefined {
    return draw(this.#faults.lookUp, this.#lookUpRandom)
  }
}

function draw<Kind extends string>(
  faults: readonly Fault<Kind>[],
  random: () => number,
): Fault<Kind> | undefined {
  if (faults.length === 0) return undefined
  let left = random()
  for (const fault of faults) {
    // At a share of 1 it is certain: the generator stays below 1.
    if (left < fault.share) return fault
    left -= fault.share
  }
  return undefined
}

/**
 * A generator of pseudo-random numbers from 0 to below 1 that a seed reproduces (mulberry32);
 * `seed` is taken modulo 2^32. Not for secrets.
 */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
