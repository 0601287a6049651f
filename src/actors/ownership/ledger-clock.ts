// PostgreSQL's clock, measured against this process's monotonic one at each renewal and claim: a
// deadline that was stored as an instant of it is believed only while it was not set since.

import { CLOCK_DRIFT } from '../model/settings.ts'
import type { Telemetry } from '../model/facts.ts'
import type { ClaimedPayment } from '../model/payment.ts'

/** Monotonic instants before and after a call to the ledger, ms. */
export interface Period {
  readonly askedAt: number
  readonly answeredAt: number
}

/** How far PostgreSQL's clock is ahead of the monotonic one, ms: no less and no more than this. */
interface Lead {
  readonly least: number
  readonly most: number
}

const UNKNOWN: Lead = { least: Number.NEGATIVE_INFINITY, most: Number.POSITIVE_INFINITY }

export class LedgerClock {
  readonly #telemetry: Telemetry
  #lead = UNKNOWN
  #measuredAt = 0
  /** Its instant, epoch ms, at which the time began in which it was not set; before the first, none. */
  #steadySince = Number.POSITIVE_INFINITY
  /** By how much it may have been set forward unnoticed before the last measurement, ms. */
  #unnoticedMs = 0

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry
  }

  /** Takes what its clock said, epoch ms, at some moment of the period. */
  measure(ledgerNow: number, { askedAt, answeredAt }: Period): void {
    const strayMs = (answeredAt - this.#measuredAt) * CLOCK_DRIFT
    const expected = { least: this.#lead.least - strayMs, most: this.#lead.most + strayMs }
    const measured = { least: ledgerNow - answeredAt - ROUNDING_MS, most: ledgerNow - askedAt }
    const forwardMs = measured.least - expected.most
    const backMs = expected.least - measured.most
    const isFirst = this.#lead === UNKNOWN
    this.#measuredAt = answeredAt
    if (isFirst || forwardMs > 0 || backMs > 0) {
      this.#lead = measured
      this.#steadySince = ledgerNow
      this.#unnoticedMs = measured.most - measured.least
      if (!isFirst) this.#tell(forwardMs > 0 ? forwardMs : -backMs)
      return
    }
    const { least } = this.#lead
    this.#lead = {
      least: Math.max(expected.least, measured.least),
      most: Math.min(expected.most, measured.most),
    }
    this.#unnoticedMs = this.#lead.most - least
  }

  /**
   * Claims with deadlines that this process may wait out: the stored time where the clock that it
   * is reckoned by was not set since, else the whole of it again. `wholeMs`: from now on nothing
   * that was sent before can be processed later.
   */
  judged(
    claims: readonly ClaimedPayment[],
    period: Period & { readonly wholeMs: number },
  ): readonly ClaimedPayment[] {
    const [first] = claims
    if (first === undefined) return claims
    this.measure(first.claimedAt, period)
    return claims.map((claim) =>
      claim.unknownOutcomes.length === 0 ? claim : this.#judgedOne(claim, period.wholeMs),
    )
  }

  #judgedOne(claim: ClaimedPayment, wholeMs: number): ClaimedPayment {
    const { parkedAt } = claim
    const isBelieved = parkedAt !== null && parkedAt >= this.#steadySince
    const unknownOutcomes = claim.unknownOutcomes.map((unknown) => {
      const storedMs = Math.ceil(unknown.remainingMs + this.#unnoticedMs)
      return { ...unknown, remainingMs: isBelieved ? Math.min(wholeMs, storedMs) : wholeMs }
    })
    return { ...claim, unknownOutcomes }
  }

  #tell(byMs: number): void {
    this.#telemetry.emit({ type: 'clock.stepped', clock: 'ledger', byMs: Math.round(byMs) })
  }
}

/** Instants come in whole ms. */
const ROUNDING_MS = 1
