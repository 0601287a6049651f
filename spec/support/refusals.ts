// PostgreSQL's refusals, as its adapter tells them.

import {
  LedgerUnavailable,
  isRefused,
  type StatementRefused,
} from '../../src/actors/model/errors.ts'

/** A refusal with this SQLSTATE. */
export function refusalBy(sqlState: string): StatementRefused {
  const failure = new LedgerUnavailable('record', 'none', undefined, { sqlState, words: 'no' })
  if (!isRefused(failure)) throw new Error('a failure with a refusal is one')
  return failure
}
