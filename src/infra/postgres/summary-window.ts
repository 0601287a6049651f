// Splits a window into buckets of totals and ragged edges.

import type { TimeWindow } from '../../actors/model/payment.ts'

/** Widths of the running totals, ms, by their level in `compose/schema.sql`. */
export const BUCKET_WIDTHS_MS = [1_000, 60_000, 3_600_000, 86_400_000] as const

/** To be added, or taken off again with sign -1; from inclusive, to exclusive, epoch ms. */
export interface SignedRun {
  readonly sign: 1 | -1
  readonly from: number
  readonly to: number
}

/** A run of whole buckets of one level. */
export interface BucketRun extends SignedRun {
  readonly level: number
}

/** What a window is added up from: totals, and single payments. */
export interface Cover {
  readonly buckets: readonly BucketRun[]
  readonly raw: readonly SignedRun[]
}

/**
 * Splits a window into whole buckets, as wide ones as fit, and what sticks out of the seconds at
 * either end. A bucket of which an edge covers more than half is taken whole and its rest taken off
 * again; but a window within one second has its payments added up, so that whoever narrows a
 * difference down (`pit reconcile`) tells a wrong total from a wrong payment. Bounds: at either end
 * half a second of single payments, 30 seconds, 30 minutes, and 12 hours; one run of days.
 */
export function coverWindow(window: TimeWindow): Cover {
  const from = Math.max(Math.ceil(window.from ?? FIRST_MS), FIRST_MS)
  const to = Math.min(Math.floor(window.to ?? END_MS) + 1, END_MS)
  if (from >= to) return { buckets: [], raw: [] }

  const [secondMs, ...widerMs] = BUCKET_WIDTHS_MS
  if (Math.floor(from / secondMs) === Math.floor((to - 1) / secondMs)) {
    return { buckets: [], raw: [{ sign: 1, from, to }] }
  }
  const { edges: raw, rest } = roundTo(secondMs, { from, to })
  const buckets: BucketRun[] = []
  let inner = rest
  for (const [level, widthMs] of widerMs.entries()) {
    const round = roundTo(widthMs, inner)
    buckets.push(...round.edges.map((edge) => ({ level, ...edge })))
    inner = round.rest
  }
  if (!isEmpty(inner)) buckets.push({ level: widerMs.length, sign: 1, ...inner })
  return { buckets, raw }
}

// What Date can hold, and whole days at both ends: an open window needs days only.
const FIRST_MS = 0
const END_MS = 8_640_000_000_000_000

interface Span {
  readonly from: number
  readonly to: number
}

/** Moves both ends of a span to the nearest multiples of a width; the edges make up for it. */
function roundTo(widthMs: number, { from, to }: Span): { edges: readonly SignedRun[]; rest: Span } {
  const start = nearest(from, widthMs)
  const end = nearest(to, widthMs)
  const rest = { from: start, to: end }
  if (isEmpty(rest)) return { edges: some({ sign: 1, from, to }), rest }
  const edges = some(
    { sign: 1, from, to: start },
    { sign: -1, from: start, to: from },
    { sign: 1, from: end, to },
    { sign: -1, from: to, to: end },
  )
  return { edges, rest }
}

function nearest(instant: number, widthMs: number): number {
  return Math.round(instant / widthMs) * widthMs
}

/** Those that are not empty. */
function some(...runs: readonly SignedRun[]): readonly SignedRun[] {
  return runs.filter((run) => !isEmpty(run))
}

function isEmpty({ from, to }: Span): boolean {
  return from >= to
}
