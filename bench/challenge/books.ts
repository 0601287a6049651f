// Comparing Pit's books with the processors'. Pure.

import type { ProcessorName, ProcessorTotal, Summary } from '../../src/actors/model/payment.ts'

/** Pit's figure minus the processor's own; all 0 when the books agree. */
export interface BooksDifference {
  readonly default: ProcessorTotal
  readonly fallback: ProcessorTotal
}

export const PROCESSOR_NAMES: readonly ProcessorName[] = ['default', 'fallback']

export const NO_BOOKS: ProcessorTotal = { payments: 0, cents: 0 }

export function subtractBooks(pit: Summary, processors: Summary): BooksDifference {
  return {
    default: subtract(pit.default, processors.default),
    fallback: subtract(pit.fallback, processors.fallback),
  }
}

/** Whether both agree per processor, in count and in cents. */
export function booksAgree(difference: BooksDifference): boolean {
  return PROCESSOR_NAMES.every(
    (name) => difference[name].payments === 0 && difference[name].cents === 0,
  )
}

/**
 * The challenge's own formula, in payments: what Pit has too many of at one processor and too few
 * of at the other cancels out, and amounts do not count.
 */
export function countInconsistencies(difference: BooksDifference): number {
  return Math.abs(difference.default.payments + difference.fallback.payments)
}

export function countPayments(books: Summary): number {
  return books.default.payments + books.fallback.payments
}

function subtract(one: ProcessorTotal, other: ProcessorTotal): ProcessorTotal {
  return { payments: one.payments - other.payments, cents: one.cents - other.cents }
}
