// What `pit reconcile` prints: a line for each finding, and a verdict.

import { formatCents } from '../actors/model/money.ts'
import type { ProcessorName } from '../actors/model/payment.ts'
import type { BookTotal, DifferingBucket } from '../infra/postgres/row-sums.ts'
import { JOINED_MS } from '../infra/postgres/summaries.ts'
import type { ProcessorPayment } from '../infra/processor/books.ts'
import { counted, printCents, printInstant } from './command-line.ts'
import type { Comparison, Discrepancy, Emptied, Finding, Mismatch } from './comparison.ts'
import { DIFFERING_MAX, type DifferingSpan } from './differing-spans.ts'
import { add, isDifferent, subtract, type Span } from './pit-books.ts'
import type { PitPayment } from './pit-payments.ts'
import { LEVELS, type RowsGone } from './rows-and-totals.ts'

/** @param recorded what the processor has in that second; undefined for a wider bucket. */
export function describeBucket(bucket: DifferingBucket, recorded: BookTotal | undefined): string {
  const { level, at, widthMs, added, told } = bucket
  const name = level === 0 && widthMs === JOINED_MS ? 'ten seconds' : LEVELS[level]
  const where = `${processorOf(bucket) ?? `processor ${bucket.processor}`} ${printInstant(at)}`
  const sums = `totals ${describeTotal(told)}`
  if (recorded === undefined) {
    const narrower = LEVELS[level - 1]
    const parts = narrower === undefined ? 'rows' : `its ${narrower}s`
    return `${where}, ${name}: ${parts} ${describeTotal(added)}, ${sums}: ${WRONG_TOTAL}`
  }
  const three = `rows ${describeTotal(added)}, ${sums}, processor ${describeTotal(recorded)}`
  return `${where}, ${name}: ${three}: ${judge(bucket, recorded)}`
}

export function processorOf({ processor }: DifferingBucket): ProcessorName | undefined {
  if (processor === 1) return 'default'
  return processor === 2 ? 'fallback' : undefined
}

/** The whole of a bucket. */
export function spanOf({ at, widthMs }: DifferingBucket): Span {
  return { from: at, to: at + widthMs - 1 }
}

const WRONG_TOTAL = 'a running total is wrong'

/** Two of three books that agree are believed. */
function judge({ added, told }: DifferingBucket, recorded: BookTotal): string {
  if (!isDifferent(subtract(added, recorded))) return WRONG_TOTAL
  if (isDifferent(subtract(told, recorded))) return 'all three differ'
  if (added.payments < told.payments) return 'a row was deleted or altered'
  return added.payments > told.payments ? 'a row was added or altered' : 'a row was altered'
}

/** Totals that differ from a processor's while the rows do not. */
export function describeWrongTotal(
  { span, difference }: DifferingSpan,
  processor: ProcessorName,
): string {
  const has = `Pit’s totals have ${describeDifference(difference)}`
  return `${processor} ${describeSpan(span)}: ${has}, its rows have not: ${WRONG_TOTAL}`
}

export function describeRowsGone({ before, totals, why }: RowsGone): string {
  const what = describeTotal(add(totals.default, totals.fallback))
  const line = `before ${printInstant(before)}: the totals have ${what}`
  if (why === 'archived') return `${line}, and payments_archive has just those`
  if (why === 'dropped') return `${line}, and these days are dropped: no payment is looked at`
  if (why === 'said') return `${line}; rows are not looked for`
  return `${line}, and there are no rows: deleted, or moved away, and then say --archived-before`
}

export function describeOutOfTime(payment: PitPayment): string {
  return `${describePayment(payment)}: no processor can be asked about that instant`
}

export function describeFinding(finding: Finding, processor: ProcessorName): readonly string[] {
  if (finding.kind === 'emptied') return [describeEmptied(finding.emptied, processor)]
  if (finding.kind === 'mismatch') return [describeMismatch(finding.mismatch)]
  return describeDiscrepancy(finding.discrepancy, processor)
}

function describeEmptied(
  { side, before, missing, asked }: Emptied,
  processor: ProcessorName,
): string {
  const until = before === undefined ? '' : ` before ${printInstant(before)}`
  const all = counted(missing.payments, 'payment')
  const were = `${asked} ${asked === 1 ? 'was' : 'were'} looked up`
  if (side === 'pit') {
    const has = `Pit has nothing of ${all} that processor ${processor} has${until}`
    const others = asked === 0 ? '' : `; of what Pit has not settled there ${were}`
    return `${has}: Pit was purged, or they are another client’s${others}`
  }
  const sample = asked === 0 ? '' : `; of them ${were}`
  const why = 'it was emptied or restarted, or never had them'
  return `processor ${processor} knows none of ${all}${until}: ${why}${sample}`
}

function describeDiscrepancy(
  { span, difference, mismatches }: Discrepancy,
  processor: ProcessorName,
): readonly string[] {
  const line = `${processor} ${describeSpan(span)}: Pit has ${describeDifference(difference)}`
  if (mismatches === undefined) return [line]
  if (mismatches.length === 0) return [line, `  ${UNEXPLAINED}`]
  return [line, ...mismatches.map((mismatch) => `  ${describeMismatch(mismatch)}`)]
}

const UNEXPLAINED =
  'no settled payment accounts for it: it is under way, its row was deleted, or another client pays there'

function describeMismatch({ payment, recorded }: Mismatch): string {
  return `${describePayment(payment)}, ${describeRecorded(recorded)}`
}

function describePayment(payment: PitPayment): string {
  const { correlationId, amountCents, state, processor, requestedAt } = payment
  const where =
    requestedAt === undefined ? '' : ` at ${processor} requested ${printInstant(requestedAt)}`
  return `${correlationId}: Pit has ${printCents(amountCents)} ${state}${where}`
}

function describeRecorded(recorded: ProcessorPayment | undefined): string {
  if (recorded === undefined) return 'the processor does not know it'
  const { amountCents, requestedAt } = recorded
  const amount = amountCents === undefined ? 'fractions of a cent' : formatCents(amountCents)
  return `the processor has ${amount} requested ${printInstant(requestedAt)}`
}

/** One line for each processor. */
export function describeComparison(comparison: Comparison): string {
  const { processor, pit, recorded, findings } = comparison
  const sums = `Pit ${describeTotal(pit)}, processor ${describeTotal(recorded)}`
  const difference = subtract(pit, recorded)
  const more = comparison.isCut ? `; the first ${DIFFERING_MAX} findings only` : ''
  if (isDifferent(difference)) {
    return `${processor}: Pit has ${describeDifference(difference)}; ${sums}${more}`
  }
  const verdict = findings === 0 ? 'equal' : `different, though the sums are equal`
  return `${processor}: ${verdict}; ${sums}${more}`
}

function describeTotal({ payments, cents }: BookTotal): string {
  return `${counted(payments, 'payment')} of ${printCents(cents)}`
}

function describeDifference({ payments, cents }: BookTotal): string {
  const plus = (value: bigint): string => (value < 0n ? '' : '+')
  return `${plus(payments)}${counted(payments, 'payment')}, ${plus(cents)}${printCents(cents)}`
}

function describeSpan({ from, to }: Span): string {
  return from === to ? printInstant(from) : `${printInstant(from)} to ${printInstant(to)}`
}
