// Pit's books beside the processors', for the page: all payments but those of the last seconds. And
// whether Pit's own rows add up to the totals that those books are made of, hour after hour.

import { ledgerFailureOf } from '../actors/model/errors.ts'
import type { ExactSummary, ProcessorName, Summary, TimeWindow } from '../actors/model/payment.ts'

export interface Total {
  readonly payments: number
  readonly cents: number
}

/** What is known so far of the rows of settled payments. */
export interface ComparedRows {
  /** Buckets of the totals that are not the sum of their payments. */
  readonly differing: Readonly<Record<ProcessorName, number>>
  /** Rows from here on, epoch ms: earlier ones were moved away, or there are none. */
  readonly from: number
  /** The hours before it have been compared, epoch ms; null: all of them have been, once or more. */
  readonly until: number | null
  /** The last milliseconds of the first hours in which some differ, epoch ms. */
  readonly hours: readonly number[]
}

export interface ComparedBooks {
  /** The window that was compared, epoch ms. */
  readonly from: number
  readonly to: number
  readonly ours?: Summary
  /** Absent for a processor that did not answer. */
  readonly theirs: Readonly<Partial<Record<ProcessorName, Total>>>
  /** Absent until rows could be read, and when there are none. */
  readonly rows?: ComparedRows
}

/** An hour of rows, compared with the totals. */
export interface ComparedHour {
  /** Last millisecond of it, epoch ms. */
  readonly to: number
  readonly differing: Readonly<Record<ProcessorName, number>>
}

export interface RowsSource {
  /** The instant of the first row in a window, epoch ms; undefined: there is none. */
  readonly first: (from: number) => Promise<number | undefined>
  /** Compares the first hour of a window that has rows or totals; undefined: none has any. */
  readonly compare: (window: { from: number; to: number }) => Promise<ComparedHour | undefined>
}

export interface BooksSource {
  /** Earlier payments are not compared, epoch ms: the processors may have forgotten them. */
  readonly from: number
  readonly readOurs: (window: TimeWindow) => Promise<ExactSummary | undefined>
  /** Absent without a token for the processors' books. */
  readonly readTheirs?: (
    processor: ProcessorName,
    window: { from: number; to: number },
  ) => Promise<Total | undefined>
  readonly rows: RowsSource
}

/** Before any payment: 2000-01-01, epoch ms. */
export const BEGINNING = 946_684_800_000

/** How long before now the window ends, ms: payments under way are not compared. */
export const SETTLING_MS = 2_000

export type BooksComparison = (now: number) => Promise<ComparedBooks>

/** Never rejects as long as its source does not. */
export function createBooksComparison(source: BooksSource): BooksComparison {
  const compareRows = createRowsComparison(source)
  return async (now) => {
    const window = { from: source.from, to: Math.max(source.from, now - SETTLING_MS) }
    const ask = async (processor: ProcessorName): Promise<Total | undefined> =>
      source.readTheirs?.(processor, window)
    const [ours, byDefault, byFallback, rows] = await Promise.all([
      source.readOurs(window),
      ask('default'),
      ask('fallback'),
      compareRows(window.to),
    ])
    return {
      ...window,
      ...(ours === undefined ? {} : { ours: inNumbers(ours) }),
      theirs: {
        ...(byDefault === undefined ? {} : { default: byDefault }),
        ...(byFallback === undefined ? {} : { fallback: byFallback }),
      },
      ...(rows === undefined ? {} : { rows }),
    }
  }
}

/** The page draws numbers: beyond 2^53 cents they are rounded. */
function inNumbers(summary: ExactSummary): Summary {
  const total = (name: ProcessorName): Total => {
    const { payments, cents } = summary[name]
    return { payments, cents: Number(cents) }
  }
  return { default: total('default'), fallback: total('fallback') }
}

/** Hours that one call compares: a year of them takes two hours of watching. */
const HOURS_PER_CALL = 4

/** Hours with differences that are told, and remembered. */
const HOURS_TOLD_MAX = 10
const FAULTY_HOURS_MAX = 1_000

/** Goes through all hours with rows, some in each call, and then through all of them again. */
function createRowsComparison({ from: begin, rows }: BooksSource) {
  const faulty = new Map<number, ComparedHour>()
  let round: { readonly from: number; next: number } | undefined
  let isThrough = false
  let known: ComparedRows | undefined

  const step = async (to: number): Promise<void> => {
    const from = round?.from ?? (await rows.first(begin))
    if (from === undefined) {
      known = undefined
      return
    }
    round ??= { from: from - (from % 1_000), next: from - (from % 1_000) }
    const hour = round.next > to ? undefined : await rows.compare({ from: round.next, to })
    forget(faulty, { from: round.next, to: hour?.to ?? Infinity })
    if (hour !== undefined && isFaulty(hour) && faulty.size < FAULTY_HOURS_MAX) {
      faulty.set(hour.to, hour)
    }
    isThrough ||= hour === undefined
    const next = (hour?.to ?? to) + 1
    const hours = [...faulty.keys()].slice(0, HOURS_TOLD_MAX)
    known = { differing: addUp(faulty), from: round.from, until: isThrough ? null : next, hours }
    if (hour === undefined) round = undefined
    else round.next = next
  }
  return async (to: number): Promise<ComparedRows | undefined> => {
    try {
      for (let hours = 0; hours < HOURS_PER_CALL; hours += 1) {
        await step(to)
        if (round === undefined) break
      }
    } catch (error) {
      // While the ledger is out of reach the last that is known stands; a bug is thrown on.
      ledgerFailureOf(error)
    }
    return known
  }
}

/** What was known of hours that have been compared again, or are gone. */
function forget(faulty: Map<number, ComparedHour>, { from, to }: Required<TimeWindow>): void {
  for (const at of faulty.keys()) if (at >= from && at <= to) faulty.delete(at)
}

function isFaulty({ differing }: ComparedHour): boolean {
  return differing.default + differing.fallback > 0
}

function addUp(hours: ReadonlyMap<number, ComparedHour>): ComparedRows['differing'] {
  const sum = { default: 0, fallback: 0 }
  for (const { differing } of hours.values()) {
    sum.default += differing.default
    sum.fallback += differing.fallback
  }
  return sum
}
