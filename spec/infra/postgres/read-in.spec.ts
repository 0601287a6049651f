// Rows of a dump that are read into the tables of a ledger, under sessions that go on, and Redis that
// tells late.

import { randomUUID } from 'node:crypto'
import t from 'tap'
import { CacheUnavailable } from '../../../src/actors/model/errors.ts'
import type { Ledger } from '../../../src/actors/model/ports.ts'
import { DELAYS, TTL_MS, lease, request } from '../../contracts/ledger-words.ts'
import { runSql, startPostgres } from '../../support/postgres.ts'
import {
  LANDS_FOR_MS,
  NOW,
  openWatched,
  renewed,
  sharedRenewals,
} from '../../support/watched-ledgers.ts'

const shared = await startPostgres(t)

/** All rows, read into the same tables: as `pg_restore --data-only` after a TRUNCATE leaves them. */
const READ_IN_AGAIN = ['histories', 'payments', 'leases', 'renewals']
  .map(
    (table) => `CREATE TEMP TABLE saved_${table} AS SELECT * FROM saved.${table};
      TRUNCATE ${table};
      INSERT INTO ${table} OVERRIDING SYSTEM VALUE SELECT * FROM saved_${table};
      DROP TABLE saved_${table};`,
  )
  .join('')

/** Keeps what the ledger has, for `READ_IN_AGAIN`. */
const SAVE = `CREATE SCHEMA saved; ${['histories', 'payments', 'leases', 'renewals']
  .map((table) => `CREATE TABLE saved.${table} AS SELECT * FROM ${table};`)
  .join('')}`

t.test('rows that are read into the same tables are another history', async (t) => {
  const database = await shared.freshDatabase()
  const before = await openWatched(t, database)
  await lease(before.ledger)
  await before.ledger.close()
  await runSql(database, SAVE)
  await runSql(database, READ_IN_AGAIN)

  const { ledger, watch, changes } = await openWatched(t, database)
  await lease(ledger)

  t.equal(watch.doubtUntil(NOW), NOW + LANDS_FOR_MS)
  t.equal(changes.length, 1)
})

const LIVING = {
  accept: (ledger: Ledger, mine: { leaseId: number }): Promise<unknown> =>
    ledger.accept([request(2)], { ...mine, parked: false }),
  renewal: (ledger: Ledger, mine: { leaseId: number }): Promise<unknown> =>
    ledger.renewLease({ ...mine, ttlMs: TTL_MS }),
  claim: (ledger: Ledger, mine: { leaseId: number }): Promise<unknown> =>
    ledger.claimDue({ ...mine, limit: 9, ...DELAYS }),
}

for (const [what, ask] of Object.entries(LIVING)) {
  t.test(`rows that are read in under living sessions are noticed by a ${what}`, async (t) => {
    const database = await shared.freshDatabase()
    const { ledger, watch } = await openWatched(t, database)
    const mine = await lease(ledger)
    await ledger.accept([request(1)], { ...mine, parked: true })
    await runSql(database, SAVE)
    await ask(ledger, mine)
    t.equal(watch.epoch, 0)

    await runSql(database, READ_IN_AGAIN)
    await t.rejects(ask(ledger, mine), { message: /another history/ }, 'its answer is of neither')
    t.equal(watch.epoch, 1)
    await renewed(ledger, mine)

    t.equal(watch.doubtUntil(NOW), NOW + LANDS_FOR_MS)
    t.equal((await runSql(database, 'SELECT FROM histories')).length, 2)
  })
}

t.test('tables that are made anew or emptied under living sessions are noticed', async (t) => {
  const acts = {
    'made anew': `ALTER TABLE payments RENAME TO old;
      CREATE TABLE payments (LIKE old INCLUDING ALL); DROP TABLE old CASCADE`,
    emptied: 'TRUNCATE histories, payments, leases, renewals',
  }
  for (const [what, sql] of Object.entries(acts)) {
    const database = await shared.freshDatabase()
    const { ledger, watch } = await openWatched(t, database)
    const mine = await lease(ledger)
    await renewed(ledger, mine)
    await runSql(database, sql)

    await renewed(ledger, mine)

    t.equal(watch.epoch, 1, what)
    t.equal(watch.doubtUntil(NOW), NOW + LANDS_FOR_MS, what)
  }
})

t.test('tables that are only rewritten are no other history', async (t) => {
  const database = await shared.freshDatabase()
  const { ledger, watch } = await openWatched(t, database)
  const mine = await lease(ledger)
  for (const sql of [
    'VACUUM FULL',
    'VACUUM (FREEZE) histories',
    'CLUSTER histories USING histories_pkey',
    'REINDEX TABLE histories',
    'VACUUM FULL FREEZE histories',
  ]) {
    await runSql(database, sql)
    await renewed(ledger, mine)
  }
  const started = await openWatched(t, database)
  await lease(started.ledger)

  t.equal(watch.epoch, 0)
  t.equal(started.watch.hasChanged, false)
})

t.test('Redis that was away at the start is asked later, before it is told anything', async (t) => {
  const database = await shared.freshDatabase()
  const known = sharedRenewals()
  await known.publish({ systemIdentifier: null, generation: 0, run: randomUUID(), count: 3 })
  const [{ system: systemIdentifier }] = (await runSql(
    database,
    'SELECT system_identifier::text AS system FROM pg_control_system()',
  )) as [{ system: string }]
  await known.publish({ systemIdentifier, generation: 0, run: randomUUID(), count: 3 })
  let isAway = true
  const renewals = {
    ...known,
    read: () => (isAway ? Promise.reject(new CacheUnavailable('readRenewal')) : known.read()),
  }
  const { ledger, watch } = await openWatched(t, database, { renewals })
  const mine = await lease(ledger)
  await renewed(ledger, mine)
  t.equal(watch.hasChanged, false)
  t.equal((await known.read())?.count, 3)

  isAway = false
  while (watch.epoch === 0) await renewed(ledger, mine)
  await renewed(ledger, mine)

  t.equal(watch.doubtUntil(NOW), NOW + LANDS_FOR_MS)
})

t.test('a table that has lost its primary key takes no id for new', async (t) => {
  const database = await shared.freshDatabase()
  const { ledger } = await openWatched(t, database)
  const mine = { ...(await lease(ledger)), parked: false }
  await ledger.accept([request(1)], mine)
  // The first that `pg_restore --clean` does, by itself.
  await runSql(database, 'ALTER TABLE payments DROP CONSTRAINT payments_pkey')

  await t.rejects(ledger.accept([request(1)], mine), /no unique or exclusion constraint/)
  await t.rejects(
    ledger.accept([request(2), request(1)], mine),
    /no unique or exclusion constraint/,
  )
  await t.rejects(
    ledger.accept([request(1)], { ...mine, parked: true }),
    /no unique or exclusion constraint/,
  )

  await runSql(database, 'ALTER TABLE payments ADD CONSTRAINT again PRIMARY KEY (correlation_id)')
  t.same((await ledger.accept([request(1), request(2)], mine)).results, ['known', 'accepted'])
})
