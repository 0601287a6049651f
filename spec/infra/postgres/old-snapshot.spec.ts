// What statements read while somebody holds an old snapshot: PostgreSQL keeps each version and each
// entry of an index that came since, and no scan may go through all of them.

import assert from 'node:assert/strict'
import { copyFile, mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import type { Ledger } from '../../../src/actors/model/ports.ts'
import { PLANNER_SETTINGS } from '../../../src/infra/postgres/connection.ts'
import { createPostgresLedger } from '../../../src/infra/postgres/ledger.ts'
import type { PostgresLedgerConfig } from '../../../src/infra/postgres/ledger.ts'
import { waitUntil } from '../../../bench/layout/wait.ts'
import { SETTLE } from '../../../src/infra/postgres/outcomes.ts'
import { CLAIM_DUE, LIST_OWNED } from '../../../src/infra/postgres/ownership.ts'
import { IS_HELD } from '../../../src/infra/postgres/sql.ts'
import { COUNT_FROM_WATERMARKS } from '../../../src/infra/postgres/status-reads.ts'
import { DROP_LEASES, TAKE_OVER } from '../../../src/infra/postgres/takeover.ts'
import { WholeScans } from '../../../src/infra/postgres/watermarks.ts'
import { projectFile } from '../../../src/infra/process/project-file.ts'
import { DELAYS, TTL_MS, lease, parked, request } from '../../contracts/ledger-words.ts'
import { settled, uuid } from '../../contracts/ledger-words.ts'
import { openTransaction } from '../../support/migrations.ts'
import { LEDGER, makeEnterableFolder, runSql, startPostgres } from '../../support/postgres.ts'

const server = await startPostgres(t, { autovacuum: 'off' })

const BATCH = 50
const HOLD = 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM leases'

interface World {
  readonly url: string
  readonly ledger: Ledger
  readonly leaseId: number
  /** A lease of another instance. */
  readonly other: number
}

async function worldOf(t: Test): Promise<World> {
  const url = await server.freshDatabase()
  // What is committed is seen by the next scan.
  const config = { ...LEDGER, connectionString: url, slowestCommitMs: 0 }
  const ledger = await createPostgresLedger(config)
  t.teardown(() => ledger.close())
  const [{ leaseId }, { leaseId: other }] = [await lease(ledger), await lease(ledger, 'b')]
  return { url, ledger, leaseId, other }
}

interface Passing {
  readonly payments: number
  /** Settlements of one payment, each of which updates the totals. */
  readonly flushes: number
  readonly renewals: number
}

/** Payments that pass in batches, every fifth of these parked and claimed in between. */
async function pass(world: World, { payments, flushes, renewals }: Passing): Promise<void> {
  const { ledger, leaseId, other } = world
  const accept = (ns: readonly number[]): Promise<unknown> =>
    ledger.accept(
      ns.map((n) => request(n)),
      { leaseId, parked: false },
    )
  for (let first = 1; first <= payments; first += BATCH) {
    const ns = numbersFrom(first, BATCH)
    await accept(ns)
    if ((first - 1) % (5 * BATCH) === 0) {
      const outcomes = ns.map((n) => parked(n, { delayMs: 0 }))
      await ledger.record(outcomes, { leaseId })
      await ledger.claimDue({ leaseId, limit: BATCH, ...DELAYS })
    }
    const outcomes = ns.map((n) => settled(n))
    await ledger.record(outcomes, { leaseId })
  }
  for (const n of numbersFrom(payments + 1, flushes)) {
    await accept([n])
    await ledger.record([settled(n)], { leaseId })
  }
  await scanAll(world)
  for (let renewal = 0; renewal < renewals; renewal += 1) {
    await ledger.renewLease({ leaseId: other, ttlMs: TTL_MS })
  }
  await accept(numbersFrom(payments + flushes + 1, 5))
}

/** As every second. */
async function scanAll({ ledger, leaseId }: World): Promise<void> {
  await ledger.listOwned({ leaseId, limit: 10 })
  await ledger.claimDue({ leaseId, limit: 10, ...DELAYS })
  await ledger.renewLease({ leaseId, ttlMs: TTL_MS })
}

function numbersFrom(first: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => first + index)
}

/** A statement, and what it is executed with, in SQL. */
interface Ask {
  readonly name: string
  readonly text: string
  readonly values: readonly string[]
}

function scans({ leaseId, other }: World, isWhole = false): readonly Ask[] {
  return [
    { ...TAKE_OVER, values: [`${other}`, '0', '100', `'{}'`, `'{}'`, `${isWhole}`] },
    { ...CLAIM_DUE, values: [`${leaseId}`, '100', '60000', '0', `${isWhole}`] },
    { ...LIST_OWNED, values: [`${leaseId}`, '100', '0', `${isWhole}`] },
    { ...COUNT_FROM_WATERMARKS, values: ['10000'] },
    { name: 'isHeld', text: IS_HELD, values: [`${other}`] },
  ]
}

/** The five payments that came last, in the rows that the ledger adds to now. */
async function settlement({ url, leaseId }: World): Promise<Ask> {
  const open = await runSql(url, 'SELECT correlation_id AS id FROM payments WHERE state = 0')
  const [top] = await runSql(url, 'SELECT max(shard)::int AS shard FROM settled_totals')
  assert.equal(open.length, 5)
  const ids = open.map(({ id }) => String(id)).join()
  const values = [`${leaseId}`, `${Number(top?.['shard'])}::smallint`, '0', `'{${ids}}'`]
  const each = (value: string): string => Array.from(open, () => value).join()
  return {
    ...SETTLE,
    values: [...values, `'{${each('1')}}'`, `'{${each('1000')}}'`, `'[${each('[]')}]'`],
  }
}

/** Pages that it reads; one that is read again counts again. */
async function pagesOf({ url }: World, { text, values }: Ask): Promise<number> {
  const execute = values.length === 0 ? 'ask' : `ask (${values.join(', ')})`
  const explain = `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE ${execute}`
  const rows = await runSql(url, `${PLANNER_SETTINGS}; PREPARE ask AS ${text}; ${explain}`)
  const [{ 'QUERY PLAN': plan } = {}] = rows
  const [{ Plan: top }] = plan as [{ Plan: Readonly<Record<string, number>> }]
  return (top['Shared Hit Blocks'] ?? 0) + (top['Shared Read Blocks'] ?? 0)
}

t.test('under an old snapshot no statement reads more than twice as much', async (t) => {
  const [fresh, old] = [await worldOf(t), await worldOf(t)]
  await openTransaction(t, old.url, HOLD)
  await pass(fresh, { payments: 5 * BATCH, flushes: 1, renewals: 1 })
  await pass(old, { payments: 50_000, flushes: 1_500, renewals: 1_000 })
  const compare = async (ask: Ask, same: Ask): Promise<void> => {
    const [before, pages] = [await pagesOf(fresh, same), await pagesOf(old, ask)]
    t.ok(pages <= 2 * before + 4, `${ask.name}: ${pages} pages, ${before} on a fresh ledger`)
  }

  for (const [index, ask] of scans(old).entries()) {
    await compare(ask, scans(fresh)[index] ?? ask)
  }
  await compare(await settlement(old), await settlement(fresh))
  for (const ask of scans(old, true).slice(1, 3)) {
    const pages = await pagesOf(old, ask)
    t.ok(pages > 100, `a whole ${ask.name} goes through all that is dead: ${pages} pages`)
  }
  for (const { ledger, leaseId } of [fresh, old]) await ledger.releaseLease(leaseId)
  const drop = { ...DROP_LEASES, values: [] }
  for (const ask of [scans(old)[0] ?? drop, drop]) await compare(ask, scans(fresh)[0] ?? drop)
  t.same(await runSql(old.url, 'SELECT id FROM leases'), [{ id: old.other }])
  const [sums] = await runSql(old.url, 'SELECT sum(payments)::int AS n FROM settled_totals')
  t.equal(sums?.['n'], 4 * 51_505)
})

t.test('without an old snapshot totals stay in the rows of their lease', async (t) => {
  const world = await worldOf(t)

  await pass(world, { payments: BATCH, flushes: 1_500, renewals: 1 })

  const shards = await runSql(world.url, 'SELECT DISTINCT shard FROM settled_totals')
  t.same(shards, [{ shard: world.leaseId % 16 }])
})

/** Runs a scan and gives the ids of the payments that it finds. */
async function found({ url }: World, { text, values }: Ask): Promise<readonly unknown[]> {
  const execute = `PREPARE ask AS ${text}; EXECUTE ask (${values.join(', ')})`
  return (await runSql(url, execute)).flatMap(({ correlation_id: id }) => id ?? [])
}

const HOURS_AGO = "now() - interval '2 hours'"

/** Payment 99, as if its transaction had been committed hours after it had begun. */
const LATE: Readonly<Record<'parked' | 'owned', (world: World) => string>> = {
  parked: () => `(correlation_id, amount_cents, due_at) VALUES ('${uuid(99)}', 1, ${HOURS_AGO})`,
  owned: ({ leaseId }) =>
    `(correlation_id, amount_cents, accepted_at, owner)
    VALUES ('${uuid(99)}', 1, ${HOURS_AGO}, ${leaseId})`,
}

for (const [kind, index] of [
  ['parked', 1],
  ['owned', 2],
] as const) {
  t.test(`what is ${kind} below a watermark is found by a whole scan`, async (t) => {
    const world = await worldOf(t)
    const ask = (isWhole: boolean): Ask => scans(world, isWhole)[index] ?? assert.fail()
    await scanAll(world)
    await runSql(world.url, `INSERT INTO payments ${LATE[kind](world)}`)

    t.same(await found(world, ask(false)), [], 'and by no other')
    t.same(await found(world, ask(true)), [uuid(99)])
  })

  t.test(`no watermark counts while the clock is behind it: ${kind}`, async (t) => {
    const world = await worldOf(t)
    await scanAll(world)
    await runSql(
      world.url,
      `INSERT INTO payments ${LATE[kind](world)};
      UPDATE leases SET owned_from = now() + interval '1 hour',
        parked_from = now() + interval '1 hour'`,
    )

    t.match(await world.ledger.countOpen(), { parked: 0, owned: 0, [kind]: 1 })
    t.same(await found(world, scans(world)[index] ?? assert.fail()), [uuid(99)])
  })

  t.test(
    `a watermark stays below what was ${kind} before it: at each scan it is found`,
    async (t) => {
      const world = await worldOf(t)
      await runSql(world.url, `INSERT INTO payments ${LATE[kind](world)}`)
      await runSql(
        world.url,
        "UPDATE payments SET due_at = now() + interval '1 minute' WHERE owner IS NULL",
      )

      for (const turn of [1, 2, 3]) {
        await scanAll(world)
        t.match(await world.ledger.countOpen(), { [kind]: 1 }, `scan ${turn}`)
      }
      const [row] = await runSql(world.url, 'SELECT max(owned_from) < now() AS is_past FROM leases')
      t.equal(row?.['is_past'], true)
    },
  )
}

t.test('a list that is cut off sets no watermark', async (t) => {
  const world = await worldOf(t)
  await world.ledger.accept(
    [1, 2, 3].map((n) => request(n)),
    { leaseId: world.leaseId, parked: false },
  )

  await world.ledger.listOwned({ leaseId: world.leaseId, limit: 3 })
  await world.ledger.renewLease({ leaseId: world.leaseId, ttlMs: TTL_MS })

  const text = `SELECT owned_from FROM leases WHERE id = ${world.leaseId}`
  t.same(await runSql(world.url, text), [{ owned_from: null }])
})

t.test('a takeover takes what a dead instance has claimed, however old it is', async (t) => {
  const world = await worldOf(t)
  const { ledger, leaseId, other } = world
  await ledger.accept([request(1)], { leaseId, parked: true })
  await runSql(world.url, `UPDATE payments SET accepted_at = ${HOURS_AGO}`)
  await scanAll(world)
  await ledger.renewLease({ leaseId, ttlMs: TTL_MS })
  await ledger.releaseLease(leaseId)

  const [takeOver] = scans(world)
  assert(takeOver)

  t.same(await found(world, takeOver), [uuid(1)])
  t.same(await ledger.listOwned({ leaseId: other, limit: 5 }), [
    { correlationId: uuid(1), fencingToken: 2 },
  ])
})

t.test('whole scans take one part in a hundred of the time', async (t) => {
  let now = 0
  const wholeScans = new WholeScans(() => now)
  const scan = (tookMs: number): Promise<boolean> =>
    wholeScans.scan((isWhole) => {
      now += tookMs
      return Promise.resolve(isWhole)
    })

  t.equal(await scan(20), true, 'the first one')
  now += 1_999
  t.equal(await scan(0), false)
  now += 1
  t.equal(await scan(500), true)
  now += 49_999
  t.equal(await scan(0), false)
  now += 1
  await t.rejects(wholeScans.scan(() => Promise.reject(new Error('it took too long'))))
  t.equal(await scan(0), true, 'one that failed at once is repeated at once')
})

t.test(
  'payments from before the watermarks are taken over, and their index is made anew',
  async (t) => {
    const url = await server.freshDatabase()
    const folder = join(await makeEnterableFolder(), 'migrations')
    t.teardown(() => rm(dirname(folder), { recursive: true, force: true }))
    await mkdir(folder)
    for (const file of ['0001-tables.sql', '0002-histories.sql']) {
      await copyFile(projectFile(`compose/migrations/${file}`), join(folder, file))
    }
    const base = { ...LEDGER, connectionString: url, slowestCommitMs: 0 }
    await (await createPostgresLedger({ ...base, migrations: { folder, required: 2 } })).close()
    await runSql(
      url,
      `INSERT INTO leases (instance_id, expires_at) VALUES ('earlier', now());
    INSERT INTO payments (correlation_id, amount_cents, owner) VALUES ('${uuid(1)}', 1, 1)`,
    )
    const applied = new Set<string>()
    const onMigration: PostgresLedgerConfig['onMigration'] = (news) => {
      if (news.state === 'applied') applied.add(news.migration.slice(5))
    }
    const ledger = await createPostgresLedger({ ...base, onMigration })
    t.teardown(() => ledger.close())
    await waitUntil({ what: 'the index is made' }, () =>
      Promise.resolve(applied.has('owned-since')),
    )
    const { leaseId } = await lease(ledger)

    await runSql(url, 'UPDATE leases SET revoked = true WHERE id = 1')
    const { payments } = await ledger.takeOver({ leaseId, limit: 5, settleByMs: 0, expired: [] })

    t.match(payments, [{ correlationId: uuid(1), fencingToken: 1 }])
    t.match(
      await runSql(url, "SELECT indexdef FROM pg_indexes WHERE indexname LIKE 'payments_owned%'"),
      [{ indexdef: /payments_owned ON .*owner, COALESCE\(claimed_at, accepted_at\)/ }],
    )
  },
)

t.test('autovacuum goes by counts, not by shares of a table', async (t) => {
  const { url } = await worldOf(t)
  const tables = ['payments', 'settled_totals', 'leases']

  const rows = await runSql(
    url,
    `SELECT relname, reloptions FROM pg_class WHERE relname IN ('${tables.join("', '")}')`,
  )

  t.equal(rows.length, tables.length)
  for (const { relname, reloptions } of rows) {
    const options = String(reloptions)
    t.match(options, /autovacuum_vacuum_scale_factor=0\b(?!\.)/, String(relname))
    t.match(options, /autovacuum_analyze_scale_factor=0\b(?!\.)/)
    t.match(options, /autovacuum_vacuum_threshold=\d+/)
  }
})
