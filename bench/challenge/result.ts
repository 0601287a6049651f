// What a run found, as it is written in JSON, and what it means.

import type { FailureCause } from '../load/connection.ts'
import type { LatencyReport } from '../load/histogram.ts'
import type { SelfReport } from '../load/self-watch.ts'
import type { SecondReport } from '../load/tally.ts'
import type { WeightName } from '../load/weight.ts'
import type { Check } from './checks.ts'
import type { Score } from './score.ts'
import type { Settlement } from './settle.ts'

export interface ChallengeResult extends Score {
  /** Length of the load, s, and users at its end. */
  readonly seconds: number
  readonly users: number
  /** Weight of the load generator. */
  readonly weight: WeightName
  /** By the challenge's formula, in payments, over all checks. */
  readonly inconsistencies: number
  /** Checks in which the books differ at a processor, in count or in cents, or went unanswered. */
  readonly disagreeingChecks: number
  /** Payments answered with a 2xx, and all others by status or cause. */
  readonly accepted: number
  readonly failed: number
  readonly failuresByStatus: Readonly<Record<string, number>>
  /** Latency of all successful requests; `p99Ms` is taken from here. */
  readonly latency: LatencyReport
  /** Latency of the successful payments alone. */
  readonly paymentLatency: LatencyReport
  /** The payments second by second, to see when it was slow. */
  readonly bySecond: readonly SecondReport[]
  /** The load generator itself: latencies below its own delay are not to be trusted. */
  readonly generator: SelfReport
  readonly checks: readonly Check[]
  readonly settlement: Settlement
}

/** What is wrong with a result, a sentence each; nothing when Pit kept its promises. */
export function findFaults(result: ChallengeResult): readonly string[] {
  const { settlement, checks } = result
  const faults: string[] = []
  if (result.accepted === 0) faults.push('no payment was accepted')
  if (result.inconsistencies > 0) faults.push(`${result.inconsistencies} inconsistencies`)
  if (result.disagreeingChecks > 0) {
    faults.push(`${result.disagreeingChecks} of ${checks.length} checks disagree`)
  }
  if (result.disqualified) faults.push(`disqualified: lag ${result.lag}`)
  if (settlement.lost > 0) faults.push(`${settlement.lost} accepted payments are lost`)
  if (settlement.surplus > 0) faults.push(`${settlement.surplus} settled but never requested`)
  if (!settlement.booksEqual) faults.push('the books differ over everything')
  if (settlement.differingWindows.length > 0) {
    faults.push(`${settlement.differingWindows.length} windows still differ at the end`)
  }
  return faults
}

/** A check's finding in one line, Pit's figures minus the processors'. */
export function describeCheck(check: Check): string {
  if (check.agree) return 'the books agree'
  if (check.unanswered.length > 0) return `no answer from ${check.unanswered.join(', ')}`
  const { default: byDefault, fallback } = check.difference
  return (
    `pit minus processors: default ${byDefault.payments} payments, ${byDefault.cents} cents; ` +
    `fallback ${fallback.payments} payments, ${fallback.cents} cents`
  )
}

/** The result for a terminal: one aligned line a figure. */
export function formatResult(result: ChallengeResult): string {
  const { settlement, latency, generator } = result
  const { default: byDefault, fallback } = settlement.books.pit
  const faults = findFaults(result)
  return [
    `score          ${money(result.score)}${result.disqualified ? ' (disqualified)' : ''}`,
    `  gross        ${money(result.gross)}`,
    `  fees         ${money(result.fees)}`,
    `  profit       ${money(result.profit)}`,
    `  bonus        ${percent(result.bonus)} (p99 ${result.p99Ms} ms)`,
    `  fine         ${percent(result.fine)} (${result.inconsistencies} inconsistencies)`,
    `accepted       ${result.accepted}, lag ${result.lag}`,
    `failed         ${result.failed}`,
    ...formatFailures(result.failuresByStatus),
    `latency        p50 ${ms(latency.p50Ms)}, p90 ${ms(latency.p90Ms)}, ` +
      `p99 ${ms(latency.p99Ms)}, max ${ms(latency.maxMs)}`,
    `generator      own delay p99 ${ms(generator.delayP99Ms)}, max ${ms(generator.delayMaxMs)}; ` +
      `${generator.cpuShare} CPU`,
    `checks         ${result.checks.length}, ${result.disagreeingChecks} disagreeing`,
    `settled        ${settlement.settled} after ${ms(settlement.tookMs)}: ` +
      `default ${byDefault.payments}, fallback ${fallback.payments}; lost ${settlement.lost}`,
    `books          ${describeCheck(settlement.books)}; ` +
      `${settlement.differingWindows.length} of ${settlement.windows} windows differ`,
    faults.length === 0 ? 'fine' : `FAULTS: ${faults.join('; ')}`,
  ].join('\n')
}

/** A line for each kind, the most frequent first. */
function formatFailures(failures: ChallengeResult['failuresByStatus']): readonly string[] {
  return Object.entries(failures)
    .toSorted(([, one], [, other]) => other - one)
    .map(([kind, count]) => {
      const meaning = MEANINGS.get(kind) ?? ''
      return `  ${kind.padEnd(13)}${meaning === '' ? count : `${count}, ${meaning}`}`
    })
}

const MEANINGS: ReadonlyMap<string, string> = new Map([
  ['400', 'no payment'],
  ['409', 'the id is known with another amount'],
  ['429', 'a proxy lets no more through'],
  ['502', 'a proxy reaches no Pit'],
  ['503', 'Pit could not commit it then'],
  ['504', 'Pit did not answer a proxy in time'],
  ['timeout', 'no answer in time'],
  ['refused', 'no connection'],
  ['reset', 'the connection ended before the answer'],
  ['malformed', 'an answer that is not HTTP'],
] satisfies readonly (readonly [FailureCause | `${number}`, string])[])

function money(amount: number): string {
  return amount.toFixed(2)
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`
}

function ms(value: number): string {
  return `${value.toFixed(2)} ms`
}
