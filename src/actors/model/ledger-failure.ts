// A rejected ledger call is either an expected failure or a bug; bugs are not caught.

import { CacheUnavailable, LeaseLost, LedgerUnavailable, type LedgerFailure } from './errors.ts'

/** The expected failure; anything else is thrown on. */
export function ledgerFailureOf(error: unknown): LedgerFailure {
  if (error instanceof LedgerUnavailable || error instanceof LeaseLost) return error
  throw error
}

/** The expected failure; anything else is thrown on. */
export function cacheFailureOf(error: unknown): CacheUnavailable {
  if (error instanceof CacheUnavailable) return error
  throw error
}

/** Whether a write that failed so may have been done all the same. */
export function mayBeDone(error: unknown): boolean {
  return error instanceof LedgerUnavailable && error.outcome === 'unknown'
}

/** What an event that carries an error says, for a fact in the telemetry. */
export function causeOf(event: { readonly type: string; readonly error?: unknown }): string {
  return event.error instanceof Error ? event.error.message : String(event.error)
}
