// Windows to be summed up: of one length, anywhere in a span. Pure but for the chance it is given.

import type { TimeWindow } from '../../src/actors/model/payment.ts'
import type { Span } from './rows.ts'

export type WindowKind = 'second' | 'minute' | 'hour' | 'all'

export const WINDOW_KINDS: readonly WindowKind[] = ['second', 'minute', 'hour', 'all']

const LENGTHS_MS = { second: 1000, minute: 60_000, hour: 3_600_000 } as const

/**
 * A window that begins at any millisecond of the span and, if the span is long enough, ends in it.
 * @param random 0 to 1.
 */
export function windowOf(kind: WindowKind, span: Span, random: () => number): TimeWindow {
  if (kind === 'all') return {}
  const lengthMs = LENGTHS_MS[kind]
  const roomMs = Math.max(0, span.to - span.from - lengthMs)
  const from = span.from + Math.floor(random() * (roomMs + 1))
  return { from, to: from + lengthMs - 1 }
}
