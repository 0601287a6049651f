// The payments in which Pit's books and one processor's differ, for the console: the seconds where
// totals differ first, then their payments. It asks slowly and not for long, because payments go to
// the processor meanwhile; `pit reconcile` goes through all of it.

import { setTimeout } from 'node:timers/promises'
import type { ProcessorName } from '../actors/model/payment.ts'
import type { PostgresPool } from '../infra/postgres/pool.ts'
import { readProgress, sumTotals, type BookTotal } from '../infra/postgres/row-sums.ts'
import { JOINED_MS } from '../infra/postgres/summaries.ts'
import type { ProcessorBooksOptions, ProcessorPayment } from '../infra/processor/books.ts'
import { AskedProcessor } from './asked-processor.ts'
import {
  compareWith,
  differenceOf,
  type ComparedProcessor,
  type Finding,
  type Mismatch,
} from './comparison.ts'
import { findDifferingSpans, type DifferingSpan } from './differing-spans.ts'
import {
  ask,
  booksInTables,
  isDifferent,
  startOfGrain,
  subtract,
  type BooksBegin,
  type Span,
} from './pit-books.ts'
import { rowsInTables } from './pit-payments.ts'
import { describeFinding, describeWrongTotal, processorOf, spanOf } from './reconcile-report.ts'
import { compareRowsWithTotals } from './rows-and-totals.ts'

/** Amounts are whole cents, instants epoch ms. */
export type DifferingItem =
  | {
      readonly kind: 'payment'
      readonly correlationId: string
      readonly pit: {
        readonly state: 'open' | 'settled' | 'rejected'
        readonly amountCents: number
        readonly processor?: ProcessorName
        readonly requestedAt?: number
      }
      /** Null: the processor does not know it. An amount that is no whole number of cents is null. */
      readonly recorded: {
        readonly amountCents: number | null
        readonly requestedAt: number
      } | null
    }
  /** What no payment of Pit's accounts for, in a sentence. */
  | { readonly kind: 'words'; readonly words: string }

export interface DifferingRequest {
  readonly span: Span
  /** Instants in hours whose rows are known not to add up to the totals. */
  readonly hours: readonly number[]
  readonly tell: (item: DifferingItem) => void
}

/** `cut`: a bound was reached, so there may be more. Rejects with `BooksUnreachable`. */
export type DifferingSearch = (
  processor: ProcessorName,
  request: DifferingRequest,
) => Promise<'whole' | 'cut'>

export interface SearchBounds {
  /** Questions to the processor of one search, and of one second. */
  readonly questionsMax: number
  readonly perSecond: number
  /** Differing seconds that are looked into. */
  readonly secondsMax: number
  /** Payments that are looked up for one instant. */
  readonly lookUpsMax: number
  /** No question is asked later than this after the first, ms. */
  readonly timeMaxMs: number
}

export const SEARCH_BOUNDS: SearchBounds = {
  questionsMax: 600,
  perSecond: 40,
  secondsMax: 10,
  lookUpsMax: 60,
  timeMaxMs: 20_000,
}

export interface DifferingSearchParts {
  readonly tables: PostgresPool
  readonly books: Readonly<Record<ProcessorName, Omit<ProcessorBooksOptions, 'timeoutMs'>>>
  readonly bounds?: SearchBounds
}

export function createDifferingSearch(parts: DifferingSearchParts): DifferingSearch {
  const { tables, books, bounds = SEARCH_BOUNDS } = parts
  return async (name, request) => {
    const asked = new AskedProcessor({ ...books[name], perSecond: bounds.perSecond })
    const processor = new BoundedProcessor(asked, bounds)
    try {
      await new Search(tables, processor, { ...request, secondsMax: bounds.secondsMax }).run()
    } catch (error) {
      if (!(error instanceof BoundReached)) throw error
    }
    return processor.isCut ? 'cut' : 'whole'
  }
}

interface SearchRequest extends DifferingRequest {
  readonly secondsMax: number
}

class Search {
  readonly #tables: PostgresPool
  readonly #processor: BoundedProcessor
  readonly #request: SearchRequest

  constructor(tables: PostgresPool, processor: BoundedProcessor, request: SearchRequest) {
    this.#tables = tables
    this.#processor = processor
    this.#request = request
  }

  async run(): Promise<void> {
    const { joinedBefore, droppedBefore } = await ask(readProgress(this.#tables))
    const grainMs = this.#request.span.from < joinedBefore ? JOINED_MS : SECOND_MS
    const begin = { rowsFrom: startOfGrain(droppedBefore, grainMs), grainMs, joinedBefore }
    const all = [...(await this.#inRows()), ...(await this.#inTotals(begin))]
    const spans = [...new Map(all.map((each) => [each.span.from, each])).values()]
    if (spans.length >= this.#request.secondsMax) this.#processor.cut()
    for (const each of spans.slice(0, this.#request.secondsMax)) await this.#compare(each, begin)
  }

  /** Where Pit's totals, of which summaries are made, are not those of the processor. */
  async #inTotals({ grainMs, joinedBefore }: BooksBegin): Promise<readonly DifferingSpan[]> {
    const { span, secondsMax: max } = this.#request
    const { name } = this.#processor
    const compare = async (part: Span): Promise<BookTotal> => {
      const ours = await ask(sumTotals(this.#tables, part, joinedBefore))
      return subtract(ours[name], await this.#processor.total(part))
    }
    const end = startOfGrain(span.to + 1, grainMs)
    const whole = { from: startOfGrain(span.from, grainMs), to: end - 1 }
    if (whole.from > whole.to) return []
    const difference = await compare(whole)
    if (!isDifferent(difference)) return []
    return findDifferingSpans({ span: whole, difference }, compare, { grainMs, max })
  }

  /** Where rows do not add up to totals, which may agree with the processor's all the same. */
  async #inRows(): Promise<readonly DifferingSpan[]> {
    const found: DifferingSpan[] = []
    for (const at of this.#request.hours) {
      const hour = startOfGrain(at, HOUR_MS)
      await compareRowsWithTotals(
        this.#tables,
        { from: hour, to: Math.min(hour + HOUR_MS - 1, this.#request.span.to) },
        {
          onBucket: async (bucket) => {
            if (bucket.level !== 0 || processorOf(bucket) !== this.#processor.name) return
            found.push({ span: spanOf(bucket), difference: subtract(bucket.told, bucket.added) })
          },
          onProgress: () => undefined,
        },
      )
    }
    return found
  }

  async #compare({ span, difference }: DifferingSpan, begin: BooksBegin): Promise<void> {
    const { name } = this.#processor
    let told = 0
    await compareWith(this.#processor, {
      span,
      pit: booksInTables(this.#tables, begin),
      rows: rowsInTables(this.#tables),
      ...begin,
      lookUps: 'whereSumsDiffer',
      tell: (finding) => {
        told += 1
        for (const item of itemsOf(finding, name)) this.#request.tell(item)
      },
      onProgress: () => undefined,
    })
    if (told > 0) return
    this.#request.tell({ kind: 'words', words: describeWrongTotal({ span, difference }, name) })
  }
}

const SECOND_MS = 1_000
const HOUR_MS = 3_600_000

function itemsOf(finding: Finding, processor: ProcessorName): readonly DifferingItem[] {
  if (finding.kind === 'mismatch') return [itemOf(finding.mismatch)]
  if (finding.kind === 'emptied') return [inWords(finding, processor)]
  const { span, mismatches } = finding.discrepancy
  const named = mismatches ?? []
  const difference = subtract(
    finding.discrepancy.difference,
    differenceOf(named, { span, processor }),
  )
  if (!isDifferent(difference)) return named.map(itemOf)
  // No payment of Pit's accounts for the rest.
  const rest = { span, difference, mismatches: mismatches && [] }
  return [...named.map(itemOf), inWords({ kind: 'discrepancy', discrepancy: rest }, processor)]
}

function inWords(finding: Finding, processor: ProcessorName): DifferingItem {
  const lines = describeFinding(finding, processor).map((line) => line.trim())
  return { kind: 'words', words: lines.join(': ') }
}

function itemOf({ payment, recorded }: Mismatch): DifferingItem {
  const { correlationId, amountCents, ...pit } = payment
  return {
    kind: 'payment',
    correlationId,
    // The page draws numbers: beyond 2^53 cents they are rounded.
    pit: { ...pit, amountCents: Number(amountCents) },
    recorded:
      recorded === undefined
        ? null
        : { requestedAt: recorded.requestedAt, amountCents: recorded.amountCents ?? null },
  }
}

/** Ends a search; what it has found stands. */
class BoundReached extends Error {
  override readonly name = 'BoundReached'
}

class BoundedProcessor implements ComparedProcessor {
  readonly name: ProcessorName
  readonly #asked: AskedProcessor
  readonly #bounds: SearchBounds
  readonly #endsAt: number
  #left: number
  #isCut = false

  constructor(asked: AskedProcessor, bounds: SearchBounds) {
    this.name = asked.name
    this.#asked = asked
    this.#bounds = bounds
    this.#left = bounds.questionsMax
    this.#endsAt = performance.now() + bounds.timeMaxMs
  }

  get isCut(): boolean {
    return this.#isCut
  }

  cut(): void {
    this.#isCut = true
  }

  async total(span: Span): Promise<BookTotal> {
    this.#take(1)
    await setTimeout(1_000 / this.#bounds.perSecond)
    return this.#asked.total(span)
  }

  /** Those that come first are the likeliest. */
  async findAll<Payment extends { readonly correlationId: string }>(
    payments: readonly Payment[],
    onAnswer: (payment: Payment, recorded: ProcessorPayment | undefined) => void,
  ): Promise<void> {
    if (payments.length === 0) return
    const some = payments.slice(0, Math.min(this.#bounds.lookUpsMax, this.#left))
    this.#isCut ||= some.length < payments.length
    this.#take(some.length)
    await this.#asked.findAll(some, onAnswer)
  }

  #take(questions: number): void {
    if (this.#left < Math.max(1, questions) || performance.now() > this.#endsAt) {
      this.#isCut = true
      throw new BoundReached('the questions of a search are spent')
    }
    this.#left -= questions
  }
}
