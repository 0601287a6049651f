// Narrows a window in which two books differ down to the instants at fault, by bisection. Pure over
// the comparison that it is given.

import type { ProcessorTotal } from '../actors/model/payment.ts'
import type { Span } from './books.ts'

/** Pit's figure minus the processor's. */
export type Difference = ProcessorTotal

export interface Narrowed {
  /** A millisecond, or a longer span whose halves agree each: then its totals are at fault. */
  readonly span: Span
  readonly difference: Difference
}

/** Spans at fault that are looked for; there may be more. */
export const NARROWED_MAX = 100

/**
 * Compares halves of what differs until single milliseconds are left: about 40 comparisons for
 * each of them in a window of a day. Differences that cancel out within a half stay unseen there,
 * as they do in the books themselves.
 */
export async function narrow(
  span: Span,
  compare: (span: Span) => Promise<Difference>,
): Promise<readonly Narrowed[]> {
  const found: Narrowed[] = []
  const open: Narrowed[] = await differing([span], compare)
  for (let wide = open.pop(); wide !== undefined; wide = open.pop()) {
    if (found.length >= NARROWED_MAX) return found
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
): Promise<Narrowed[]> {
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
