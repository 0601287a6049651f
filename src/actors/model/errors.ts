// The closed set of failures that actors decide on. Adapters translate what their library throws
// into one of these; decisions look at `code`, never at text. And the rule what is none of them.

import { AssertionError } from 'node:assert'

/** PostgreSQL could not do what was asked within its bound. */
export class LedgerUnavailable extends Error {
  override readonly name = 'LedgerUnavailable'
  readonly code = 'ledger_unavailable'
  /**
   * What became of a write: `none` is certainly not committed; `unknown` means that the connection
   * was lost or the answer did not come in time after the write had been sent.
   */
  readonly outcome: 'none' | 'unknown'
  /** Set where PostgreSQL refused the statement for what it was given, and will again. */
  readonly refusal: Refusal | undefined

  constructor(operation: string, outcome: 'none' | 'unknown', cause?: unknown, refusal?: Refusal) {
    super(`ledger: ${operation} failed${cause === undefined ? '' : `: ${wordsOf(cause)}`}`, {
      cause,
    })
    this.outcome = outcome
    this.refusal = refusal
  }
}

/** PostgreSQL's own refusal of a statement, as opposed to a server that cannot serve now. */
export interface Refusal {
  /** Five characters; the first two are its class. */
  readonly sqlState: string
  /** The server's words, on one line and bounded. */
  readonly words: string
}

/** A failure that is such a refusal. */
export type StatementRefused = LedgerUnavailable & { readonly refusal: Refusal }

export function isRefused(error: unknown): error is StatementRefused {
  return error instanceof LedgerUnavailable && error.refusal !== undefined
}

/** Whether a value was refused (class 22, data, or 23, constraint) and not the statement. */
export function isOfValue({ sqlState }: Refusal): boolean {
  return sqlState.startsWith('22') || sqlState.startsWith('23')
}

/** Whether it is the statement that is refused (class 0A, 3F, 42), as without a right or a column. */
export function isOfStatement({ sqlState }: Refusal): boolean {
  return /^(?:0A|3F|42)/.test(sqlState)
}

/** Whether somebody else holds a row, or the table, for longer than a statement waits for a lock. */
export function isHeld({ sqlState }: Refusal): boolean {
  return sqlState === '55P03'
}

/** The lease that a write named is no longer held: another instance may own its payments. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost'
  readonly code = 'lease_lost'

  constructor(operation: string) {
    super(`ledger: ${operation} refused, the lease was revoked`)
  }
}

/** An order is for an instance that no lease is of, though others are known: those. */
export class NoSuchInstance extends Error {
  override readonly name = 'NoSuchInstance'
  readonly code = 'no_such_instance'
  readonly known: readonly string[]

  constructor(instanceId: string, known: readonly string[]) {
    super(`No instance is called ${instanceId}: ${known.join(', ')} ${verb(known)} known.`)
    this.known = known
  }
}

function verb({ length }: readonly string[]): string {
  return length === 1 ? 'is' : 'are'
}

/** What the ledger holds of this payment cannot be read: somebody else wrote to its tables. */
export class DamagedPayment extends Error {
  override readonly name = 'DamagedPayment'
  readonly code = 'damaged_payment'

  constructor(correlationId: string) {
    super(`ledger: the row of payment ${correlationId} cannot be read`)
  }
}

/** Redis could not do what was asked within its bound. The caller goes on without it. */
export class CacheUnavailable extends Error {
  override readonly name = 'CacheUnavailable'
  readonly code = 'cache_unavailable'

  constructor(operation: string, cause?: unknown) {
    super(`redis: ${operation} failed`, { cause })
  }
}

/**
 * Whether an error is a mistake in a program and not a failure of the world: a broken assertion, or
 * one of the errors that JavaScript itself raises for wrong code. What the network, PostgreSQL,
 * Redis and their libraries have to tell comes in classes of their own or as a plain `Error`.
 * Adapters let a bug through: taken for an outage it would be tried again for ever, and told to
 * nobody.
 */
export function isBug(error: unknown): boolean {
  return BUGS.some((kind) => error instanceof kind)
}

const BUGS = [AssertionError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]

/** What a ledger's promise may be rejected with; anything else is a bug. */
export type LedgerFailure = LedgerUnavailable | LeaseLost

/** Whether a ledger's promise was rejected as expected; anything else is a bug. */
export function isLedgerFailure(error: unknown): error is LedgerFailure {
  return error instanceof LedgerUnavailable || error instanceof LeaseLost
}

/**
 * Why PostgreSQL did not do what was asked, for those who may not read its words: it was too slow, or
 * somebody held a lock; it refuses the statement; or it cannot be reached, or takes no statements.
 */
export type LedgerTrouble = 'late' | 'refused' | 'away'

export function troubleOf(failure: LedgerFailure): LedgerTrouble {
  if (isRefused(failure)) return 'refused'
  const code = codeOf(failure.cause)
  // What Pit itself gives up, since it takes too long or too much waits, has no code.
  return failure instanceof LedgerUnavailable && (code === '' || LATE.has(code)) ? 'late' : 'away'
}

/** A statement, and a wait for a lock, that took longer than its session lets them. */
const LATE = new Set(['57014', '55P03'])

/** The expected failure of a ledger's promise. A bug is thrown on. */
export function ledgerFailureOf(error: unknown): LedgerFailure {
  if (isLedgerFailure(error)) return error
  throw error
}

/** The expected failure of a cache's promise. A bug is thrown on. */
export function cacheFailureOf(error: unknown): CacheUnavailable {
  if (error instanceof CacheUnavailable) return error
  throw error
}

/** The error that an event carries, as `params` of a guard or an action. */
export function errorIn({ event }: { readonly event: { readonly error: unknown } }): unknown {
  return event.error
}

/** Longest text that is taken from a cause, characters. */
const WORDS_MAX = 300

/**
 * What a server or a library said, on one line and with its code, for logs and for people:
 * `permission denied for table leases (42501)`.
 */
export function wordsOf(cause: unknown): string {
  // One for each address that was tried; Node gives them no message of their own.
  if (cause instanceof AggregateError && cause.errors.length > 0) {
    return [...new Set(cause.errors.map(wordsOf))].join('; ').slice(0, WORDS_MAX)
  }
  if (!(cause instanceof Error)) return String(cause).slice(0, WORDS_MAX)
  const said = cause.message.replace(/\s+/g, ' ').slice(0, WORDS_MAX) || cause.name
  const code = codeOf(cause)
  // Pit's own codes are lower case, and its messages say the same in words.
  return /^[a-z_]*$/.test(code) || said.includes(code) ? said : `${said} (${code})`
}

/** The code that an error carries: PostgreSQL's SQLSTATE, Node's `ECONNREFUSED`; '' without one. */
export function codeOf(cause: unknown): string {
  const code: unknown = cause instanceof Error ? Reflect.get(cause, 'code') : undefined
  return typeof code === 'string' ? code : ''
}

/** The message of the error that an event carries, for a fact in the telemetry. */
export function causeOf(event: { readonly type: string; readonly error?: unknown }): string {
  return event.error instanceof Error ? event.error.message : String(event.error)
}
