// Compares Pit's books with both processors', and finds the payments at fault where they differ.

import type { ProcessorName, ProcessorTotal } from '../actors/model/payment.ts'
import type { PostgresPool } from '../infra/postgres/pool.ts'
import type { ProcessorBooks, ProcessorPayment, Told } from '../infra/processor/books.ts'
import type { PitBooks, Span } from './books.ts'
import { BooksUnreachable } from './failures.ts'
import { isDifferent, narrow, type Difference, type Narrowed } from './narrow.ts'
import { findSuspects, type Suspect } from './suspects.ts'

/** One payment that the two sides tell differently. */
export interface Culprit {
  readonly suspect: Suspect
  /** What the processor has; undefined: it does not know the payment. */
  readonly recorded: ProcessorPayment | undefined
}

export interface Spot extends Narrowed {
  /** Undefined when Pit's tables were not to be asked. */
  readonly culprits: readonly Culprit[] | undefined
}

export interface Comparison {
  readonly processor: ProcessorName
  readonly pit: ProcessorTotal
  readonly recorded: ProcessorTotal
  readonly difference: Difference
  /** Where they differ, in order of time; as many as `narrow` looks for. */
  readonly spots: readonly Spot[]
}

export interface ReconcileRequest {
  readonly span: Span
  readonly pit: PitBooks
  readonly processors: readonly ProcessorBooks[]
  /** Pit's tables, where payments are named; undefined: spots are found but nobody is named. */
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
  // Pit first: what it has then, the processor must have, too.
  const ours = (await pit.summarize(span))[processor]
  const recorded = heardFrom(books, await books.total(span))
  const difference = subtract(ours, recorded)
  const narrowed = isDifferent(difference)
    ? await narrow(span, async (part) =>
        subtract((await pit.summarize(part))[processor], heardFrom(books, await books.total(part))),
      )
    : []
  const spots: Spot[] = []
  for (const spot of narrowed) {
    spots.push({ ...spot, culprits: await findCulprits(spot.span, books, request.tables) })
  }
  return { processor, pit: ours, recorded, difference, spots }
}

async function findCulprits(
  { from, to }: Span,
  books: ProcessorBooks,
  tables: PostgresPool | undefined,
): Promise<readonly Culprit[] | undefined> {
  if (tables === undefined || from !== to) return undefined
  const culprits: Culprit[] = []
  for (const suspect of await findSuspects(tables, { processor: books.name, at: from })) {
    const recorded = heardFrom(books, await books.find(suspect.correlationId))
    if (!agree(suspect, recorded, { processor: books.name, at: from })) {
      culprits.push({ suspect, recorded })
    }
  }
  return culprits
}

function heardFrom<Value>(books: ProcessorBooks, answer: Told<Value>): Value {
  if (answer.kind === 'told') return answer.value
  throw new BooksUnreachable(`processor ${books.name}`, answer.why)
}

/** Whether this payment adds the same to both books of this instant. */
function agree(
  suspect: Suspect,
  recorded: ProcessorPayment | undefined,
  { processor, at }: { readonly processor: ProcessorName; readonly at: number },
): boolean {
  const isOurs = suspect.processor === processor && suspect.requestedAt === at
  const isTheirs = recorded?.requestedAt === at
  if (isOurs !== isTheirs) return false
  return !isOurs || suspect.amountCents === recorded?.amountCents
}

function subtract(one: ProcessorTotal, other: ProcessorTotal): Difference {
  return { payments: one.payments - other.payments, cents: one.cents - other.cents }
}
