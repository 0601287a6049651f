// Pit's books beside the processors', for the page: all payments but those of the last seconds.

import type { ExactSummary, ProcessorName, Summary, TimeWindow } from '../actors/model/payment.ts'

export interface Total {
  readonly payments: number
  readonly cents: number
}

export interface ComparedBooks {
  /** The window that was compared, epoch ms. */
  readonly from: number
  readonly to: number
  readonly ours?: Summary
  /** Absent for a processor that did not answer. */
  readonly theirs: Readonly<Partial<Record<ProcessorName, Total>>>
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
}

/** Before any payment: 2000-01-01, epoch ms. */
export const BEGINNING = 946_684_800_000

/** How long before now the window ends, ms: payments under way are not compared. */
const SETTLING_MS = 2_000

/** Never rejects as long as its source does not. */
export async function compareBooks(source: BooksSource, now: number): Promise<ComparedBooks> {
  const window = { from: source.from, to: Math.max(source.from, now - SETTLING_MS) }
  const ask = async (processor: ProcessorName): Promise<Total | undefined> =>
    source.readTheirs?.(processor, window)
  const [ours, byDefault, byFallback] = await Promise.all([
    source.readOurs(window),
    ask('default'),
    ask('fallback'),
  ])
  return {
    ...window,
    ...(ours === undefined ? {} : { ours: inNumbers(ours) }),
    theirs: {
      ...(byDefault === undefined ? {} : { default: byDefault }),
      ...(byFallback === undefined ? {} : { fallback: byFallback }),
    },
  }
}

/** For the page, which draws numbers: beyond 2^53 cents they are rounded. */
function inNumbers(summary: ExactSummary): Summary {
  const total = (name: ProcessorName): Total => {
    const { payments, cents } = summary[name]
    return { payments, cents: Number(cents) }
  }
  return { default: total('default'), fallback: total('fallback') }
}
