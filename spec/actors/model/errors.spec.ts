import t from 'tap'
import { LedgerUnavailable, wordsOf } from '../../../src/actors/model/errors.ts'

t.test('a failure’s words are one line with the code, which is said once', async (t) => {
  const error = (message: string, code?: string) => Object.assign(new Error(message), { code })
  const refused = error('connect ECONNREFUSED ::1:5432', 'ECONNREFUSED')

  t.equal(wordsOf(error('permission denied', '42501')), 'permission denied (42501)')
  t.equal(wordsOf(error('two\n  lines')), 'two lines')
  t.equal(wordsOf(refused), 'connect ECONNREFUSED ::1:5432')
  t.equal(
    wordsOf(new AggregateError([refused, refused, error('x', '08006')])),
    `${refused.message}; x (08006)`,
  )
  t.equal(wordsOf(new TypeError('')), 'TypeError')
  t.equal(wordsOf('text'), 'text')
  t.equal(wordsOf(error('x'.repeat(1_000))).length, 300)
})

t.test('a failure of the ledger names the call that failed, and why', async (t) => {
  const cause = Object.assign(new Error('read-only'), { code: '25006' })
  const inner = new LedgerUnavailable('readKnown', 'none', cause)

  t.equal(inner.message, 'ledger: readKnown failed: read-only (25006)')
  t.equal(
    new LedgerUnavailable('accept', 'none', inner).message,
    'ledger: accept failed: ledger: readKnown failed: read-only (25006)',
  )
  t.equal(new LedgerUnavailable('find', 'none').message, 'ledger: find failed')
})
