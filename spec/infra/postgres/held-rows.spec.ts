// Claims while another transaction holds one of the payments.

import pg from 'pg'
import t, { type Test } from 'tap'
import type { ClaimedPayment } from '../../../src/actors/model/payment.ts'
import type { Ledger } from '../../../src/actors/model/ports.ts'
import { createPostgresLedger } from '../../../src/infra/postgres/ledger.ts'
import {
  acceptMany,
  idsOf,
  lease,
  parked,
  request,
  settled,
  uuid,
} from '../../contracts/ledger-words.ts'
import { LEDGER, runSql, startPostgres } from '../../support/postgres.ts'

const server = await startPostgres(t)

interface Claimer {
  readonly ledger: Ledger
  readonly leaseId: number
  /** A lease that was released; it owns the payments that are not parked. */
  readonly dead: number
}

const DUE = { limit: 10, delayMaxMs: 60_000 }
const IDS = [1, 2, 3].map(uuid)
const named = IDS.map((correlationId) => ({ correlationId, fencingToken: 0 }))

/** What is claimed, how the payments were parked before, and the claim. */
const CLAIMS: readonly (readonly [
  string,
  number | undefined,
  (by: Claimer) => Promise<readonly ClaimedPayment[]>,
])[] = [
  ['what is due', 0, ({ ledger, leaseId }) => ledger.claimDue({ leaseId, ...DUE })],
  ['what is due too late', 600_000, ({ ledger, leaseId }) => ledger.claimDue({ leaseId, ...DUE })],
  ['what is parked', 5_000, ({ ledger, leaseId }) => ledger.claimParked(IDS, { leaseId })],
  [
    'what a dead instance owned',
    undefined,
    async ({ ledger, leaseId, dead }) => {
      await ledger.releaseLease(dead)
      const sweep = { leaseId, limit: 10, settleByMs: 1_000, expired: [] }
      return (await ledger.takeOver(sweep)).payments
    },
  ],
  [
    'what its owner has lost',
    undefined,
    ({ ledger, dead }) => ledger.reclaim(named, { leaseId: dead, settleByMs: 1_000 }),
  ],
]

for (const [what, delayMs, claim] of CLAIMS) {
  t.test(`claiming ${what} leaves out what another transaction holds, at once`, async (t) => {
    const connectionString = await server.freshDatabase()
    const ledger = await createPostgresLedger({ ...LEDGER, connectionString })
    t.teardown(() => ledger.close())
    const { leaseId } = await lease(ledger)
    const { leaseId: dead } = await lease(ledger)
    await acceptMany(ledger, { leaseId: dead, count: 3 })
    if (delayMs !== undefined) {
      const outcomes = [1, 2, 3].map((n) => parked(n, { delayMs }))
      await ledger.record(outcomes, { leaseId: dead })
    }
    await holding(t, connectionString, lockOf(2))

    const claims = await claim({ ledger, leaseId, dead })

    t.strictSame(idsOf(claims), [uuid(1), uuid(3)])
    const rows = await runSql(connectionString, 'SELECT FROM payments WHERE claim = 1')
    t.equal(rows.length, 2, 'the other one is left as it was')
  })
}

function lockOf(n: number): string {
  return `SELECT FROM payments WHERE correlation_id = '${uuid(n)}' FOR UPDATE`
}

/** A transaction of somebody else, which holds what this did until the test is over. */
async function holding(t: Test, connectionString: string, ...statements: readonly string[]) {
  const client = new pg.Client({ connectionString })
  await client.connect()
  t.teardown(() => client.end())
  await client.query('BEGIN')
  for (const statement of statements) await client.query(statement)
}

t.test('an accept and an outcome do not wait for what somebody holds', async (t) => {
  const connectionString = await server.freshDatabase()
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString })
  t.teardown(() => ledger.close())
  const mine = await lease(ledger)
  await acceptMany(ledger, { ...mine, count: 2 })
  await holding(
    t,
    connectionString,
    `INSERT INTO payments (correlation_id, amount_cents, due_at) VALUES ('${uuid(9)}', 1, now())`,
    lockOf(1),
  )
  const held = { code: 'ledger_unavailable', outcome: 'none', refusal: { sqlState: '55P03' } }

  await t.rejects(ledger.accept([request(8), request(9)], { ...mine, parked: false }), held)
  await t.rejects(ledger.record([settled(1), settled(2)], mine), held)
  t.match(await ledger.accept([request(8)], { ...mine, parked: false }), { results: ['accepted'] })
  t.same(await ledger.record([settled(2)], mine), [])
})
