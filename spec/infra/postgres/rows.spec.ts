import t from 'tap'
import type { Test } from 'tap'
import type { Ledger } from '../../../src/actors/model/ports.ts'
import { createPostgresLedger } from '../../../src/infra/postgres/ledger.ts'
import {
  ATTEMPTS,
  FLOAT,
  INTEGER,
  PROCESSOR,
  STATE,
  TEXT,
  TEXTS,
  nullable,
  readOnlyRow,
  readRows,
  type Column,
  type Query,
} from '../../../src/infra/postgres/rows.ts'
import { attempt, lease, request, settled, uuid } from '../../contracts/ledger-words.ts'
import { LEDGER, runSql, startPostgres } from '../../support/postgres.ts'

const QUERY = {
  name: 'findThings',
  effect: 'reads',
  columns: { id: INTEGER, label: nullable(TEXT) },
  text: '',
} satisfies Query

t.test('rows that fit their query are returned unchanged', async (t) => {
  const rows = [
    { id: 1, label: 'one' },
    { id: Number.MAX_SAFE_INTEGER, label: null },
  ]

  t.equal(readRows(QUERY, rows), rows)
  t.strictSame(readRows(QUERY, []), [])
  t.equal(readOnlyRow(QUERY, rows.slice(0, 1)), rows[0])
})

t.test('a row that does not fit names its query and its column, and not its value', async (t) => {
  const strangers: readonly (readonly [row: object, message: string])[] = [
    [{ id: null, label: null }, 'findThings returns id as an exact whole number, and it is null'],
    [{ label: 'x' }, 'findThings returns id as an exact whole number, and it is undefined'],
    [{ id: 'secret' }, 'findThings returns id as an exact whole number, and it is string'],
    [
      { id: 2 ** 53, label: null },
      'findThings returns id as an exact whole number, and it is number',
    ],
    [{ id: 1, label: 2 }, 'findThings returns label as a text or null, and it is number'],
    [{ id: 1 }, 'findThings returns label as a text or null, and it is undefined'],
  ]
  for (const [row, message] of strangers) {
    const read = (): unknown => readRows(QUERY, [{ id: 1, label: null }, row])
    t.throws(read, { code: 'ERR_ASSERTION', message })
  }
})

t.test('a query for one row fails on none and on two', async (t) => {
  for (const rows of [
    [],
    [
      { id: 1, label: null },
      { id: 2, label: null },
    ],
  ]) {
    const message = `findThings returns one row, not ${rows.length}`
    t.throws(() => readOnlyRow(QUERY, rows), { code: 'ERR_ASSERTION', message })
  }
})

t.test('each type of column accepts what PostgreSQL may return, and nothing else', async (t) => {
  const kinds: readonly (readonly [Column<unknown>, readonly unknown[], readonly unknown[]])[] = [
    [INTEGER, [0, -1, 2 ** 53 - 1], [0.5, NaN, Infinity, 2 ** 53, '1', 1n, null]],
    [FLOAT, [0.5, -1], [NaN, Infinity, '0.5', null]],
    [PROCESSOR, [1, 2], [0, 3, '1', null]],
    [STATE, [0, 1, 2], [3, -1, '0', null]],
    [TEXTS, [[], ['a']], [['a', null], 'a', null]],
    [ATTEMPTS, [[], [A], [{ ...A, detail: undefined }]], [null, {}, [null], [{}], ['x']]],
  ]
  for (const [kind, good, bad] of kinds) {
    for (const value of good) t.ok(kind.fits(value), `${String(value)} is ${kind.takes}`)
    for (const value of bad) t.notOk(kind.fits(value), `${String(value)} is not ${kind.takes}`)
  }
})

const A = attempt('default', 'settled')

t.test(
  'an attempt fits only if it is complete, with any reason that a version of Pit wrote',
  async (t) => {
    const broken = [
      { processor: 'other' },
      { requestedAt: '1000' },
      { reason: null },
      { outcome: 'lost' },
      { outcome: 'toString' },
      { tookMs: null },
      { detail: 7 },
    ]
    for (const change of broken) {
      t.notOk(ATTEMPTS.fits([A, { ...A, ...change }]), JSON.stringify(change))
    }
    t.ok(ATTEMPTS.fits([{ ...A, reason: 'aReasonOfLater' }]))
  },
)

const server = await startPostgres(t)

/** A ledger over tables that were changed after it had opened, and its lease. */
async function ledgerOver(
  t: Test,
  change: string,
): Promise<{ ledger: Ledger; mine: { leaseId: number; parked: boolean } }> {
  const database = await server.freshDatabase()
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString: database })
  t.teardown(() => ledger.close())
  const mine = { ...(await lease(ledger)), parked: false }
  await ledger.accept([request(1)], mine)
  await ledger.accept([request(2)], { ...mine, parked: true })
  await ledger.record([settled(1)], mine)
  await runSql(database, change)
  return { ledger, mine }
}

function brokenIn(query: string, column: string): { code: string; message: RegExp } {
  return { code: 'ERR_ASSERTION', message: new RegExp(`^${query} returns ${column}\\b`) }
}

t.test('a lease without a row is a bug, not the lease 0', async (t) => {
  const { ledger } = await ledgerOver(
    t,
    `CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER no_leases BEFORE INSERT ON leases FOR EACH ROW EXECUTE FUNCTION nothing()`,
  )

  await t.rejects(lease(ledger), brokenIn('acquireLease', 'one row, not 0'))
})

t.test('a missing count of purges is a bug, and not 0', async (t) => {
  const { ledger, mine } = await ledgerOver(t, 'DELETE FROM purges')

  await t.rejects(ledger.renewLease({ ...mine, ttlMs: 1_000 }), brokenIn('renewLease', 'purges'))
  await t.rejects(ledger.accept([request(3)], mine), brokenIn('acceptOne', 'purges'))
  await t.rejects(ledger.accept([request(4), request(5)], mine), brokenIn('accept', 'purges'))
  await t.rejects(ledger.purge(), brokenIn('purge', 'one row, not 0'))
})

t.test('a count of purges beyond exact numbers is a bug, and not NaN', async (t) => {
  const { ledger, mine } = await ledgerOver(t, `UPDATE purges SET count = 9007199254740991`)

  await ledger.renewLease({ ...mine, ttlMs: 1_000 })
  await t.rejects(ledger.purge(), brokenIn('purge', 'count'))
})

t.test('a payment settled at an unknown processor is a bug, and not the fallback', async (t) => {
  const { ledger } = await ledgerOver(
    t,
    `ALTER TABLE payments DROP CONSTRAINT payments_processor_check;
    UPDATE payments SET processor = 3 WHERE state = 1`,
  )

  await t.rejects(ledger.find(uuid(1)), brokenIn('find', 'processor'))
})

t.test('a claimed payment without a fencing token is a bug', async (t) => {
  const { ledger, mine } = await ledgerOver(
    t,
    `ALTER TABLE payments ALTER claim DROP NOT NULL; UPDATE payments SET claim = NULL`,
  )

  await t.rejects(ledger.claimDue({ ...mine, limit: 9 }), brokenIn('claimDue', 'claim'))
})

t.test('malformed attempts are a bug in each query that reads them', async (t) => {
  const { ledger, mine } = await ledgerOver(t, `UPDATE payments SET attempts = '[{"x": 1}]'`)

  await t.rejects(ledger.find(uuid(1)), brokenIn('find', 'attempts'))
  await t.rejects(ledger.claimParked([uuid(2)], mine), brokenIn('claimParked', 'attempts'))
})

t.test('an unreadable answer to the second statement of an accept is a bug', async (t) => {
  const { ledger, mine } = await ledgerOver(
    t,
    `UPDATE payments SET amount_cents = 9007199254740993`,
  )

  await t.rejects(ledger.accept([request(1)], mine), brokenIn('readKnown', 'amount_cents'))
})
