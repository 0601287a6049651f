// Where the ledger finds a payment that controls can ask for, and what that costs in large tables.

import t from 'tap'
import { createPostgresLedger } from '../../../src/infra/postgres/ledger.ts'
import { PLANNER_SETTINGS } from '../../../src/infra/postgres/connection.ts'
import { FIND_CONTROL } from '../../../src/infra/postgres/known-control.ts'
import { acceptMany, lease, settled, uuid } from '../../contracts/ledger-words.ts'
import { LEDGER, runSql, startPostgres } from '../../support/postgres.ts'

const server = await startPostgres(t)

t.test(
  'where payments were settled and have been moved away, there is no control and not none',
  async (t) => {
    const connectionString = await server.freshDatabase()
    const ledger = await createPostgresLedger({ ...LEDGER, connectionString })
    t.teardown(() => ledger.close())
    const mine = await lease(ledger)
    await acceptMany(ledger, { ...mine, count: 3 })
    await ledger.record([settled(1), settled(2, { requestedAt: 1_001 })], mine)

    await runSql(connectionString, 'DELETE FROM payments WHERE requested_at_ms = 1001')
    t.strictSame(await ledger.findControl('default'), { kind: 'found', correlationId: uuid(1) })
    await runSql(connectionString, 'DELETE FROM payments WHERE requested_at_ms = 1000')
    t.strictSame(await ledger.findControl('default'), { kind: 'gone' })

    await ledger.record([settled(3, { requestedAt: 2_000 })], mine)
    t.strictSame(await ledger.findControl('default'), { kind: 'found', correlationId: uuid(3) })
  },
)

/** One payment of `fallback`, then one of `default` every two minutes for 100 days, and totals. */
const MANY = `
  INSERT INTO payments (correlation_id, amount_cents, state, processor, requested_at_ms, owner)
  SELECT md5(n::text)::uuid, 1, 1, CASE WHEN n = 0 THEN 2 ELSE 1 END, n * 120000::bigint, 1
  FROM generate_series(0, 72000) AS n;
  INSERT INTO settled_totals (level, bucket_ms, processor, shard, payments, cents)
  SELECT l.level, p.requested_at_ms - p.requested_at_ms % l.width_ms, p.processor, 0, count(*), 1
  FROM payments p
  CROSS JOIN (VALUES (0, 1000::bigint), (1, 60000), (2, 3600000), (3, 86400000))
    AS l (level, width_ms)
  GROUP BY 1, 2, 3;`

/** Pages of the two tables that such a call may read: a scan of one level would read hundreds. */
const PAGES_MAX = 100

// As a connection has planned it that was opened on a new database, and as one plans it later.
t.test('a control that was settled long ago is found in a few dozen pages, by index', async (t) => {
  const database = await server.freshDatabase()
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString: database })
  t.teardown(() => ledger.close())
  const prepare = `${PLANNER_SETTINGS}; PREPARE ask AS ${FIND_CONTROL.text}`
  const explain = 'EXPLAIN (ANALYZE, BUFFERS) EXECUTE ask (2)'

  const plans = [
    await runSql(database, `${prepare}; EXECUTE ask (2); ${MANY} ${explain}`),
    await runSql(database, `ANALYZE payments, settled_totals; ${prepare}; ${explain}`),
  ]

  for (const rows of plans) {
    const lines = rows.map((row) => String(row['QUERY PLAN']))
    const plan = lines.join('\n')
    const [, hit, , read = '0'] = /Buffers: shared hit=(\d+)( read=(\d+))?/.exec(plan) ?? []
    const pages = Number(hit) + Number(read)
    t.ok(pages <= PAGES_MAX, `${pages} pages`, { plan })
    const indexes = plan.match(/(payments|settled)_\w+(?= on)/g) ?? []
    t.strictSame([...new Set(indexes)].sort(), ['payments_settled', 'settled_totals_pkey'])
    t.notMatch(plan, /Seq Scan|Sort/)
  }
  t.match(await ledger.findControl('fallback'), { kind: 'found' })
  t.match(await ledger.findControl('default'), { kind: 'found' })
})
