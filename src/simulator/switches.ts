// What operators switch: delay, failure, token and faults. One set per simulator.

import type { Clock } from './clock.ts'
import { NO_FAULTS, type ChargeFaultKind, type Fault, type Faults } from './faults.ts'
import type { LookUpFaultKind } from './faults.ts'
import { seededRandom } from './seeded-random.ts'

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

  /** Starts the generators and the flapping anew, the flapping with a good period. */
  set faults(faults: Faults) {
    this.#faults = faults
    this.#flapsSince = this.#clock.now()
    // One generator each: look-ups do not change which charges meet a fault.
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
