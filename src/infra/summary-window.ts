// Splits a window into buckets of totals and ragged edges.

import type { TimeWindow } from '../actors/payment.ts'

/** Widths of the running totals, ms, by their level in `compose/schema.sql`. */
export const BUCKET_WIDTHS_MS = [1_000, 60_000, 3_600_000, 86_400_000] as const

/** A run of whole buckets of one level: from inclusive, to exclusive, epoch ms. */
export interface BucketRun {
  readonly level: number
  readonly from: number
  readonly to: number
}

/** Single payments to be added, or taken off again with sign -1; from inclusive, to exclusive. */
export interface RawRun {
  readonly sign: 1 | -1
  readonly from: number
  readonly to: number
}

/**
 * Splits a window into whole buckets, as wide ones as fit, and what sticks out of the seconds at
 * either end. Bounds: two runs a level of less than one wider bucket each, one run of days, and at
 * most half a second of single payments an end: of a second that is covered by more than half, the
 * whole is taken and the rest subtracted.
 */
export function coverWindow(window: TimeWindow): {
  readonly buckets: readonly BucketRun[]
  readonly raw: readonly RawRun[]
} {
  const from = Math.max(Math.ceil(window.from ?? FIRST_MS), FIRST_MS)
  const to = Math.min(Math.floor(window.to ?? END_MS) + 1, END_MS)
  if (from >= to) return { buckets: [], raw: [] }
  if (floorTo(from, SECOND_MS) === floorTo(to - 1, SECOND_MS)) {
    return { buckets: [], raw: [{ sign: 1, from, to }] }
  }

  const raw: RawRun[] = []
  const start = coverStart(from, raw)
  const end = coverEnd(to, raw)
  return { buckets: coverSeconds({ start, end }), raw }
}

// What Date can hold, and whole days at both ends: an open window needs days only.
const FIRST_MS = 0
const END_MS = 8_640_000_000_000_000
const SECOND_MS = BUCKET_WIDTHS_MS[0]

function coverStart(from: number, raw: RawRun[]): number {
  const below = floorTo(from, SECOND_MS)
  if (from === below) return from
  if (from - below <= SECOND_MS / 2) {
    raw.push({ sign: -1, from: below, to: from })
    return below
  }
  raw.push({ sign: 1, from, to: below + SECOND_MS })
  return below + SECOND_MS
}

function coverEnd(to: number, raw: RawRun[]): number {
  const below = floorTo(to, SECOND_MS)
  if (to === below) return to
  if (to - below <= SECOND_MS / 2) {
    raw.push({ sign: 1, from: below, to })
    return below
  }
  raw.push({ sign: -1, from: to, to: below + SECOND_MS })
  return below + SECOND_MS
}

function coverSeconds({ start, end }: { start: number; end: number }): readonly BucketRun[] {
  const runs: BucketRun[] = []
  let [from, to] = [start, end]
  for (const [level] of BUCKET_WIDTHS_MS.entries()) {
    const wider = BUCKET_WIDTHS_MS[level + 1]
    const innerFrom = wider === undefined ? to : Math.ceil(from / wider) * wider
    const innerTo = wider === undefined ? to : floorTo(to, wider)
    if (wider === undefined || innerFrom >= innerTo) {
      runs.push({ level, from, to })
      break
    }
    runs.push({ level, from, to: innerFrom }, { level, from: innerTo, to })
    ;[from, to] = [innerFrom, innerTo]
  }
  return runs.filter((run) => run.from < run.to)
}

function floorTo(instant: number, widthMs: number): number {
  return Math.floor(instant / widthMs) * widthMs
}
