// From what pg and PostgreSQL throw to what became of a write.

import { LedgerUnavailable } from '../../actors/model/errors.ts'

/** What is known of a statement when it failed: whether its bytes may have reached PostgreSQL. */
export interface Failing {
  readonly operation: string
  readonly effect: 'reads' | 'writes'
  readonly sent: 'no' | 'maybe'
}

/**
 * Translates what pg or the network threw. A statement that PostgreSQL itself rejected (severity
 * ERROR) is rolled back for certain. FATAL and PANIC are not: a server that is shut down may say
 * them between its commit and its answer.
 */
export function toLedgerUnavailable(failing: Failing, cause: unknown): LedgerUnavailable {
  const certain = failing.sent === 'no' || failing.effect === 'reads' || wasRejected(cause)
  return new LedgerUnavailable(failing.operation, certain ? 'none' : 'unknown', cause)
}

// Deadlock, serialization failure, lock not had within lock_timeout.
const RETRIABLE_STATES = new Set(['40P01', '40001', '55P03'])

/** Whether PostgreSQL rolled the statement back for a reason that may be gone the next time. */
export function isRetriable(cause: unknown): boolean {
  return wasRejected(cause) && RETRIABLE_STATES.has(read(cause, 'code'))
}

/**
 * Whether this is PostgreSQL's own word that the statement, and only the statement, failed. It says
 * severities in the language of the server, so the classes of failures count as well.
 */
export function wasRejected(cause: unknown): boolean {
  if (read(cause, 'severity') === 'ERROR') return true
  const code = read(cause, 'code')
  return code === QUERY_CANCELED || STATEMENT_CLASSES.has(code.slice(0, 2))
}

const QUERY_CANCELED = '57014'
// Data, constraints, rollback, syntax and access, object state: never the end of a session.
const STATEMENT_CLASSES = new Set(['22', '23', '40', '42', '55'])

function read(cause: unknown, key: 'severity' | 'code'): string {
  if (typeof cause !== 'object' || cause === null) return ''
  const value: unknown = Reflect.get(cause, key)
  return typeof value === 'string' ? value : ''
}
