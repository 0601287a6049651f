// How an instance archives while it serves: again and again, telling what it has done and why not.

import t from 'tap'
import type { ArchiverOptions } from '../../../src/infra/postgres/archiver.ts'
import { createPostgresLedger } from '../../../src/infra/postgres/ledger.ts'
import { waitUntil } from '../../../bench/layout/wait.ts'
import { uuid } from '../../contracts/ledger-words.ts'
import { HOUR_MS, SETTINGS, startArchived } from '../../support/archive.ts'
import { openTransaction } from '../../support/migrations.ts'
import { LEDGER, startPostgres } from '../../support/postgres.ts'

const server = await startPostgres(t)

function old(n: number) {
  const requestedAt = Date.now() - 3 * HOUR_MS
  return { correlationId: uuid(n), processor: 'default', requestedAt, amountCents: 1_990 } as const
}

t.test('an instance archives by itself, and says each time why it does not', async (t) => {
  const world = await startArchived(t, server)
  await world.settle([old(1)])
  await world.sql(`INSERT INTO leases (instance_id, expires_at) VALUES ('older', now())`)
  const told: string[] = []
  const archive: ArchiverOptions = {
    ...SETTINGS,
    pauseMs: 1,
    onWaiting: (reason) => told.push(reason),
    onArchived: ({ payments }) => told.push(`${payments} archived`),
  }
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
  const archive: ArchiverOptions = {
    ...SETTINGS,
    pauseMs: 1,
    onWaiting: (reason) => told.push(reason),
    onArchived: ({ payments }) => told.push(`${payments} archived`),
  }
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
  const archive = { ...SETTINGS, rateMax: 0, pauseMs: 1, onWaiting: unheard, onArchived: unheard }
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString: world.url, archive })
  await world.settle([old(1)])

  await ledger.close()

  t.same(await world.counts(), [1, 0, 0])
})
