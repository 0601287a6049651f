// The challenge's arithmetic. Pure; the rules stand in the load script's closing summary.

import type { ProcessorName, Summary } from '../../src/actors/model/payment.ts'

export interface ScoreInput {
  /** Payments answered 200, 201, 202 or 204. */
  readonly accepted: number
  /** What Pit's summary says of the final window; what still waits is not in it. */
  readonly settled: Summary
  /** Share of the amount, as each processor states it: 0.05 is 5 %. */
  readonly feeRates: Readonly<Record<ProcessorName, number>>
  /** Over all successful requests of the run, ms, not yet rounded. */
  readonly p99Ms: number
  /** Sum over all checks, in payments. */
  readonly inconsistencies: number
}

/** Money in decimal units, rounded to cents at the very end only. */
export interface Score {
  readonly gross: number
  readonly fees: number
  readonly profit: number
  /** Rounded to 0.01 ms. */
  readonly p99Ms: number
  /** Share of the profit added. */
  readonly bonus: number
  /** Share of the profit taken. */
  readonly fine: number
  readonly score: number
  /** The same with the bonus rounded to whole percents, as late versions of the script did. */
  readonly scoreWithRoundedBonus: number
  /** Accepted minus settled; negative is more settled than requested. */
  readonly lag: number
  readonly disqualified: boolean
}

export function computeScore(input: ScoreInput): Score {
  const { settled, feeRates } = input
  const gross = (settled.default.cents + settled.fallback.cents) / 100
  const fees =
    (feeRates.default * settled.default.cents + feeRates.fallback * settled.fallback.cents) / 100
  const profit = gross - fees
  const p99Ms = roundToHundredths(input.p99Ms)
  const bonus = Math.max(0, (BONUS_BELOW_MS - p99Ms) * BONUS_PER_MS)
  const fine = input.inconsistencies > 0 ? FINE : 0
  const lag = input.accepted - settled.default.payments - settled.fallback.payments
  return {
    gross: roundToHundredths(gross),
    fees: roundToHundredths(fees),
    profit: roundToHundredths(profit),
    p99Ms,
    // (11 − 1.25) × 0.02 is not 0.195 in binary; four places are exact for a p99 of two.
    bonus: Number(bonus.toFixed(4)),
    fine,
    score: roundToHundredths(profit + profit * bonus - profit * fine),
    scoreWithRoundedBonus: roundToHundredths(
      profit + profit * roundToHundredths(bonus) - profit * fine,
    ),
    lag,
    disqualified: lag < 0,
  }
}

/** Half up; the small nudge takes back what binary fractions lose (0.195 → 0.2, not 0.19). */
function roundToHundredths(value: number): number {
  return Math.round(value * 100 + Math.sign(value) * 1e-7) / 100
}

const BONUS_BELOW_MS = 11
const BONUS_PER_MS = 0.02
const FINE = 0.35
