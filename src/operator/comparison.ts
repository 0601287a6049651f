// Compares Pit's books with a processor's, hour by hour: what they add up to and, unless only sums
// are asked for, each payment. Finds the instants and the payments where they differ.

import type { ProcessorName } from '../actors/model/payment.ts'
import type { BookTotal } from '../infra/postgres/row-sums.ts'
import type { ProcessorPayment } from '../infra/processor/books.ts'
import type { AskedProcessor } from './asked-processor.ts'
import { DIFFERING_MAX, findDifferingSpans, type DifferingSpan } from './differing-spans.ts'
import {
  NOTHING,
  add,
  isDifferent,
  startOfGrain,
  subtract,
  type PitBooks,
  type Span,
} from './pit-books.ts'
import type { PitPayment, PitRows } from './pit-payments.ts'

/** One payment that the two sides have differently. */
export interface Mismatch {
  readonly payment: PitPayment
  /** What the processor has; undefined: it does not know the payment. */
  readonly recorded: ProcessorPayment | undefined
}

export interface Discrepancy extends DifferingSpan {
  /** Undefined without Pit's rows, and for a span of more than a millisecond. */
  readonly mismatches: readonly Mismatch[] | undefined
}

/** One of both sides has nothing before an instant, and the other one has something. */
export interface Emptied {
  readonly side: 'pit' | 'processor'
  /** Epoch ms; undefined: it has nothing in the whole window. */
  readonly before: number | undefined
  /** What the other side has. */
  readonly missing: BookTotal
  /** Payments of Pit's, settled elsewhere or not at all if Pit was emptied, that were looked up. */
  readonly asked: number
}

/** Told as it is found, because a comparison may take long. */
export type Finding =
  | { readonly kind: 'emptied'; readonly emptied: Emptied }
  | { readonly kind: 'mismatch'; readonly mismatch: Mismatch }
  | { readonly kind: 'discrepancy'; readonly discrepancy: Discrepancy }

export interface Comparison {
  readonly processor: ProcessorName
  /** Over the whole window. */
  readonly pit: BookTotal
  readonly recorded: BookTotal
  /** Findings, those included that were too many to be told. */
  readonly findings: number
  /** Whether more than the first findings were left out. */
  readonly isCut: boolean
}

export interface CompareRequest {
  readonly span: Span
  readonly pit: PitBooks
  /** Name payments; undefined: instants are found, but no payments. */
  readonly rows: PitRows | undefined
  /** Before it there are totals and no rows: a multiple of `grainMs`, epoch ms. */
  readonly rowsFrom: number
  /** What totals can tell apart, ms. */
  readonly grainMs: number
  readonly lookUps: 'all' | 'whereSumsDiffer'
  readonly tell: (finding: Finding) => void
  /** @param at epoch ms: what is before it has been compared. */
  readonly onProgress: (at: number) => void
}

const HOUR_MS = 3_600_000

/** What is asked of the processor. */
export type ComparedProcessor = Pick<AskedProcessor, 'name' | 'total' | 'findAll'>

/** Rejects with `BooksUnreachable`. */
export function compareWith(
  processor: ComparedProcessor,
  request: CompareRequest,
): Promise<Comparison> {
  return new ProcessorComparison(processor, request).run()
}

class ProcessorComparison {
  readonly #processor: ComparedProcessor
  readonly #request: CompareRequest
  #pit = NOTHING
  #recorded = NOTHING
  #findings = 0
  /** Named by a look-up: sums differ by these, and what is left has another reason. */
  readonly #named: Mismatch[] = []

  constructor(processor: ComparedProcessor, request: CompareRequest) {
    this.#processor = processor
    this.#request = request
  }

  async run(): Promise<Comparison> {
    const { span, rows, rowsFrom, grainMs } = this.#request
    const begin = await this.#skipEmptied()
    if (rows === undefined) await this.#compareSums({ from: begin, to: span.to }, 1)
    else {
      if (begin < rowsFrom) {
        const from = startOfGrain(begin, grainMs)
        const end = startOfGrain(span.to, grainMs) + grainMs
        await this.#compareSums({ from, to: Math.min(rowsFrom, end) - 1 }, grainMs)
      }
      await this.#compareHours(rows, Math.max(begin, rowsFrom))
    }
    return {
      processor: this.#processor.name,
      pit: this.#pit,
      recorded: this.#recorded,
      findings: this.#findings,
      isCut: this.#findings > DIFFERING_MAX,
    }
  }

  /** Where books begin that are seen to have been emptied; else the window. */
  async #skipEmptied(): Promise<number> {
    const { span, rows } = this.#request
    const emptied = await findEmptied(this.#processor, this.#request)
    if (emptied === undefined) return span.from
    const { side, before = span.to + 1, missing } = emptied
    if (side === 'processor') {
      this.#pit = missing
      this.#tell({ kind: 'emptied', emptied })
      return before
    }
    this.#recorded = missing
    const others = rows === undefined ? [] : await rows.findNotSettledAt(this.#processor.name)
    this.#tell({ kind: 'emptied', emptied: { ...emptied, asked: others.length } })
    await this.#nameRecordedBefore(before, others)
    return before
  }

  /** What the line of a purge would hide: one that is recorded, and not settled there by Pit. */
  async #nameRecordedBefore(before: number, others: readonly PitPayment[]): Promise<void> {
    await this.#processor.findAll(others, (payment, recorded) => {
      if (recorded === undefined || recorded.requestedAt >= before) return
      this.#tell({ kind: 'mismatch', mismatch: { payment, recorded } })
    })
  }

  /** Hours with rows, and what lies between them in one piece. */
  async #compareHours(rows: PitRows, begin: number): Promise<void> {
    const { to } = this.#request.span
    for (let from = begin; from <= to;) {
      this.#request.onProgress(from)
      const row = (await rows.findNextSettled(from)) ?? Infinity
      const hour = Math.max(from, row - (row % HOUR_MS))
      if (!(row <= to)) {
        await this.#compareSums({ from, to }, 1)
        return
      }
      if (hour > from) await this.#compareSums({ from, to: hour - 1 }, 1)
      const span = { from: hour, to: Math.min(hour - (hour % HOUR_MS) + HOUR_MS - 1, to) }
      if (this.#request.lookUps === 'all') await this.#lookUpAll(rows, span)
      await this.#compareSums(span, 1)
      from = span.to + 1
    }
  }

  async #lookUpAll(rows: PitRows, span: Span): Promise<void> {
    const processor = this.#processor.name
    for await (const page of rows.settledPages({ processor, span })) {
      // What is named is kept, so that its number has a bound.
      if (this.#findings > NAMED_MAX) return
      await this.#processor.findAll(page, (payment, recorded) => {
        const at = payment.requestedAt
        if (at !== undefined && agree(payment, recorded, { processor, at })) return
        // What fractions of a cent add to the sums is seen in the sums alone.
        const isExact = recorded === undefined || recorded.amountCents !== undefined
        if (isExact) this.#named.push({ payment, recorded })
        this.#tell({ kind: 'mismatch', mismatch: { payment, recorded } })
      })
      this.#request.onProgress(page.at(-1)?.requestedAt ?? span.from)
    }
  }

  async #compareSums(span: Span, grainMs: number): Promise<void> {
    if (this.#findings > DIFFERING_MAX) {
      await this.#addUp(span)
      return
    }
    const difference = subtract(await this.#addUp(span), this.#explained(span))
    if (!isDifferent(difference)) return
    const compare = async (part: Span): Promise<BookTotal> => {
      const { pit, recorded } = await this.#read(part)
      return subtract(subtract(pit, recorded), this.#explained(part))
    }
    const max = DIFFERING_MAX - this.#findings + 1
    for (const differing of await findDifferingSpans({ span, difference }, compare, {
      grainMs,
      max,
    })) {
      const mismatches = await this.#findMismatches(differing.span)
      this.#tell({ kind: 'discrepancy', discrepancy: { ...differing, mismatches } })
    }
  }

  /** Pit's figure minus the processor's, both of which are counted for the whole window. */
  async #addUp(span: Span): Promise<BookTotal> {
    const { pit, recorded } = await this.#read(span)
    this.#pit = add(this.#pit, pit)
    this.#recorded = add(this.#recorded, recorded)
    return subtract(pit, recorded)
  }

  // Pit is read first: the processor must have all that Pit has at that moment.
  async #read(span: Span): Promise<{ readonly pit: BookTotal; readonly recorded: BookTotal }> {
    const pit = (await this.#request.pit.sum(span))[this.#processor.name]
    return { pit, recorded: await this.#processor.total(span) }
  }

  /** By how much the sums of a span differ because of payments that are named already. */
  #explained(span: Span): BookTotal {
    return differenceOf(this.#named, { span, processor: this.#processor.name })
  }

  async #findMismatches({ from, to }: Span): Promise<readonly Mismatch[] | undefined> {
    const { rows } = this.#request
    if (rows === undefined || from !== to) return undefined
    const instant = { processor: this.#processor.name, at: from }
    const mismatches: Mismatch[] = []
    const candidates = await rows.findCandidates(instant)
    await this.#processor.findAll(candidates, (payment, recorded) => {
      if (!agree(payment, recorded, instant)) mismatches.push({ payment, recorded })
    })
    return mismatches
  }

  /** Tells the first findings, and counts the others. */
  #tell(finding: Finding): void {
    this.#findings += 1
    if (this.#findings <= DIFFERING_MAX) this.#request.tell(finding)
  }
}

/** Mismatches that are kept; beyond it payments are no longer looked up. */
const NAMED_MAX = 10_000

/** By how much these payments make the sums of a span differ. */
export function differenceOf(
  mismatches: readonly Mismatch[],
  { span, processor }: { readonly span: Span; readonly processor: ProcessorName },
): BookTotal {
  let sum = NOTHING
  for (const { payment, recorded } of mismatches) {
    const isOurs = payment.processor === processor && isInside(span, payment.requestedAt)
    if (isOurs) sum = add(sum, one(payment.amountCents))
    if (recorded !== undefined && isInside(span, recorded.requestedAt)) {
      sum = subtract(sum, one(BigInt(recorded.amountCents ?? 0)))
    }
  }
  return sum
}

function one(cents: bigint): BookTotal {
  return { payments: 1n, cents }
}

function isInside({ from, to }: Span, at: number | undefined): boolean {
  return at !== undefined && at >= from && at <= to
}

/** Whether this payment adds the same to both books of this instant. */
function agree(
  payment: PitPayment,
  recorded: ProcessorPayment | undefined,
  { processor, at }: { readonly processor: ProcessorName; readonly at: number },
): boolean {
  const isOurs = payment.processor === processor && payment.requestedAt === at
  const isTheirs = recorded?.requestedAt === at
  if (isOurs !== isTheirs) return false
  return !isOurs || payment.amountCents === exact(recorded?.amountCents)
}

function exact(cents: number | undefined): bigint | undefined {
  return cents === undefined ? undefined : BigInt(cents)
}

/** Fewer payments than these are named one by one. */
const EMPTIED_MIN = 10n

/** Twice as many payments are asked for one by one before a processor is taken for emptied. */
const SAMPLE_MAX = 20

async function findEmptied(
  processor: ComparedProcessor,
  request: CompareRequest,
): Promise<Emptied | undefined> {
  const { span, pit } = request
  const ours = (await pit.sum(span))[processor.name]
  const theirs = await processor.total(span)
  const more = ours.payments - theirs.payments
  if (more >= EMPTIED_MIN) return await findEmptiedProcessor(processor, request, theirs)
  return more <= -EMPTIED_MIN ? await findPurge(processor, request, ours) : undefined
}

async function findEmptiedProcessor(
  processor: ComparedProcessor,
  { span, pit, rows }: CompareRequest,
  { payments }: BookTotal,
): Promise<Emptied | undefined> {
  const sum: Sum = (part) => processor.total(part)
  const before = payments === 0n ? undefined : await findFirst(sum, span)
  if (before === span.from) return undefined
  const part = { from: span.from, to: (before ?? span.to + 1) - 1 }
  const missing = (await pit.sum(part))[processor.name]
  if (missing.payments < EMPTIED_MIN) return undefined
  const sample =
    rows === undefined ? [] : await drawSample(rows, { processor: processor.name, ...part })
  let known = 0
  await processor.findAll(sample, (_, recorded) => {
    if (recorded !== undefined) known += 1
  })
  if (known > 0) return undefined
  return { side: 'processor', before, missing, asked: sample.length }
}

/** Books of Pit begin with its first payment, also one that is not settled at this processor. */
async function findPurge(
  processor: ComparedProcessor,
  { span, pit, rows }: CompareRequest,
  { payments }: BookTotal,
): Promise<Emptied | undefined> {
  const sum: Sum = async (part) => (await pit.sum(part))[processor.name]
  const end = span.to + 1
  const firstInSums = async (): Promise<number> =>
    payments === 0n ? end : await findFirst(sum, span)
  const first =
    rows === undefined
      ? await firstInSums()
      : await rows.findFirstPayment({ from: span.from, to: end })
  const part = { from: span.from, to: first - 1 }
  // Rows that were moved away are in the totals.
  if (first <= span.from || (await sum(part)).payments > 0n) return undefined
  const missing = await processor.total(part)
  if (missing.payments < EMPTIED_MIN) return undefined
  return { side: 'pit', before: first === end ? undefined : first, missing, asked: 0 }
}

/** Some payments of the first page, and some from all of a span. */
async function drawSample(
  rows: PitRows,
  { processor, from, to: end }: Span & { readonly processor: ProcessorName },
): Promise<readonly PitPayment[]> {
  const sample = new Map<string, PitPayment>()
  const to = await rows.findLastSettled({ from, to: end })
  let begin = from
  for (let part = 0; part <= SAMPLE_MAX; part += 1) {
    const span = { from: begin + Math.floor(((to - begin) * part) / SAMPLE_MAX), to }
    const { value } = await rows.settledPages({ processor, span }).next()
    const page: readonly PitPayment[] = value ?? []
    const chosen = part === 0 ? evenly(page, SAMPLE_MAX) : page.slice(0, 1)
    for (const payment of chosen) sample.set(payment.correlationId, payment)
    // Windows may begin long before the first payment, and end long after the last one.
    if (part === 0) begin = page[0]?.requestedAt ?? to
  }
  return [...sample.values()]
}

function evenly<Item>(items: readonly Item[], count: number): readonly Item[] {
  const step = Math.max(1, Math.floor(items.length / count))
  return items.filter((_, index) => index % step === 0).slice(0, count)
}

type Sum = (span: Span) => Promise<BookTotal>

/** The instant of the first payment in a span in which there are some. */
async function findFirst(sum: Sum, span: Span): Promise<number> {
  let [low, high] = [span.from, span.to]
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2)
    const { payments } = await sum({ from: span.from, to: middle })
    if (payments > 0n) high = middle
    else low = middle + 1
  }
  return low
}
