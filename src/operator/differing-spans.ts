// Narrows a difference between two books down to the instants where it is.

import type { BookTotal } from '../infra/postgres/row-sums.ts'
import { isDifferent, type Span } from './pit-books.ts'

export interface DifferingSpan {
  /** As short as the grain, or a longer span whose halves agree each: then its sums are at fault. */
  readonly span: Span
  /** Pit's figure minus the processor's. */
  readonly difference: BookTotal
}

/** Differing spans that are searched for in one go; there may be more. */
export const DIFFERING_MAX = 100

/**
 * Compares halves of differing spans until those of a grain are left: about 40 comparisons for
 * each of them in a window of a day. Differences that cancel out within a half are not seen there,
 * as in the books themselves.
 * @param grainMs ms: a span begins at a multiple of it and ends just before one.
 */
export async function findDifferingSpans(
  whole: DifferingSpan,
  compare: (span: Span) => Promise<BookTotal>,
  { grainMs, max }: { readonly grainMs: number; readonly max: number },
): Promise<readonly DifferingSpan[]> {
  const found: DifferingSpan[] = []
  const open: DifferingSpan[] = [whole]
  for (let wide = open.pop(); wide !== undefined; wide = open.pop()) {
    if (found.length >= max) return found
    const halves = await differing(halve(wide.span, grainMs), compare)
    if (halves.length === 0) found.push(wide)
    // The earlier half comes first.
    open.push(...halves.toReversed())
  }
  return found
}

async function differing(
  spans: readonly Span[],
  compare: (span: Span) => Promise<BookTotal>,
): Promise<DifferingSpan[]> {
  const compared: DifferingSpan[] = []
  for (const span of spans) compared.push({ span, difference: await compare(span) })
  return compared.filter(({ difference }) => isDifferent(difference))
}

/** None of one that is not longer than a grain. */
function halve({ from, to }: Span, grainMs: number): readonly Span[] {
  const grains = Math.floor((to - from + 1) / grainMs)
  if (grains < 2) return []
  const middle = from + Math.floor(grains / 2) * grainMs
  return [
    { from, to: middle - 1 },
    { from: middle, to },
  ]
}
