// What is archived, and what clients are told of it: a repeat is never taken for new.

import { copyFile, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { waitUntil } from '../../../bench/layout/wait.ts'
import { archiveOnce } from '../../../src/infra/postgres/archive-pass.ts'
import { createPostgresLedger } from '../../../src/infra/postgres/ledger.ts'
import { projectFile } from '../../../src/infra/process/project-file.ts'
import { parked, rejected, request, settled, uuid } from '../../contracts/ledger-words.ts'
import {
  DAY_MS,
  HOUR_MS,
  NOW,
  SETTINGS,
  openArchiving,
  payment,
  startArchived,
} from '../../support/archive.ts'
import { openTransaction } from '../../support/migrations.ts'
import { LEDGER, makeEnterableFolder, runSql, startPostgres } from '../../support/postgres.ts'

const server = await startPostgres(t)

t.test('an archived payment is found with all it had, and a repeat of it is one', async (t) => {
  const { ledger, leaseId, ...world } = await startArchived(t, server)
  const old = payment(1, 3 * HOUR_MS, { processor: 'fallback' })
  await world.settle([old, payment(2, HOUR_MS / 2)])
  const before = await ledger.find(uuid(1))
  const summary = await ledger.summarize({}, [])

  const pass = await world.archive()

  t.match(pass, { payments: 1 })
  t.ok((pass?.oldestMs ?? 0) >= HOUR_MS / 2 && (pass?.oldestMs ?? 0) < HOUR_MS)
  t.same(await world.counts(), [1, 1, 1])
  t.match(before, { state: 'settled', processor: 'fallback', attempts: [{ outcome: 'settled' }] })
  t.same(await ledger.find(uuid(1)), before)
  t.same(await ledger.summarize({}, []), summary)
  const mine = { leaseId, parked: false }
  t.same((await ledger.accept([request(1)], mine)).results, ['known'])
  t.same((await ledger.accept([request(1), request(3), request(1, 5)], mine)).results, [
    'known',
    'accepted',
    'conflicting',
  ])
  t.same((await ledger.accept([request(1, 5)], { ...mine, parked: true })).results, ['conflicting'])
  t.same(await world.counts(), [2, 1, 1], 'only the new one was written')
})

t.test('a settlement that comes again is no contradiction, and one that differs is', async (t) => {
  const { ledger, leaseId, ...world } = await startArchived(t, server)
  const old = payment(1, 3 * HOUR_MS)
  await world.settle([old])
  await world.archive()

  const again = await ledger.record([settled(1, old)], { leaseId })
  const other = await ledger.record([settled(1, { ...old, requestedAt: 5 })], { leaseId })
  const decided = await ledger.record([rejected(1)], { leaseId })
  const late = await ledger.record([parked(1)], { leaseId })

  t.match(again, [{ why: 'settledBefore' }])
  t.match(other, [{ why: 'settledOtherwise' }])
  t.match([...decided, ...late], [{ why: 'fenced' }, { why: 'fenced' }])
  t.match((await ledger.summarize({}, [])).summary.default, { payments: 1 })
})

t.test('while two clocks differ nothing is archived or dropped, whichever is ahead', async (t) => {
  const { ledger, leaseId, ...world } = await startArchived(t, server)
  await world.settle([payment(1, 12 * DAY_MS), payment(2, HOUR_MS / 2)])
  await world.archive()
  const settings = { keepMs: 10 * DAY_MS, knownMs: 10 * DAY_MS }
  const before = await world.counts()

  for (const [apartMs, words] of [
    [10 * DAY_MS, /PostgreSQL's clock is 86400\d s behind this machine's/],
    [-10 * DAY_MS, /PostgreSQL's clock is 8\d{5} s ahead of this machine's/],
    [61_000, /behind/],
    [-61_000, /ahead of/],
  ] as const) {
    const timeOfDay = (): number => Date.now() + apartMs
    await t.rejects(world.archive({ ...settings, afterMs: 0, timeOfDay }), { message: words })
  }

  t.same(await world.counts(), before)
  const repeated = await ledger.accept([request(1)], { leaseId, parked: false })
  t.same(repeated.results, ['known'])
  const agreed = { timeOfDay: () => Date.now() - 50_000 }
  t.match(await world.archive({ afterMs: 0, ...agreed }), { payments: 1 })
})

t.test('what is open, rejected or young by instant or acceptance stays', async (t) => {
  const { ledger, leaseId, ...world } = await startArchived(t, server)
  await ledger.accept(
    [1, 2, 3, 4].map((n) => request(n)),
    { leaseId, parked: false },
  )
  await ledger.record(
    [
      rejected(1),
      settled(2, { requestedAt: NOW - 3 * HOUR_MS }),
      settled(3, { requestedAt: NOW + HOUR_MS }),
    ],
    { leaseId },
  )
  await world.sql(
    `UPDATE payments SET accepted_at = now() - interval '9 days' WHERE correlation_id <> '${uuid(2)}'`,
  )

  t.match(await world.archive(), { payments: 0 })
  t.same(await world.counts(), [4, 0, 0])
})

t.test('a repeat that waits while its payment is archived is not taken for new', async (t) => {
  const world = await startArchived(t, server)
  const { ledger, leaseId, url } = world
  await world.settle([payment(2, 3 * HOUR_MS)])
  // Written first, in the order of ids: the accept has its snapshot, and waits.
  const other = await openTransaction(
    t,
    url,
    `INSERT INTO payments (correlation_id, amount_cents, owner) VALUES ('${uuid(1)}', 1990, 0)`,
  )
  const accepting = ledger.accept([request(1), request(2)], { leaseId, parked: false })
  await waitUntil({ what: 'the accept waits' }, async () => {
    const waiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'
      AND datname = current_database() AND application_name = 'pit'`
    return (await runSql(url, waiting)).length > 0
  })

  const archiving = world.archive()
  await waitUntil({ what: 'it is known, or moved' }, async () => {
    const [, , known] = await world.counts()
    return known > 0
  })
  t.same(await world.counts(), [1, 0, 1], 'nothing moves while a transaction may insert it anew')
  await other.query('COMMIT')

  t.same((await accepting).results, ['known', 'known'])
  t.match(await archiving, { payments: 1 })
  t.match(await ledger.find(uuid(2)), { state: 'settled' })
  t.same(await world.counts(), [1, 1, 1])
})

t.test('a pass that was broken off between its steps is gone on with', async (t) => {
  const { ledger, leaseId, ...world } = await startArchived(t, server)
  await world.settle([payment(1, 3 * HOUR_MS), payment(2, 3 * HOUR_MS)])
  await world.archive()
  await world.settle([payment(3, 3 * HOUR_MS), payment(4, 3 * HOUR_MS)])
  await world.sql(`INSERT INTO known_payments
    SELECT correlation_id, requested_at_ms, amount_cents FROM payments
    WHERE correlation_id = '${uuid(3)}'`)
  const read = async () => [
    await ledger.find(uuid(3)),
    (await ledger.accept([request(3)], { leaseId, parked: false })).results,
    (await ledger.summarize({}, [])).summary,
  ]
  const before = await read()

  t.match(await world.archive(), { payments: 2 })

  t.same(await world.counts(), [0, 4, 4])
  t.match(before, [{ state: 'settled' }, ['known'], { default: { payments: 4 } }])
  t.same(await read(), before)
})

t.test('one session at a time archives', async (t) => {
  const world = await startArchived(t, server)
  await world.settle([payment(1, 3 * HOUR_MS), payment(2, 2 * HOUR_MS)])
  const other = await openArchiving(t, world.url)
  const writer = await openTransaction(t, world.url, 'LOCK TABLE payments IN ROW EXCLUSIVE MODE')
  const archiving = world.archive()
  await waitUntil({ what: 'it waits for the writer' }, async () => (await world.counts())[2] > 0)

  t.equal(await archiveOnce(other, SETTINGS), undefined)
  await writer.query('COMMIT')

  t.match(await archiving, { payments: 2 })
  t.match(await archiveOnce(other, SETTINGS), { payments: 0 }, 'then another one may')
})

t.test('a purge while payments are archived leaves none of them', async (t) => {
  const world = await startArchived(t, server)
  const { ledger, leaseId } = world
  await world.settle([payment(1, 3 * HOUR_MS), payment(2, 2 * HOUR_MS)])
  await world.archive({ afterMs: 2.5 * HOUR_MS })
  const holder = await openTransaction(t, world.url, 'LOCK TABLE payments IN ROW EXCLUSIVE MODE')
  const archiving = world.archive()
  await waitUntil({ what: 'it waits for the writer' }, async () => (await world.counts())[2] > 1)
  const purging = ledger.purge()
  await holder.query('COMMIT')

  await Promise.all([archiving, purging])

  t.same(await world.counts(), [0, 0, 0])
  t.equal(await ledger.find(uuid(1)), undefined)
  t.same((await ledger.accept([request(1)], { leaseId, parked: false })).results, ['accepted'])
})

t.test('nothing is archived while an instance runs that would not know it', async (t) => {
  const world = await startArchived(t, server)
  await world.settle([payment(1, 3 * HOUR_MS)])
  const columns = `INSERT INTO leases (instance_id, expires_at, code) VALUES`
  await world.sql(`${columns} ('older', now(), NULL), ('old', now(), 2), ('newer', now(), 4)`)

  await t.rejects(world.archive(), { message: /take repeats of .* for new: older, old$/ })
  t.same(await world.counts(), [1, 0, 0])
  await world.sql(`UPDATE leases SET revoked = true WHERE instance_id LIKE 'old%'`)

  t.match(await world.archive(), { payments: 1 })
})

t.test('from the first payment on that is archived, older Pits do not start', async (t) => {
  const world = await startArchived(t, server)
  await world.sql('UPDATE applied_migrations SET needs_code = 0')
  const folder = join(await makeEnterableFolder(), 'migrations')
  t.teardown(() => rm(join(folder, '..'), { recursive: true, force: true }))
  await mkdir(folder)
  for (const file of ['0001-tables.sql', '0002-histories.sql']) {
    await copyFile(projectFile(`compose/migrations/${file}`), join(folder, file))
  }
  const start = async (): Promise<void> => {
    const migrations = { folder, required: 2 }
    const ledger = await createPostgresLedger({
      ...LEDGER,
      connectionString: world.url,
      migrations,
    })
    await ledger.close()
  }

  await world.archive()
  await t.resolves(start(), 'there was nothing to archive')
  await world.settle([payment(1, 3 * HOUR_MS)])
  await t.rejects(world.archive(), { message: /older Pits no longer start/ })
  t.same(await world.counts(), [1, 0, 0], 'one may be starting')

  await t.rejects(start(), { message: /0003-archive .* needs one that knows migration 3/ })
  t.match(await world.archive(), { payments: 1 })
})

t.test('a role that may not make tables is told which, and archives into them', async (t) => {
  const world = await startArchived(t, server)
  await world.settle([payment(1, 3 * HOUR_MS)])
  await world.sql(`CREATE ROLE plain LOGIN PASSWORD 'p'; REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain`)
  const role = Object.assign(new URL(world.url), { username: 'plain', password: 'p' }).href
  const connection = await openArchiving(t, role)
  const archive = (): Promise<unknown> => archiveOnce(connection, SETTINGS)

  await t.rejects(archive(), {
    message:
      /^the role lacks DELETE on payments, DELETE on settled_totals, INSERT on archived_payments/,
  })
  await world.sql(`GRANT DELETE ON payments, settled_totals TO plain;
    GRANT UPDATE ON applied_migrations, archive_progress TO plain; GRANT INSERT, UPDATE ON settled_totals TO plain;
    GRANT INSERT ON archived_payments, known_payments TO plain`)
  for (const table of ['known_payments', 'archived_payments']) {
    const words = await archive().then(
      () => '',
      (error: Error) => error.message,
    )
    const [, sql = ''] = /permission denied for schema public: \w+ needs (.*)$/.exec(words) ?? []
    t.match(sql, `CREATE TABLE ${table}_`)
    await world.sql(sql)
  }

  t.match(await archive(), { payments: 1 })
  t.same(await world.counts(), [0, 1, 1])
})

t.test('a day that is dropped leaves ids, amounts and totals, and then not the ids', async (t) => {
  const { ledger, leaseId, ...world } = await startArchived(t, server)
  const mine = { leaseId, parked: false }
  await world.settle([payment(1, 40 * DAY_MS), payment(2, 4 * DAY_MS), payment(3, 3 * HOUR_MS)])
  await world.archive({ knownMs: 45 * DAY_MS })

  await world.archive({ keepMs: 20 * DAY_MS })
  t.same(await world.counts(), [0, 2, 3])
  t.same(await ledger.find(uuid(1)), {
    correlationId: uuid(1),
    amountCents: 1_990,
    state: 'settled',
    acceptedAt: undefined,
    requestedAt: NOW - 40 * DAY_MS,
    attempts: [],
    reduced: true,
  })
  t.same((await ledger.accept([request(1)], mine)).results, ['known'])
  t.same((await ledger.accept([request(1, 5)], mine)).results, ['conflicting'])
  t.match((await ledger.summarize({}, [])).summary.default, { payments: 3 })

  await world.archive({ keepMs: 20 * DAY_MS, knownMs: 20 * DAY_MS })
  t.same(await world.counts(), [0, 2, 2])
  t.equal(await ledger.find(uuid(1)), undefined)
  t.same((await ledger.accept([request(1)], mine)).results, ['accepted'])
  t.match(await ledger.find(uuid(2)), { state: 'settled', attempts: [{}] })
})

t.test('a session that is lost in the middle of a pass leaves all of it to the next', async (t) => {
  const world = await startArchived(t, server)
  await world.settle(Array.from({ length: 60 }, (_, n) => payment(n + 1, 3 * HOUR_MS + n)))
  const lost = await openArchiving(t, world.url)
  const holder = await openTransaction(t, world.url, 'LOCK TABLE payments IN ROW EXCLUSIVE MODE')
  const archiving = archiveOnce(lost, SETTINGS)
  await waitUntil({ what: 'it waits for the writer' }, async () => (await world.counts())[2] > 0)
  lost.destroy()
  await t.rejects(archiving)
  await holder.query('COMMIT')

  let pass = await world.archive()
  // The server may not have noticed yet whose session is gone.
  await waitUntil({ what: 'its lock is free' }, async () => {
    pass ??= await world.archive()
    return pass !== undefined
  })

  t.match(pass, { payments: 60 })
  t.same(await world.counts(), [0, 60, 60])
})
