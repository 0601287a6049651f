// What `pit reconcile` prints.

import { formatCents } from '../actors/model/money.ts'
import type { ProcessorTotal } from '../actors/model/payment.ts'
import type { Span } from './books.ts'
import type { Difference } from './narrow.ts'
import { NARROWED_MAX } from './narrow.ts'
import type { Comparison, Culprit, Spot } from './reconcile.ts'

/** The comparison with each processor in a line, and below it where and why they differ. */
export function describeComparisons(comparisons: readonly Comparison[]): string {
  return comparisons.flatMap(describeComparison).join('\n')
}

function describeComparison(comparison: Comparison): readonly string[] {
  const { processor, pit, recorded, difference, spots } = comparison
  const verdict = spots.length === 0 && difference.payments === 0 && difference.cents === 0
  const sums = `Pit ${describeTotal(pit)}, processor ${describeTotal(recorded)}`
  if (verdict) return [`${processor}: equal; ${sums}`]
  return [
    `${processor}: Pit has ${describeDifference(difference)}; ${sums}`,
    ...spots.flatMap(describeSpot),
    ...(spots.length >= NARROWED_MAX ? [`  and perhaps more: the first ${NARROWED_MAX} only`] : []),
  ]
}

function describeSpot({ span, difference, culprits }: Spot): readonly string[] {
  const line = `  ${describeSpan(span)}: Pit has ${describeDifference(difference)}`
  if (span.from < span.to) return [`${line}, though each half agrees: a running total is wrong`]
  if (culprits === undefined) return [line]
  if (culprits.length === 0) return [line, `    ${NOBODY}`]
  return [line, ...culprits.map((culprit) => `    ${describeCulprit(culprit)}`)]
}

const NOBODY = 'no payment that Pit knows accounts for it: somebody else may pay there, too'

function describeCulprit({ suspect, recorded }: Culprit): string {
  const { correlationId, amountCents, state, processor, requestedAt } = suspect
  const where = requestedAt === undefined ? '' : ` at ${processor} requested ${print(requestedAt)}`
  const theirs =
    recorded === undefined
      ? 'the processor does not know it'
      : `the processor has ${amountOf(recorded.amountCents)} requested ${print(recorded.requestedAt)}`
  return `${correlationId}: Pit has ${formatCents(amountCents)} ${state}${where}, ${theirs}`
}

function amountOf(cents: number | undefined): string {
  return cents === undefined ? 'fractions of a cent' : formatCents(cents)
}

function describeTotal({ payments, cents }: ProcessorTotal): string {
  return `${payments} payments of ${formatCents(cents)}`
}

function describeDifference({ payments, cents }: Difference): string {
  const signed = (value: number, text: string): string => `${value < 0 ? '-' : '+'}${text}`
  const count = signed(payments, String(Math.abs(payments)))
  return `${count} payments, ${signed(cents, formatCents(Math.abs(cents)))}`
}

function describeSpan({ from, to }: Span): string {
  return from === to ? print(from) : `${print(from)} to ${print(to)}`
}

function print(instant: number): string {
  return new Date(instant).toISOString()
}
