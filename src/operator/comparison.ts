// Compares Pit's books with a processor's, and finds the instants and the payments where they
// differ.

import { subtractCents, type Cents } from '../actors/model/money.ts'
import type { ProcessorName, ProcessorTotal } from '../actors/model/payment.ts'
import type { PostgresPool } from '../infra/postgres/pool.ts'
import type { ProcessorBooks, ProcessorPayment, BooksAnswer } from '../infra/processor/books.ts'
import { BooksUnreachable } from './failures.ts'
import { findCandidates, type PitBooks, type Span, type Candidate } from './pit-books.ts'

/** One payment that the two sides have differently. */
export interface Mismatch {
  readonly candidate: Candidate
  /** What the processor has; undefined: it does not know the payment. */
  readonly recorded: ProcessorPayment | undefined
}

export interface Discrepancy extends DifferingSpan {
  /** Undefined without Pit's tables, or for a span of more than a millisecond. */
  readonly mismatches: readonly Mismatch[] | undefined
}

export interface Comparison {
  readonly processor: ProcessorName
  readonly pit: ProcessorTotal<Cents>
  readonly recorded: ProcessorTotal
  readonly difference: Difference
  /** Where they differ, in order of time; `DIFFERING_MAX` at most. */
  readonly discrepancies: readonly Discrepancy[]
}

export interface ReconcileRequest {
  readonly span: Span
  readonly pit: PitBooks
  readonly processors: readonly ProcessorBooks[]
  /** Pit's tables, which name payments; undefined: instants are found, but no payments. */
  readonly tables: PostgresPool | undefined
}

/** Rejects with `BooksUnreachable`. */
export async function reconcile(request: ReconcileRequest): Promise<readonly Comparison[]> {
  const comparisons: Comparison[] = []
  for (const books of request.processors) comparisons.push(await compareWith(books, request))
  return comparisons
}

export function areEqual(comparisons: readonly Comparison[]): boolean {
  return comparisons.every(({ difference }) => !isDifferent(difference))
}

async function compareWith(books: ProcessorBooks, request: ReconcileRequest): Promise<Comparison> {
  const { span, pit } = request
  const processor = books.name
  // Pit is read first: the processor must have all that Pit has at that moment.
  const ours = (await pit.summarize(span))[processor]
  const recorded = answerOf(books, await books.total(span))
  const difference = subtract(ours, recorded)
  const differingSpans = isDifferent(difference)
    ? await findDifferingSpans(span, async (part) =>
        subtract((await pit.summarize(part))[processor], answerOf(books, await books.total(part))),
      )
    : []
  const discrepancies: Discrepancy[] = []
  for (const differing of differingSpans) {
    discrepancies.push({
      ...differing,
      mismatches: await findMismatches(differing.span, books, request.tables),
    })
  }
  return { processor, pit: ours, recorded, difference, discrepancies }
}

async function findMismatches(
  { from, to }: Span,
  books: ProcessorBooks,
  tables: PostgresPool | undefined,
): Promise<readonly Mismatch[] | undefined> {
  if (tables === undefined || from !== to) return undefined
  const mismatches: Mismatch[] = []
  for (const candidate of await findCandidates(tables, { processor: books.name, at: from })) {
    const recorded = answerOf(books, await books.find(candidate.correlationId))
    if (!agree(candidate, recorded, { processor: books.name, at: from })) {
      mismatches.push({ candidate, recorded })
    }
  }
  return mismatches
}

function answerOf<Value>(books: ProcessorBooks, answer: BooksAnswer<Value>): Value {
  if (answer.kind === 'answered') return answer.value
  throw new BooksUnreachable(`processor ${books.name}`, answer.why)
}

/** Whether this payment adds the same to both books of this instant. */
function agree(
  candidate: Candidate,
  recorded: ProcessorPayment | undefined,
  { processor, at }: { readonly processor: ProcessorName; readonly at: number },
): boolean {
  const isOurs = candidate.processor === processor && candidate.requestedAt === at
  const isTheirs = recorded?.requestedAt === at
  if (isOurs !== isTheirs) return false
  return !isOurs || candidate.amountCents === recorded?.amountCents
}

function subtract(one: ProcessorTotal<Cents>, other: ProcessorTotal): Difference {
  const cents = subtractCents(one.cents, other.cents)
  return { payments: one.payments - other.payments, cents }
}

/** Pit's figure minus the processor's. */
export type Difference = ProcessorTotal<Cents>

export interface DifferingSpan {
  /** A millisecond, or a longer span whose halves agree each: then its totals are at fault. */
  readonly span: Span
  readonly difference: Difference
}

/** Differing spans that are searched for; there may be more. */
export const DIFFERING_MAX = 100

/**
 * Compares halves of differing spans until single milliseconds are left: about 40 comparisons for
 * each of them in a window of a day. Differences that cancel out within a half are not seen there,
 * as in the books themselves.
 */
export async function findDifferingSpans(
  span: Span,
  compare: (span: Span) => Promise<Difference>,
): Promise<readonly DifferingSpan[]> {
  const found: DifferingSpan[] = []
  const open: DifferingSpan[] = await differing([span], compare)
  for (let wide = open.pop(); wide !== undefined; wide = open.pop()) {
    if (found.length >= DIFFERING_MAX) return found
    const halves = wide.span.from < wide.span.to ? await differing(halve(wide.span), compare) : []
    if (halves.length === 0) found.push(wide)
    // The earlier half comes first.
    open.push(...halves.toReversed())
  }
  return found
}

async function differing(
  spans: readonly Span[],
  compare: (span: Span) => Promise<Difference>,
): Promise<DifferingSpan[]> {
  const compared = await Promise.all(
    spans.map(async (span) => ({ span, difference: await compare(span) })),
  )
  return compared.filter(({ difference }) => isDifferent(difference))
}

export function isDifferent({ payments, cents }: Difference): boolean {
  return payments !== 0 || cents !== 0
}

function halve({ from, to }: Span): readonly [Span, Span] {
  const middle = from + Math.floor((to - from) / 2)
  return [
    { from, to: middle },
    { from: middle + 1, to },
  ]
}
