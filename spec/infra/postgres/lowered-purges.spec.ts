// The count of purges, set back in PostgreSQL by somebody: what actors are given never falls.

import t from 'tap'
import type { Test } from 'tap'
import type { Ledger } from '../../../src/actors/model/ports.ts'
import { createPostgresLedger } from '../../../src/infra/postgres/ledger.ts'
import { PurgeCount } from '../../../src/infra/postgres/purges.ts'
import { DELAYS, lease, request, settled, uuid } from '../../contracts/ledger-words.ts'
import { LEDGER, runSql, startPostgres } from '../../support/postgres.ts'
import { HASTY, startWorld } from '../../support/system-world.ts'

const server = await startPostgres(t)

const SET_BACK = {
  'a row that was changed': 'UPDATE purges SET count = 0',
  'a row that was deleted': 'DELETE FROM purges',
  'a count below zero': 'UPDATE purges SET count = -7',
} as const

interface Step {
  readonly from: number
  readonly to: number
}

async function open(t: Test, connectionString: string, steps: Step[] = []): Promise<Ledger> {
  const onPurgesLowered = (step: Step): void => void steps.push(step)
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString, onPurgesLowered })
  t.teardown(() => ledger.close())
  return ledger
}

for (const [what, sql] of Object.entries(SET_BACK)) {
  t.test(`${what} counts as one purge more, by whatever it is noticed first`, async (t) => {
    const notices: Readonly<
      Record<string, (ledger: Ledger, mine: { leaseId: number }) => Promise<{ purges: number }>>
    > = {
      renewal: (ledger, mine) => ledger.renewLease({ ...mine, ttlMs: 60_000 }),
      accept: (ledger, mine) => ledger.accept([request(8)], { ...mine, parked: false }),
      claim: async (ledger, mine) => {
        const [first, second] = await ledger.claimDue({ ...mine, limit: 9, ...DELAYS })
        t.equal(first?.purges, second?.purges, 'what one statement claims has one count')
        return { purges: first?.purges ?? 0 }
      },
      purge: (ledger) => ledger.purge(),
    }
    for (const [by, notice] of Object.entries(notices)) {
      const database = await server.freshDatabase()
      const steps: Step[] = []
      const ledger = await open(t, database, steps)
      const mine = await lease(ledger)
      await ledger.purge()
      await ledger.purge()
      await ledger.accept([request(1), request(2)], { ...mine, parked: true })

      await runSql(database, sql)

      t.equal((await notice(ledger, mine)).purges, 3, by)
      t.equal((await ledger.renewLease({ ...mine, ttlMs: 60_000 })).purges, 3)
      t.equal(steps.length, 1, 'it is told once')
      t.equal((await ledger.purge()).purges, 4, 'a purge is one more')
    }
  })

  t.test(
    `with ${what}, what was reached before is left out, and the rest is written`,
    async (t) => {
      const database = await server.freshDatabase()
      const ledger = await open(t, database)
      const mine = await lease(ledger)
      await ledger.purge()
      await ledger.accept([request(1), request(2)], { ...mine, parked: false })

      await runSql(database, sql)
      const { purges } = await ledger.renewLease({ ...mine, ttlMs: 60_000 })
      const unwritten = await ledger.record([settled(1, { purges: 1 })], mine)

      t.match(unwritten, [{ why: 'purged' }])
      t.equal((await ledger.find(uuid(1)))?.state, 'pending')
      t.same(await ledger.record([settled(2, { purges })], mine), [])
    },
  )

  t.test(`an instance goes on with ${what}: what it has accepted is settled once`, async (t) => {
    const database = await server.freshDatabase()
    const env = { ...HASTY, LEASE_TTL_MS: '6000' }
    const { client, simulators, booksAgree } = await startWorld(t, { databaseUrl: database, env })
    await runSql(database, 'UPDATE purges SET count = 3')
    await client.postAll(1)
    simulators.default.setDelay(300)
    await client.postAll(5)

    await runSql(database, sql)
    await client.postAll(5)

    await booksAgree(t)
  })
}

t.test('an answer that was under way when the count was set back is of before', async (t) => {
  const steps: Step[] = []
  const count = new PurgeCount((step) => steps.push(step))
  const before = count.known
  t.equal(count.read(5, before), 5)
  const underWay = count.known

  const after = count.read(2, count.known)

  t.equal(after, 6)
  t.equal(count.read(5, underWay), 5, 'committed before it')
  t.equal(count.read(2, underWay), 2, 'committed after it, and known to be so by nobody')
  t.equal(count.read(2, count.known), 6)
  t.equal(count.read(3, count.known), 7)
  t.same(steps, [{ from: 5, to: 2 }])
})

t.test('an answer that a purge has overtaken sets nothing back', (t) => {
  const count = new PurgeCount(() => t.fail('nobody has lowered it'))
  const underWay = count.known
  count.read(1, count.known)

  t.equal(count.read(0, underWay), 0)
  t.equal(count.read(1, count.known), 1)
  t.end()
})
