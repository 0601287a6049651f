// What could be earned by knowing the schedule beforehand: the bound that earnings are shares of.

import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type { Stage } from '../challenge/stages.ts'

export interface OracleQuestion {
  readonly stages: readonly Stage[]
  /** When what is not settled counts as lost, ms from the start of the load. */
  readonly endMs: number
  /** Share of the amount that each processor keeps, 0 to 1. */
  readonly fees: Readonly<Record<ProcessorName, number>>
}

/**
 * Share of its amount, 0 to 1, that a payment accepted at `acceptedMs` can bring at best: it may
 * wait as long as it likes, every instant is known, and processors take any number at a time.
 */
export function bestShare(question: OracleQuestion, acceptedMs: number): number {
  const { fees } = question
  const cheaper = fees.default <= fees.fallback ? 'default' : 'fallback'
  const dearer = cheaper === 'default' ? 'fallback' : 'default'
  if (canSettle(question, cheaper, acceptedMs)) return 1 - fees[cheaper]
  return canSettle(question, dearer, acceptedMs) ? 1 - fees[dearer] : 0
}

/**
 * Whether a request sent at `fromMs` or later is recorded before the end. The delay is the one at
 * its arrival, the failure switch counts after that delay, as in the processors' source.
 */
function canSettle(
  { stages, endMs }: OracleQuestion,
  name: ProcessorName,
  fromMs: number,
): boolean {
  const spans = spansOf(stages, endMs)
  return spans.some((sent) => {
    const { delayMs } = sent.stage[name]
    return spans.some((landed) => {
      if (landed.stage[name].failing) return false
      const earliest = Math.max(fromMs, sent.from, landed.from - delayMs)
      return earliest < Math.min(sent.until, landed.until - delayMs)
    })
  })
}

interface Span {
  readonly stage: Stage
  readonly from: number
  readonly until: number
}

/** Before the first stage nothing is wrong with either processor. */
function spansOf(stages: readonly Stage[], endMs: number): readonly Span[] {
  const calm = { delayMs: 0, failing: false }
  const all = [{ atSecond: 0, default: calm, fallback: calm }, ...stages]
  return all.map((stage, index) => {
    const next = all[index + 1]?.atSecond ?? Number.POSITIVE_INFINITY
    return { stage, from: stage.atSecond * 1000, until: Math.min(endMs, next * 1000) }
  })
}
