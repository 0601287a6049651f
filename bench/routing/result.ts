// What a study found, by variant and schedule. Pure.

import type { Environment } from '../../src/config/config.ts'
import type { Played, StudyRequest } from './study.ts'

export interface VariantResult {
  readonly environment: Environment
  /** Score per schedule, in percent of the oracle's profit, over all its runs. */
  readonly percent: Readonly<Record<string, number>>
  /** How far below the best variant of the same schedule, in percent of that one's score. */
  readonly behind: Readonly<Record<string, number>>
  /** Schedules with an inconsistency, and those with one that routing could have avoided. */
  readonly inconsistent: readonly string[]
  readonly avoidable: readonly string[]
  /** Payments not settled at the end, in percent of those accepted, over all schedules. */
  readonly unsettledPercent: number
  readonly mean: number
  readonly worst: number
}

export function resultsOf(
  { variants, schedules }: StudyRequest,
  played: readonly Played[],
): readonly VariantResult[] {
  const names = schedules.map(({ name }) => name)
  const runsOf = (variant: number, schedule: number): readonly Played[] =>
    played.filter((each) => each.variant === variant && each.schedule === schedule)
  const percents = variants.map((_, variant) =>
    names.map((_, schedule) => percentOf(runsOf(variant, schedule))),
  )
  const best = names.map((_, schedule) => Math.max(...percents.map((own) => own[schedule] ?? 0)))
  return variants.map(({ environment }, variant) => {
    const values = percents[variant] ?? []
    const keyed = (figure: (value: number, schedule: number) => number) =>
      Object.fromEntries(values.map((value, at) => [names[at], figure(value, at)]))
    const namesWith = (figure: (each: Played) => number): readonly string[] =>
      names.filter((_, schedule) => sumOf(runsOf(variant, schedule), figure) > 0)
    return {
      environment,
      percent: keyed((value) => value),
      behind: keyed((value, at) => behind(value, best[at] ?? value)),
      inconsistent: namesWith(({ earnings }) => earnings.inconsistencies),
      avoidable: namesWith(({ earnings }) => earnings.avoidable),
      unsettledPercent: unsettledOf(played.filter((each) => each.variant === variant)),
      mean: values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length),
      worst: Math.min(...values),
    }
  })
}

function behind(value: number, best: number): number {
  return best <= 0 ? 0 : (100 * (best - value)) / best
}

function percentOf(played: readonly Played[]): number {
  const earned = sumOf(played, ({ earnings }) => earnings.score)
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
