import pg from 'pg'
import t from 'tap'
import type { Test } from 'tap'
import { waitUntil } from '../../../bench/layout/wait.ts'
import type { Ledger } from '../../../src/actors/model/ports.ts'
import { READ_KNOWN } from '../../../src/infra/postgres/accept.ts'
import { CLAIM_PARKED, RECLAIM } from '../../../src/infra/postgres/ownership.ts'
import { PLANNER_SETTINGS } from '../../../src/infra/postgres/connection.ts'
import { createPostgresLedger } from '../../../src/infra/postgres/ledger.ts'
import { RECORD, SETTLE } from '../../../src/infra/postgres/outcomes.ts'
import { TTL_MS, acceptMany, attempt, lease, parked } from '../../contracts/ledger-words.ts'
import { idsOf, rejected, request, settled, uuid } from '../../contracts/ledger-words.ts'
import { ledgerContract } from '../../contracts/ledger.ts'
import { LEDGER, runSql, startPostgres } from '../../support/postgres.ts'

const server = await startPostgres(t)

async function open(t: Test, connectionString: string): Promise<Ledger> {
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString })
  t.teardown(() => ledger.close())
  return ledger
}

/** What a role or a database may be set to, each to what it is not by itself. */
const ODD_SETTINGS = {
  array_nulls: 'off',
  transform_null_equals: 'on',
  standard_conforming_strings: 'off',
  default_transaction_isolation: 'serializable',
  default_transaction_deferrable: 'on',
  datestyle: "'German, DMY'",
  intervalstyle: 'sql_standard',
  timezone: "'Asia/Kathmandu'",
  bytea_output: 'escape',
  extra_float_digits: '-15',
  quote_all_identifiers: 'on',
  lc_numeric: "'C'",
  client_min_messages: 'debug5',
}

t.test('the ledger keeps the contract, whatever the database is set to', async (t) => {
  const database = await server.freshDatabase()
  const name = new URL(database).pathname.slice(1)
  // The script is applied by whom its tables belong to, who is not set so.
  await (await open(t, database)).close()
  for (const [setting, value] of Object.entries(ODD_SETTINGS)) {
    await runSql(database, `ALTER DATABASE ${name} SET ${setting} = ${value}`)
  }
  let ledgers: readonly Ledger[] = []

  await ledgerContract(t, async () => {
    await Promise.all(ledgers.map((ledger) => ledger.close()))
    const open = (): Promise<Ledger> =>
      createPostgresLedger({ ...LEDGER, connectionString: database })
    const [first, second] = await Promise.all([open(), open()])
    ledgers = [first, second]
    await runSql(
      database,
      `TRUNCATE payments, settled_totals, leases, commands RESTART IDENTITY;
      UPDATE purges SET count = 0`,
    )
    const passTime = async (durationMs: number): Promise<void> => {
      await runSql(database, passing(durationMs))
    }
    return { first, second, passTime, stepClock: passTime }
  })
  await Promise.all(ledgers.map((ledger) => ledger.close()))
})

// To the ledger it is the same whether its clock goes on, or is set, or all that it noted moves.
function passing(durationMs: number): string {
  return `
    UPDATE payments SET
      accepted_at = accepted_at - interval '${durationMs} ms',
      due_at = due_at - interval '${durationMs} ms',
      parked_at = parked_at - interval '${durationMs} ms',
      claimed_at = claimed_at - interval '${durationMs} ms',
      default_doubt_until_ms = default_doubt_until_ms - ${durationMs},
      fallback_doubt_until_ms = fallback_doubt_until_ms - ${durationMs};
    UPDATE commands SET at = at - interval '${durationMs} ms',
      until = until - interval '${durationMs} ms';
    UPDATE leases SET owned_from = owned_from - interval '${durationMs} ms',
      parked_from = parked_from - interval '${durationMs} ms'`
}

/** A connection of its own in a transaction, ended with the test at the latest. */
async function openTransaction(t: Test, connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  t.teardown(() => client.end())
  await client.query('BEGIN')
  return client
}

/** Until a statement waits for a lock in that database. */
async function waitsForLock(database: string): Promise<void> {
  const waiting = `SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'`
  await waitUntil({ what: 'a statement waits for a lock' }, async () => {
    return (await runSql(database, waiting)).length > 0
  })
}

t.test(
  'the status of an open payment has what it waits for, its unknown outcomes and its owner',
  async (t) => {
    const ledger = await open(t, await server.freshDatabase())
    const mine = await lease(ledger, 'mine')
    await acceptMany(ledger, { ...mine, count: 3 })
    const unknownOutcomes = [
      { processor: 'default', requestedAt: 1_000, remainingMs: 20_000 },
      { processor: 'fallback', requestedAt: null, remainingMs: 10_000 },
    ] as const
    await ledger.record([parked(1, { delayMs: 5_000, unknownOutcomes }), rejected(3)], mine)

    const waiting = await ledger.find(uuid(1))
    const owned = await ledger.find(uuid(2))
    const final = await ledger.find(uuid(3))

    t.match(waiting, { state: 'parked', waitsFor: 'retryQueue', ownedBy: undefined })
    t.match(
      waiting?.unknownOutcomes?.map(({ processor, requestedAt }) => [processor, requestedAt]),
      [
        ['default', 1_000],
        ['fallback', null],
      ],
    )
    const left = waiting?.unknownOutcomes?.map(({ remainingMs }) => Math.ceil(remainingMs / 1_000))
    t.strictSame(left, [20, 10])
    t.match(owned, {
      state: 'pending',
      waitsFor: 'owner',
      ownedBy: 'mine',
      attemptsKnownTo: 'mine',
      unknownOutcomes: undefined,
    })
    t.match(final, { state: 'rejected', waitsFor: undefined, ownedBy: undefined })
    for (const status of [waiting, final]) t.equal(status?.attemptsKnownTo, undefined)
  },
)

t.test(
  'a batch is written in the order of its ids, so that nobody waits in a circle',
  async (t) => {
    const database = await server.freshDatabase()
    const ledger = await open(t, database)
    const mine = await lease(ledger)

    await ledger.accept(
      [6, 2, 4].map((n) => request(n)),
      { ...mine, parked: false },
    )
    await ledger.accept(
      [5, 1, 3].map((n) => request(n)),
      { ...mine, parked: true },
    )

    const rows = await runSql(database, 'SELECT correlation_id AS id FROM payments ORDER BY ctid')
    t.same(
      rows.map(({ id }) => id),
      [2, 4, 6, 1, 3, 5].map(uuid),
    )
  },
)

t.test('instances that start at once on an empty database all get their tables', async (t) => {
  const database = await server.freshDatabase()

  const ledgers = await Promise.all([1, 2, 3, 4].map(() => open(t, database)))

  for (const ledger of ledgers) t.ok((await lease(ledger)).leaseId > 0)
})

t.test('the tables of an older Pit get what they lack', async (t) => {
  const database = await server.freshDatabase()
  await open(t, database)
  await runSql(
    database,
    'ALTER TABLE payments DROP COLUMN parked_at; DROP TABLE applied_schema, applied_migrations',
  )

  const ledger = await open(t, database)

  const mine = await lease(ledger)
  await acceptMany(ledger, { ...mine, count: 1 })
  await ledger.record([parked(1, { delayMs: 0 })], mine)
  const [claimed] = await ledger.claimParked([uuid(1)], mine)
  t.type(claimed?.parkedAt, 'number')
})

t.test(
  'payments whose lease is missing in the table are taken over, in doubt from now on',
  async (t) => {
    const database = await server.freshDatabase()
    const [first, second] = await Promise.all([open(t, database), open(t, database)])
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 2 })
    await runSql(database, 'DELETE FROM leases')
    const theirs = await lease(second, 'b')

    const sweep = { limit: 10, settleByMs: 30_000, expired: [] }
    const { payments: claims } = await second.takeOver({ ...theirs, ...sweep })

    t.strictSame(idsOf(claims), [uuid(1), uuid(2)])
    const remaining = claims.flatMap((claim) =>
      claim.unknownOutcomes.map((doubt) => doubt.remainingMs),
    )
    t.strictSame(remaining, [30_000, 30_000, 30_000, 30_000])
  },
)

t.test('a renewal that is being committed saves its lease from a takeover', async (t) => {
  const database = await server.freshDatabase()
  const [first, second] = await Promise.all([open(t, database), open(t, database)])
  const mine = await lease(first)
  await acceptMany(first, { ...mine, count: 1 })
  const theirs = await lease(second, 'b')
  const sweep = { ...theirs, limit: 10, settleByMs: 30_000 }
  const { leases } = await second.takeOver({ ...sweep, expired: [] })
  const renewing = await openTransaction(t, database)
  await renewing.query('UPDATE leases SET expires_at = now() WHERE id = $1', [mine.leaseId])

  const taking = second.takeOver({
    ...sweep,
    expired: leases.filter((each) => each.leaseId === mine.leaseId),
  })
  await waitsForLock(database)
  await renewing.query('COMMIT')

  t.strictSame((await taking).payments, [])
  t.match(await first.renewLease({ ...mine, ttlMs: 1_000 }), { held: true })
})

t.test('nobody is said to know the attempts of a payment whose owner is gone', async (t) => {
  const ledger = await open(t, await server.freshDatabase())
  const gone = await lease(ledger, 'gone')
  await acceptMany(ledger, { ...gone, count: 1 })
  await ledger.releaseLease(gone.leaseId)

  const status = await ledger.find(uuid(1))

  t.match(status, { ownedBy: 'gone', attemptsKnownTo: undefined })
})

t.test('leases leave the table once they are revoked and own nothing', async (t) => {
  const database = await server.freshDatabase()
  const first = await open(t, database)
  const [mine, dead] = [await lease(first), await lease(first)]
  await acceptMany(first, { ...mine, count: 1 })
  await first.accept([request(2), request(3)], { ...dead, parked: false })
  for (let turn = 0; turn < 5; turn += 1) {
    await first.releaseLease((await lease(first)).leaseId)
  }
  await first.releaseLease(dead.leaseId)
  const idsLeft = async () => {
    await first.takeOver({ ...mine, limit: 1, settleByMs: 30_000, expired: [] })
    const rows = await runSql(database, 'SELECT id FROM leases ORDER BY id')
    return rows.map(({ id }) => id)
  }

  t.strictSame(await idsLeft(), [mine.leaseId, dead.leaseId], 'of one its payments are left')
  t.strictSame(await idsLeft(), [mine.leaseId])
})

t.test('operators see until when a lease was held', async (t) => {
  const database = await server.freshDatabase()
  const ledger = await open(t, database)
  const { leaseId } = await lease(ledger)
  const leftMs = async (): Promise<number> => {
    const text = 'SELECT extract(epoch FROM expires_at - now())::float8 * 1000 AS left FROM leases'
    return Number((await runSql(database, text))[0]?.['left'])
  }

  t.ok((await leftMs()) > 0)
  await ledger.renewLease({ leaseId, ttlMs: 10 * TTL_MS })
  t.ok((await leftMs()) > TTL_MS)
  await ledger.releaseLease(leaseId)
  t.ok((await leftMs()) <= 0)
})

t.test('what is written as a duration is rounded up, so that nothing ends early', async (t) => {
  const database = await server.freshDatabase()
  const ledger = await open(t, database)
  const mine = await lease(ledger)
  await acceptMany(ledger, { ...mine, count: 1 })
  const unknownOutcomes = [
    { processor: 'fallback', requestedAt: null, remainingMs: 6.2 } as const,
    { processor: 'default', requestedAt: 9, remainingMs: 4.2 } as const,
  ]
  await ledger.record([parked(1, { delayMs: 2.2, unknownOutcomes })], mine)

  const rows = await runSql(
    database,
    `SELECT extract(epoch FROM due_at - parked_at)::float8 * 1000 AS delay,
      default_doubt_until_ms - at AS default, fallback_doubt_until_ms - at AS fallback
    FROM payments, LATERAL (SELECT (extract(epoch FROM parked_at) * 1000)::bigint) AS p (at)`,
  )

  t.match(rows, [{ delay: 3, default: '5', fallback: '7' }])
})

t.test('what a processor said is kept in any language, except for what has no text', async (t) => {
  const ledger = await open(t, await server.freshDatabase())
  const mine = await lease(ledger)
  await acceptMany(ledger, { ...mine, count: 2 })
  const said = (detail: string) => ({ attempts: [{ ...attempt('default', 'refused'), detail }] })

  await ledger.record([settled(1, said('größer als 日本'))], mine)
  await ledger.record([settled(2, said('a\u0000b\ud800c'))], mine)

  t.match(await ledger.find(uuid(1)), said('größer als 日本'))
  t.match(await ledger.find(uuid(2)), said('a?b?c'))
})

t.test('settlements are counted under a lease of any number', async (t) => {
  const database = await server.freshDatabase()
  const ledger = await open(t, database)
  await runSql(database, 'ALTER TABLE leases ALTER COLUMN id RESTART WITH 2147483600')
  const mine = await lease(ledger)
  await acceptMany(ledger, { ...mine, count: 1 })

  await ledger.record([settled(1)], mine)

  t.equal((await ledger.summarize({}, [])).summary.default.payments, 1)
})

t.test('operators read payments as words, decimals and timestamps', async (t) => {
  const database = await server.freshDatabase()
  const ledger = await open(t, database)
  const mine = await lease(ledger, 'pit-1')
  await acceptMany(ledger, { ...mine, count: 4 })
  await ledger.record([settled(1), parked(2), rejected(3)], mine)

  const rows = await runSql(database, 'SELECT * FROM payments_readable ORDER BY correlation_id')

  t.match(rows, [
    { state: 'settled', processor: 'default', amount: '19.90', requested_at: new Date(1_000) },
    { state: 'parked', lease_id: null },
    { state: 'rejected' },
    { state: 'owned', instance_id: 'pit-1' },
  ])
})

t.test(
  'a count of more than 10,000 open payments is an estimate, and never below that',
  async (t) => {
    const database = await server.freshDatabase()
    const ledger = await open(t, database)
    await runSql(
      database,
      `INSERT INTO payments (correlation_id, amount_cents, due_at)
    SELECT gen_random_uuid(), 1, now() FROM generate_series(1, 12000); ANALYZE payments`,
    )

    const { parked: counted, owned } = await ledger.countOpen()

    t.ok(counted > 10_000 && counted < 14_000, `${counted}`)
    t.equal(owned, 0)
  },
)

t.test(
  'the oldest open payment tells its age, parked or owned, and one that ended does not',
  async (t) => {
    const database = await server.freshDatabase()
    const ledger = await open(t, database)
    const insert = (age: string, columns: string, values: string) =>
      runSql(
        database,
        `INSERT INTO payments (correlation_id, amount_cents, accepted_at, ${columns})
      VALUES (gen_random_uuid(), 1, now() - interval '${age}', ${values})`,
      )
    const ageMs = async (): Promise<number> => (await ledger.countOpen()).oldestMs

    t.equal(await ageMs(), 0)
    await insert('9 hours', 'state', '2')
    t.equal(await ageMs(), 0)
    await insert('1 hour', 'due_at', 'now()')
    t.ok((await ageMs()) >= 3_600_000 && (await ageMs()) < 7_200_000)
    await insert('2 hours', 'owner', String((await lease(ledger)).leaseId))
    t.ok((await ageMs()) >= 7_200_000 && (await ageMs()) < 10_800_000)
  },
)

// Planned on empty tables, as on the first connection to a new database: an index that holds all
// open payments looks as cheap there as the primary key, and costs a scan of the backlog later.
t.test('payments are read by id through the primary key only', async (t) => {
  const database = await server.freshDatabase()
  await open(t, database)

  for (const { name, text } of [SETTLE, RECORD, CLAIM_PARKED, READ_KNOWN, RECLAIM]) {
    const explain = `EXPLAIN (GENERIC_PLAN) ${text}`
    const rows = await runSql(database, `${PLANNER_SETTINGS}; ${explain}`)
    const indexes = JSON.stringify(rows).match(/payments_\w+/g) ?? []
    const whole = JSON.stringify(rows).match(/Scan using payments_pkey[^,]*,[^,]*Filter/g)
    t.strictSame([...new Set(indexes)], ['payments_pkey'], name)
    t.equal(whole, null, `${name} does not go through the whole index`)
  }
})
