// What a call tells when the connection is lost between a statement and its answer.

import t from 'tap'
import type { Test } from 'tap'
import type { Ledger } from '../../../src/actors/model/ports.ts'
import { createPostgresLedger } from '../../../src/infra/postgres/ledger.ts'
import {
  DELAYS,
  TTL_MS,
  acceptMany,
  lease,
  parked,
  request,
  settled,
  uuid,
} from '../../contracts/ledger-words.ts'
import { LEDGER, startPostgres, startProxy } from '../../support/postgres.ts'

const server = await startPostgres(t)

type Lease = { readonly leaseId: number }
type Calls = Readonly<Record<string, (ledger: Ledger, mine: Lease) => Promise<unknown>>>

const SWEEP = { limit: 9, settleByMs: 1_000 }
const named = [{ correlationId: uuid(1), fencingToken: 0 }]

const WRITES: Calls = {
  acquireLease: (ledger) => lease(ledger),
  renewLease: (ledger, mine) => ledger.renewLease({ ...mine, ttlMs: TTL_MS }),
  acceptOne: (ledger, mine) => ledger.accept([request(7)], { ...mine, parked: false }),
  accept: (ledger, mine) => ledger.accept([request(8), request(9)], { ...mine, parked: false }),
  acceptParked: (ledger, mine) => ledger.accept([request(10)], { ...mine, parked: true }),
  settle: (ledger, mine) => ledger.record([settled(2)], mine),
  record: (ledger, mine) => ledger.record([parked(3)], mine),
  claimDue: (ledger, mine) => ledger.claimDue({ ...mine, limit: 1, ...DELAYS }),
  claimParked: (ledger, mine) => ledger.claimParked([uuid(3)], mine),
  reclaim: (ledger, mine) => ledger.reclaim(named, { ...mine, settleByMs: 1_000 }),
  takeOver: (ledger, mine) => ledger.takeOver({ ...mine, ...SWEEP, expired: [] }),
  releaseLease: (ledger, mine) => ledger.releaseLease(mine.leaseId),
}

const READS: Calls = {
  readKnown: (ledger, mine) => ledger.accept([request(1)], { ...mine, parked: false }),
  readEnds: (ledger, mine) => ledger.record([settled(99)], mine),
  listOwned: (ledger, mine) => ledger.listOwned({ ...mine, limit: 1 }),
  findControl: (ledger) => ledger.findControl('default'),
  summarize: (ledger) => ledger.summarize({}, []),
}

for (const [calls, outcome] of [
  [WRITES, 'unknown'],
  [READS, 'none'],
] as const) {
  t.test(`a call that fails names its statement, whose outcome is ${outcome}`, async (t) => {
    const { ledger, mine, proxy } = await started(t)
    for (const [name, call] of Object.entries(calls)) {
      proxy.loseAnswersTo(name)
      const message = new RegExp(`^ledger: ${name} failed`)
      await t.rejects(call(ledger, mine), { message, outcome }, name)
      proxy.loseAnswersTo(undefined)
    }
  })
}

t.test('a takeover stands when the leases that are dead could not be dropped', async (t) => {
  const { ledger, mine, proxy } = await started(t)
  const other = await lease(ledger)
  await ledger.releaseLease(mine.leaseId)

  proxy.loseAnswersTo('dropLeases')
  const { payments } = await ledger.takeOver({ ...other, ...SWEEP, expired: [] })

  t.equal(payments.length, 3)
  t.equal(proxy.lost(), 1)
})

t.test('a claim that is refused for its lease names itself', async (t) => {
  const { ledger, mine } = await started(t)
  await ledger.releaseLease(mine.leaseId)

  for (const name of ['claimDue', 'claimParked', 'reclaim', 'takeOver']) {
    const message = `ledger: ${name} refused, the lease was revoked`
    await t.rejects(WRITES[name]?.(ledger, mine) ?? Promise.resolve(), { message })
  }
})

/** A ledger behind a proxy, and a lease of it that owns three payments. */
async function started(t: Test) {
  const proxy = await startProxy(t, await server.freshDatabase())
  const { connectionString } = proxy
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString })
  t.teardown(() => ledger.close())
  const mine = await lease(ledger)
  await acceptMany(ledger, { ...mine, count: 3 })
  return { ledger, mine, proxy }
}
