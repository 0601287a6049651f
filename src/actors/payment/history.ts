// A payment's history: what became of each charge, bounded, and who has denied the payment.

import assert from 'node:assert'
import { countAttempts, type Attempt, type ProcessorName } from '../model/payment.ts'

/** Attempts kept per payment, newest last; older ones are dropped. */
export const ATTEMPTS_KEPT_MAX = 16

/** The history with one more attempt, bounded. */
export function withAttempt(attempts: readonly Attempt[], ended: Attempt): readonly Attempt[] {
  if (attempts.length === 0) return [ended]
  if (attempts.length < ATTEMPTS_KEPT_MAX) return [...attempts, ended]
  return [...withoutOldest(attempts), { ...ended, number: countAttempts(attempts) + 1 }]
}

/** Rounded to the microsecond. */
export function roundedMs(durationMs: number): number {
  return Math.round(durationMs * 1000) / 1000
}

/** The oldest one goes without which it is still known who has denied the payment. */
function withoutOldest(attempts: readonly Attempt[]): readonly Attempt[] {
  const denier = deniedBy(attempts)
  const oldest = attempts.findIndex((_, index) => deniedBy(attempts.toSpliced(index, 1)) === denier)
  assert(oldest !== -1, 'of many attempts one decides nothing')
  return attempts.toSpliced(oldest, 1)
}

/**
 * The processor that has denied the payment; null when none has. Once both have, it is rejected, or
 * too young for that or redriven later: then both are asked anew.
 */
export function deniedBy(attempts: readonly Attempt[]): ProcessorName | null {
  let denier: ProcessorName | null = null
  for (const { outcome, processor } of attempts) {
    if (outcome !== 'denied') continue
    denier = denier === null || denier === processor ? processor : null
  }
  return denier
}

/** Whether a charge of the payment there had no answer that says what became of it. */
export function hasHungAt(attempts: readonly Attempt[], name: ProcessorName): boolean {
  return attempts.some(({ processor, outcome }) => processor === name && outcome === 'inDoubt')
}

/** Where the payment was charged last, as far as is known; null: nowhere. */
export function lastAt(attempts: readonly Attempt[]): ProcessorName | null {
  return attempts.at(-1)?.processor ?? null
}
