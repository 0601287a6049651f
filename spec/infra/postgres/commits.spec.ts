// Which commits are on disk when they are answered, at a server that is set not to wait for that.

import t from 'tap'
import type { Test } from 'tap'
import { createPostgresLedger } from '../../../src/infra/postgres/ledger.ts'
import {
  DELAYS,
  lease,
  parked,
  rejected,
  request,
  settled,
  uuid,
} from '../../contracts/ledger-words.ts'
import { LEDGER, runSql, startPostgres } from '../../support/postgres.ts'

const server = await startPostgres(t)

const SWEEP = { limit: 99, settleByMs: 30_000 }
const SETTLE_BY = { settleByMs: 30_000 }

t.test('a server that commits late has on disk whose a payment is', async (t) => {
  const { ledger, isOnDisk, accept } = await lateLedger(t)
  const [mine, theirs] = [await lease(ledger), await lease(ledger, 'b')]
  const clients = await lease(ledger, 'c')
  const third = [{ correlationId: uuid(3), fencingToken: 0 }]
  await accept(mine, [1, 2, 3])
  const expired = async () => {
    const { leases } = await ledger.takeOver({ ...theirs, ...SWEEP, expired: [] })
    return leases.filter((each) => each.leaseId === mine.leaseId)
  }
  const writes: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['acquireLease', () => lease(ledger)],
    ['renewLease', () => ledger.renewLease({ ...mine, ttlMs: 1_000 })],
    ['a park', () => ledger.record([parked(1, { delayMs: 0 })], mine)],
    ['claimDue', () => ledger.claimDue({ ...mine, limit: 1, ...DELAYS })],
    ['a park', () => ledger.record([parked(1, { fencingToken: 1 })], mine)],
    ['claimParked', () => ledger.claimParked([uuid(1)], mine)],
    ['a rejection', () => ledger.record([rejected(2)], mine)],
    ['reclaim', () => ledger.reclaim(third, { ...mine, ...SETTLE_BY })],
    ['takeOver', async () => ledger.takeOver({ ...theirs, ...SWEEP, expired: await expired() })],
    ['releaseLease', () => ledger.releaseLease(theirs.leaseId)],
  ]

  for (const [index, [name, write]] of writes.entries()) {
    await accept(clients, [100 + index])
    const before = await isOnDisk()
    await write()
    t.strictSame([before, await isOnDisk()], [false, true], name)
  }
})

t.test('a server that commits late takes accepts and settlements as it is set', async (t) => {
  const { ledger, isOnDisk, accept } = await lateLedger(t)
  const mine = await lease(ledger)

  t.equal(await isOnDisk(), true)
  await accept(mine, [1, 2])
  t.equal(await isOnDisk(), false)
  await ledger.renewLease({ ...mine, ttlMs: 1_000 })
  t.equal(await isOnDisk(), true)
  await ledger.record([settled(1), settled(2)], mine)
  t.equal(await isOnDisk(), false)
})

/** A ledger at a server with `synchronous_commit` off, whose own writer of its log stands still. */
async function lateLedger(t: Test) {
  const connectionString = await server.freshDatabase()
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString })
  t.teardown(() => ledger.close())
  // It would write to the log, too.
  await runSql(connectionString, 'ALTER SYSTEM SET autovacuum = off')
  await runSql(connectionString, 'SELECT pg_reload_conf()')
  const writer = `SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'`
  const pid = Number((await runSql(connectionString, writer))[0]?.['pid'])
  process.kill(pid, 'SIGSTOP')
  t.teardown(() => process.kill(pid, 'SIGCONT'))

  const isOnDisk = async (): Promise<unknown> => {
    const text = 'SELECT pg_current_wal_insert_lsn() <= pg_current_wal_flush_lsn() AS is_flushed'
    return (await runSql(connectionString, text))[0]?.['is_flushed']
  }
  const accept = (mine: { readonly leaseId: number }, numbers: readonly number[]) => {
    const batch = numbers.map((n) => request(n))
    return ledger.accept(batch, { ...mine, parked: false })
  }
  return { ledger, isOnDisk, accept }
}
