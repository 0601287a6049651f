// What a study found, by variant and schedule. Pure.

import type { Environment } from '../../src/config/config.ts'
import type { Played, StudyRequest } from './study.ts'

export interface VariantResult {
  readonly environment: Environment
  /** Earned per schedule, in percent of the oracle's profit, over all its runs. */
  readonly percent: Readonly<Record<string, number>>
  /** Payments not settled at the end, in percent of those accepted, over all schedules. */
  readonly unsettledPercent: number
  readonly mean: number
  readonly worst: number
}

export function resultsOf(
  { variants, schedules }: StudyRequest,
  played: readonly Played[],
): readonly VariantResult[] {
  return variants.map(({ environment }, variant) => {
    const own = played.filter((each) => each.variant === variant)
    const percents = schedules.map(({ name }, schedule) => {
      return [name, percentOf(own.filter((each) => each.schedule === schedule))] as const
    })
    const values = percents.map(([, value]) => value)
    const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
    return {
      environment,
      percent: Object.fromEntries(percents),
      unsettledPercent: unsettledOf(own),
      mean,
      worst: Math.min(...values),
    }
  })
}

function percentOf(played: readonly Played[]): number {
  const earned = sumOf(played, ({ earnings }) => earnings.profit)
  const best = sumOf(played, ({ earnings }) => earnings.bestProfit)
  return best === 0 ? 100 : (100 * earned) / best
}

function unsettledOf(played: readonly Played[]): number {
  const accepted = sumOf(played, ({ earnings }) => earnings.accepted)
  const settled = sumOf(played, ({ earnings: { settled } }) => {
    return settled.default.payments + settled.fallback.payments
  })
  return accepted === 0 ? 0 : (100 * (accepted - settled)) / accepted
}

function sumOf(played: readonly Played[], figure: (each: Played) => number): number {
  return played.reduce((sum, each) => sum + figure(each), 0)
}
