// How an instance archives while it serves: again and again, telling what it has done and why not.

import t from 'tap'
import type { DroppedPartitions } from '../../../src/infra/postgres/archive-partitions.ts'
import { archiveOnce } from '../../../src/infra/postgres/archive-pass.ts'
import type { ArchiverOptions } from '../../../src/infra/postgres/archiver.ts'
import { createPostgresLedger } from '../../../src/infra/postgres/ledger.ts'
import { waitUntil } from '../../../bench/layout/wait.ts'
import { uuid } from '../../contracts/ledger-words.ts'
import {
  DAY_MS,
  HOUR_MS,
  SETTINGS,
  openArchiving,
  payment,
  startArchived,
} from '../../support/archive.ts'
import { openTransaction } from '../../support/migrations.ts'
import { LEDGER, startPostgres } from '../../support/postgres.ts'

const server = await startPostgres(t)

function old(n: number) {
  const requestedAt = Date.now() - 3 * HOUR_MS
  return { correlationId: uuid(n), processor: 'default', requestedAt, amountCents: 1_990 } as const
}

/** Without a pause between the passes. */
function tellingAll(told: string[]): ArchiverOptions {
  return {
    ...SETTINGS,
    pauseMs: 1,
    onWaiting: (reason) => told.push(reason),
    onArchived: ({ payments }) => told.push(`${payments} archived`),
    onDropped: ({ table }) => told.push(`${table} dropped`),
  }
}

t.test('an instance archives by itself, and says each time why it does not', async (t) => {
  const world = await startArchived(t, server)
  await world.settle([old(1)])
  await world.sql(`INSERT INTO leases (instance_id, expires_at) VALUES ('older', now())`)
  const told: string[] = []
  const archive = tellingAll(told)
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString: world.url, archive })
  t.teardown(() => ledger.close())
  const sessions = `SELECT pid FROM pg_stat_activity
    WHERE application_name = 'pit archiving' AND datname = current_database()`
  const passes = new Set<unknown>()
  await waitUntil({ what: 'several passes were made' }, async () => {
    for (const { pid } of await world.sql(sessions)) passes.add(pid)
    // The spec has such a session, too.
    return passes.size > 3
  })
  t.ok(told.length > 1)
  t.match(told.at(-1), /repeats of archived payments for new: older$/)

  await world.sql('UPDATE leases SET revoked = true')
  await waitUntil({ what: 'it was archived' }, () => told.includes('1 archived'))

  t.same(await world.counts(), [0, 1, 1])
})

t.test('an instance that closes does not wait for what it archives', async (t) => {
  const world = await startArchived(t, server)
  await world.settle([old(1)])
  const told: string[] = []
  const archive = tellingAll(told)
  const writer = await openTransaction(t, world.url, 'LOCK TABLE payments IN ROW EXCLUSIVE MODE')
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString: world.url, archive })
  await waitUntil({ what: 'it waits for the writer' }, async () => (await world.counts())[2] > 0)

  await ledger.close()

  t.same(await world.counts(), [1, 0, 1])
  t.same(told, [])
  await writer.query('COMMIT')
})

t.test('a rate of 0 archives nothing, in no session', async (t) => {
  const world = await startArchived(t, server)
  const unheard = (): void => void t.fail('nothing is to be told')
  const told = { onWaiting: unheard, onArchived: unheard, onDropped: unheard }
  const archive = { ...SETTINGS, ...told, rateMax: 0, pauseMs: 1 }
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString: world.url, archive })
  await world.settle([old(1)])

  await ledger.close()

  t.same(await world.counts(), [1, 0, 0])
})

t.test('days and ids that a pass drops are told, though it archives nothing', async (t) => {
  const world = await startArchived(t, server)
  const ages = [110, 65, 4].map((days) => days * DAY_MS)
  await world.settle(ages.map((age, index) => payment(index + 1, age)))
  await world.archive({ knownMs: 120 * DAY_MS })
  const names = await world.sql(`SELECT inhparent::regclass::text AS parent,
    inhrelid::regclass::text AS name FROM pg_inherits
    WHERE inhparent IN ('archived_payments'::regclass, 'known_payments'::regclass) ORDER BY 1, 2`)
  const dropped: DroppedPartitions[] = []
  const archive: ArchiverOptions = {
    ...SETTINGS,
    keepMs: 20 * DAY_MS,
    knownMs: 20 * DAY_MS,
    pauseMs: 1,
    onWaiting: (reason) => t.fail(reason),
    onArchived: () => t.fail('nothing is left to archive'),
    onDropped: (one) => dropped.push(one),
  }

  const ledger = await createPostgresLedger({ ...LEDGER, connectionString: world.url, archive })
  t.teardown(() => ledger.close())
  await waitUntil({ what: 'both are told' }, () => dropped.length > 1)

  t.same(dropped, [
    {
      table: 'archived_payments',
      partitions: 2,
      oldest: names[0]?.['name'],
      youngest: names[1]?.['name'],
    },
    {
      table: 'known_payments',
      partitions: 2,
      oldest: names[3]?.['name'],
      youngest: names[4]?.['name'],
    },
  ])
})

t.test('a day that was dropped is told, though its pass was broken off after that', async (t) => {
  const world = await startArchived(t, server)
  await world.settle([payment(1, 40.5 * DAY_MS), payment(2, 39.5 * DAY_MS)])
  await world.archive()
  const days = await world.sql(`SELECT inhrelid::regclass::text AS name FROM pg_inherits
    WHERE inhparent = 'archived_payments'::regclass ORDER BY 1`)
  const [oldest, next] = days.map(({ name }) => String(name))
  await world.sql(`CREATE VIEW mine AS SELECT FROM ${next}`)
  const dropped: DroppedPartitions[] = []
  const connection = await openArchiving(t, world.url)
  const onDropped = (one: DroppedPartitions): void => void dropped.push(one)

  await t.rejects(archiveOnce(connection, { ...SETTINGS, keepMs: DAY_MS, onDropped }))

  t.same(dropped, [{ table: 'archived_payments', partitions: 1, oldest, youngest: oldest }])
})
