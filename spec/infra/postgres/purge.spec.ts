// Which purges a commit counts, when both want the tables at once.

import pg from 'pg'
import t from 'tap'
import type { Test } from 'tap'
import { GIVE_UP_MS, waitUntil } from '../../../bench/layout/wait.ts'
import type { Ledger } from '../../../src/actors/model/ports.ts'
import { createPostgresLedger } from '../../../src/infra/postgres/ledger.ts'
import { lease, request, settled, uuid } from '../../contracts/ledger-words.ts'
import { LEDGER, runSql, startPostgres } from '../../support/postgres.ts'

const server = await startPostgres(t)

async function open(
  t: Test,
): Promise<{ ledger: Ledger; database: string; mine: { leaseId: number; parked: boolean } }> {
  const database = await server.freshDatabase()
  const ledger = await createPostgresLedger({
    ...LEDGER,
    connectionString: database,
    // What waits is released by the spec, however late that is.
    acceptTimeoutMs: GIVE_UP_MS,
    statementTimeoutMs: GIVE_UP_MS,
  })
  t.teardown(() => ledger.close())
  const mine = { ...(await lease(ledger)), parked: false }
  // So that what follows has its plan, and takes its locks, as on any day but the first.
  await ledger.accept([request(99)], mine)
  return { ledger, database, mine }
}

/** Begins a transaction of its own; commits it when called. */
async function begin(t: Test, database: string, sql: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: database })
  t.teardown(() => client.end())
  await client.connect()
  await client.query(`BEGIN; ${sql}`)
  return async () => {
    await client.query('COMMIT')
  }
}

async function untilOneWaits(database: string): Promise<void> {
  await waitUntil({ what: 'a statement waits' }, async () => {
    const rows = await runSql(
      database,
      `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'
        AND application_name = 'pit' AND datname = current_database()`,
    )
    return rows.length > 0
  })
}

t.test('an accept that waited for a purge counts it, and stays', async (t) => {
  const { ledger, database, mine } = await open(t)
  const purge = 'TRUNCATE payments, settled_totals; UPDATE purges SET count = count + 1'
  const commit = await begin(t, database, purge)

  const accepting = ledger.accept([request(1)], mine)
  await untilOneWaits(database)
  await commit()

  t.strictSame(await accepting, { results: ['accepted'], purges: 1 })
  t.equal((await ledger.find(uuid(1)))?.state, 'pending')
})

t.test('an accept that a purge waited for does not count it, and is gone', async (t) => {
  const { ledger, database, mine } = await open(t)
  const other = `INSERT INTO payments (correlation_id, amount_cents, owner)
    VALUES ('${uuid(1)}', 1, 0)`
  const commit = await begin(t, database, other)

  const accepting = ledger.accept([request(1), request(2)], mine)
  await untilOneWaits(database)
  const purging = ledger.purge()
  await commit()
  const [accepted, purged] = await Promise.allSettled([accepting, purging])

  t.match(purged, { status: 'fulfilled', value: { purges: 1 } })
  // Its second round trip may find that the payment whose amount it compares is gone.
  if (accepted.status === 'fulfilled') t.match(accepted.value, { purges: 0 })
  else t.match(accepted.reason, { code: 'ledger_unavailable', outcome: 'unknown' })
  t.equal(await ledger.find(uuid(2)), undefined)
  await ledger.record([settled(2)], mine)
  t.equal((await ledger.summarize({}, [])).summary.default.payments, 0)
})
