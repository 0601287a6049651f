// One pool of connections: what its calls reject with, and how many may wait.

import assert from 'node:assert'
import pg from 'pg'
import t from 'tap'
import type { Parameter } from '../../../src/infra/postgres/connection.ts'
import { PostgresPool } from '../../../src/infra/postgres/pool.ts'
import { INTEGER, type Query, type Statement } from '../../../src/infra/postgres/rows.ts'
import { startPostgres } from '../../support/postgres.ts'

const server = await startPostgres(t)
const connectionString = await server.freshDatabase()
const pool = new PostgresPool({
  connectionString,
  applicationName: 'pit spec',
  connectTimeoutMs: 10_000,
  statementTimeoutMs: 60_000,
  size: 1,
  timeoutMs: 60_000,
})
t.teardown(() => pool.close())

const ONE = {
  name: 'one',
  effect: 'reads',
  columns: { value: INTEGER },
  text: 'SELECT $1::int AS value',
} satisfies Query

/** Keeps the only connection busy for as long as a spec holds the lock. */
const WAIT: Statement = {
  name: 'wait',
  effect: 'reads',
  text: 'SELECT pg_advisory_xact_lock(1)',
}

t.test('a bug within a statement stays a bug, and is no failure of the ledger', async (t) => {
  // pg asks a parameter for its text while it sends the statement.
  const toPostgres = (): never => assert.fail('a planted bug')
  const planted = { toPostgres } as unknown as Parameter

  const sent = pool.run(ONE, [planted])
  await t.rejects(sent, { code: 'ERR_ASSERTION', message: 'a planted bug' })
  const unfit = pool.runForRow(ONE, [null])
  await t.rejects(unfit, { code: 'ERR_ASSERTION', message: /^one returns value/ })

  t.strictSame(await pool.run(ONE, [7]), [{ value: 7 }], 'the connection serves on')
})

t.test('any other error that a statement throws is a failure of the ledger', async (t) => {
  const toPostgres = (): never => {
    throw new Error('a library says no')
  }
  const planted = { toPostgres } as unknown as Parameter

  await t.rejects(pool.run(ONE, [planted]), { code: 'ledger_unavailable' })
})

t.test('a thousand statements wait in their order, and one more is refused at once', async (t) => {
  const lock = new pg.Client({ connectionString })
  await lock.connect()
  t.teardown(() => lock.end())
  await lock.query('SELECT pg_advisory_lock(1)')
  const busy = pool.execute(WAIT, [])
  const order: number[] = []
  const waiting = Array.from({ length: 1_000 }, async (_, index) => {
    const { value } = await pool.runForRow(ONE, [index])
    order.push(value)
  })

  const refused = pool.run(ONE, [0])
  await t.rejects(refused, { code: 'ledger_unavailable', outcome: 'none' })
  t.equal(order.length, 0, 'before any of the others was served')
  await lock.query('SELECT pg_advisory_unlock(1)')
  await Promise.all([busy, ...waiting])

  t.same(
    order,
    Array.from({ length: 1_000 }, (_, index) => index),
  )
})
