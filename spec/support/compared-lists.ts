// Pit's books and a processor's, both as plain lists, for specs of what a comparison of them finds.

import assert from 'node:assert'
import { compareWith, type Comparison, type Finding } from '../../src/operator/comparison.ts'
import type { ComparedProcessor, CompareRequest } from '../../src/operator/comparison.ts'
import type { PitBooks, Span } from '../../src/operator/pit-books.ts'
import type { PitPayment, PitRows } from '../../src/operator/pit-payments.ts'

export const HOUR_MS = 3_600_000
/** On the hour. */
export const START = Date.parse('2026-03-01T10:00:00.000Z')
export const DAY: Span = { from: START, to: START + 24 * HOUR_MS - 1 }

export interface Recorded {
  readonly correlationId: string
  readonly requestedAt: number
  readonly amountCents: number | undefined
}

/** A settled payment of 10.00, on both sides. */
export const settled = (id: string, at: number, more: Partial<PitPayment> = {}): PitPayment => ({
  correlationId: id,
  amountCents: 1000n,
  state: 'settled',
  processor: 'default',
  requestedAt: at,
  ...more,
})
export const open = (id: string): PitPayment => ({
  correlationId: id,
  amountCents: 1000n,
  state: 'open',
})
export const recorded = (
  id: string,
  at: number,
  amountCents: number | undefined = 1000,
): Recorded => ({
  correlationId: id,
  requestedAt: at,
  amountCents,
})
export const recordedAs = (payments: readonly PitPayment[]): readonly Recorded[] =>
  payments.map(({ correlationId, requestedAt = 0, amountCents }) =>
    recorded(correlationId, requestedAt, Number(amountCents)),
  )
export const many = (count: number, stepMs: number, from = START): readonly PitPayment[] =>
  Array.from({ length: count }, (_, index) => settled(`p${index}`, from + index * stepMs))

const isIn = ({ from, to }: Span, at: number | undefined): boolean =>
  at !== undefined && at >= from && at <= to

const PAGE = 50

/** Rows of a list, a page of 50 at a time. */
export function rowsOf(list: readonly PitPayment[], acceptedAt = Infinity): PitRows {
  const there = ({ processor, requestedAt }: PitPayment, name: string, span: Span): boolean =>
    processor === name && isIn(span, requestedAt)
  const instants = list.flatMap(({ requestedAt }) => requestedAt ?? []).toSorted((a, b) => a - b)
  return {
    async *settledPages({ processor, span }) {
      const found = list
        .filter((each) => there(each, processor, span))
        .toSorted((a, b) => (a.requestedAt ?? 0) - (b.requestedAt ?? 0))
      for (let at = 0; at < found.length; at += PAGE) yield found.slice(at, at + PAGE)
    },
    findCandidates: async ({ processor, at }) => [
      ...list.filter((each) => there(each, processor, { from: at, to: at })),
      ...list.filter((each) => !there(each, processor, { from: at, to: at })),
    ],
    findFirstPayment: async ({ from, to }) =>
      Math.min(to, acceptedAt, instants.find((at) => at >= from) ?? to),
    findLastSettled: async (span) => instants.findLast((at) => isIn(span, at)) ?? span.from,
    findNextSettled: async (from) => instants.find((at) => at >= from),
    findNotSettledAt: async (name) => list.filter(({ processor }) => processor !== name),
  }
}

interface Sides {
  readonly pit: readonly PitPayment[]
  readonly processor: readonly Recorded[]
}

interface Compared extends Comparison {
  readonly told: readonly Finding[]
  readonly progress: readonly number[]
  /** Ids that were looked up, in order. */
  readonly asked: readonly string[]
  /** Windows that the processor was asked to add up. */
  readonly sums: readonly Span[]
}

type Options = Partial<Omit<CompareRequest, 'tell' | 'onProgress'>>

export async function compare(sides: Sides, options: Options = {}): Promise<Compared> {
  const told: Finding[] = []
  const progress: number[] = []
  const asked: string[] = []
  const sums: Span[] = []
  const known = new Map(sides.processor.map((each) => [each.correlationId, each]))
  const processor: ComparedProcessor = {
    name: 'default',
    async total(span) {
      sums.push(span)
      return sumOf(sides.processor.filter(({ requestedAt }) => isIn(span, requestedAt)))
    },
    async findAll(payments, onAnswer) {
      for (const payment of payments) {
        asked.push(payment.correlationId)
        onAnswer(payment, known.get(payment.correlationId))
      }
    },
  }
  const comparison = await compareWith(processor, {
    span: DAY,
    pit: booksOf(sides.pit),
    rows: rowsOf(sides.pit),
    rowsFrom: START,
    grainMs: 1000,
    lookUps: 'all',
    ...options,
    tell: (finding) => told.push(finding),
    onProgress: (at) => progress.push(at),
  })
  return { ...comparison, told, progress, asked, sums }
}

function booksOf(list: readonly PitPayment[]): PitBooks {
  return {
    async sum(span) {
      const at = (name: string) =>
        sumOf(list.filter((each) => each.processor === name && isIn(span, each.requestedAt)))
      return { default: at('default'), fallback: at('fallback') }
    },
  }
}

export function sumOf(list: readonly { readonly amountCents: number | bigint | undefined }[]) {
  const cents = list.reduce((sum, { amountCents }) => sum + BigInt(amountCents ?? 0), 0n)
  return { payments: BigInt(list.length), cents }
}

/** `instant of the payment: what the processor has`, of each mismatch; others by their kind. */
export function wordsOf(told: readonly Finding[]): readonly string[] {
  return told.map((finding) => {
    if (finding.kind === 'emptied') return `emptied ${finding.emptied.side}`
    if (finding.kind === 'mismatch') return `mismatch ${finding.mismatch.payment.correlationId}`
    assert.equal(finding.kind, 'discrepancy')
    const { span, difference, mismatches } = finding.discrepancy
    const ids = mismatches?.map(({ payment }) => payment.correlationId).join('+')
    const width = span.to - span.from + 1
    return `${span.from - START}/${width}: ${difference.payments}, ${difference.cents} ${ids}`
  })
}
