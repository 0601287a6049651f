import pg from 'pg'
import t from 'tap'
import type { Test } from 'tap'
import { GIVE_UP_MS } from '../../../bench/layout/wait.ts'
import {
  DELAYS,
  acceptMany,
  idsOf,
  lease,
  parked,
  request,
  settled,
  uuid,
} from '../../contracts/ledger-words.ts'
import { LEDGER, runSql, startPostgres, startProxy } from '../../support/postgres.ts'
import type { AcceptRequest, Ledger } from '../../../src/actors/model/ports.ts'
import { createPostgresLedger } from '../../../src/infra/postgres/ledger.ts'

const server = await startPostgres(t)

async function open(
  t: Test,
  connectionString: string,
  bounds: { readonly startTimeoutMs?: number; readonly acceptTimeoutMs?: number } = {},
): Promise<Ledger> {
  const all = { ...LEDGER, startTimeoutMs: GIVE_UP_MS, ...bounds }
  const ledger = await createPostgresLedger({ ...all, connectionString })
  t.teardown(() => ledger.close())
  return ledger
}

t.test(
  'a commit whose answer is lost is reported as unknown, and is known when it is sent again',
  async (t) => {
    const database = await server.freshDatabase()
    const proxy = await startProxy(t, database)
    const ledger = await open(t, proxy.connectionString)
    const mine = await lease(ledger)

    proxy.loseAnswersTo('00000007')
    const accepting = ledger.accept([request(7)], { ...mine, parked: false })
    await t.rejects(accepting, { code: 'ledger_unavailable', outcome: 'unknown' })
    proxy.loseAnswersTo(undefined)

    t.equal(proxy.lost(), 1)
    t.match(await ledger.find(uuid(7)), { state: 'pending' })
    t.strictSame((await ledger.accept([request(7)], { ...mine, parked: false })).results, ['known'])
  },
)

t.test('a bug on the way to PostgreSQL is told as it is, and not as an outage', async (t) => {
  const ledger = await open(t, await server.freshDatabase())
  const mine = await lease(ledger)
  const broken = {
    toPostgres: () => {
      throw new TypeError('a planted bug')
    },
  } as unknown as number

  await t.rejects(ledger.renewLease({ leaseId: broken, ttlMs: GIVE_UP_MS }), {
    name: 'TypeError',
    message: 'a planted bug',
  })

  await ledger.renewLease({ ...mine, ttlMs: GIVE_UP_MS })
  t.pass('the next statement has a connection that works')
})

t.test('a settlement whose answer is lost is written again without counting twice', async (t) => {
  const database = await server.freshDatabase()
  const proxy = await startProxy(t, database)
  const ledger = await open(t, proxy.connectionString)
  const mine = await lease(ledger)
  await acceptMany(ledger, { ...mine, count: 9 })

  proxy.loseAnswersTo('00000009')
  const recording = ledger.record([settled(8), settled(9)], mine)
  await t.rejects(recording, { code: 'ledger_unavailable', outcome: 'unknown' })
  proxy.loseAnswersTo(undefined)
  await ledger.record([settled(8), settled(9)], mine)

  t.strictSame((await ledger.summarize({}, [])).summary.default, { payments: 2, cents: 3_980 })
})

t.test(
  'what an accept wrote is accepted also when what is known of the others cannot be read',
  async (t) => {
    const { accept, loseSecondAnswer } = await acceptedOne(t)

    const { results } = await loseSecondAnswer([request(1), request(2), request(2, 7), request(1)])

    t.strictSame(results, ['unread', 'accepted', 'conflicting', 'unread'])
    t.strictSame((await accept([request(1), request(2)])).results, ['known', 'known'])
  },
)

t.test(
  'an accept that wrote nothing and whose second statement failed has done nothing',
  async (t) => {
    const { accept, loseSecondAnswer } = await acceptedOne(t)

    const accepting = loseSecondAnswer([request(1)])
    await t.rejects(accepting, { code: 'ledger_unavailable', outcome: 'none' })

    t.strictSame((await accept([request(1)])).results, ['known'])
  },
)

/** A ledger that has accepted `request(1)`; the second statement of an accept reads what is known. */
async function acceptedOne(t: Test) {
  const proxy = await startProxy(t, await server.freshDatabase())
  const ledger = await open(t, proxy.connectionString)
  const mine = { ...(await lease(ledger)), parked: false }
  const accept = (batch: readonly AcceptRequest[]) => ledger.accept(batch, mine)
  await accept([request(1)])
  const loseSecondAnswer = (batch: readonly AcceptRequest[]) => {
    proxy.loseAnswersTo('readKnown')
    return accept(batch).finally(() => proxy.loseAnswersTo(undefined))
  }
  return { accept, loseSecondAnswer }
}

t.test('a renewal that hangs ends within its own bound, and the next one succeeds', async (t) => {
  const database = await server.freshDatabase()
  const longer = await open(t, database)
  const bounded = { ...LEDGER, connectionString: database, leaseTimeoutMs: 300 }
  const ledger = await createPostgresLedger({ ...bounded, statementTimeoutMs: GIVE_UP_MS })
  t.teardown(() => ledger.close())
  const mine = await lease(longer)
  const holding = new pg.Client({ connectionString: database })
  await holding.connect()
  t.teardown(() => holding.end())
  await holding.query('BEGIN')
  await holding.query('SELECT FROM leases FOR UPDATE')

  const renewing = ledger.renewLease({ ...mine, ttlMs: 60_000 })
  await t.rejects(renewing, { code: 'ledger_unavailable' })
  await holding.query('COMMIT')

  t.match(await longer.renewLease({ ...mine, ttlMs: 60_000 }), { held: true })
})

t.test('a new lease is waited for longer than a renewal: on a slow start it comes', async (t) => {
  const proxy = await startProxy(t, await server.freshDatabase())
  const { connectionString } = proxy
  const longer = { statementTimeoutMs: GIVE_UP_MS, connectTimeoutMs: GIVE_UP_MS }
  const bounded = { ...LEDGER, connectionString, ...longer, leaseTimeoutMs: 2_000 }
  const ledger = await createPostgresLedger(bounded)
  t.teardown(() => ledger.close())

  const goOn = proxy.holdUp()
  const granting = ledger.acquireLease({ instanceId: 'a', ttlMs: 60_000 })
  const renewing = ledger.renewLease({ leaseId: 1, ttlMs: 60_000 })
  await t.rejects(renewing, { code: 'ledger_unavailable' }, 'as long as that has passed')
  goOn()

  t.match(await granting, { leaseId: Number })
})

t.test('sessions that the server ends are replaced without a crash', async (t) => {
  const database = await server.freshDatabase()
  const ledger = await open(t, database)
  const mine = await lease(ledger)
  await acceptMany(ledger, { ...mine, count: 1 })

  for (let turn = 0; turn < 3; turn += 1) {
    await runSql(database, END_SESSIONS)
    await acceptSoon(ledger, { ...mine, n: 10 + turn })
  }

  t.equal((await ledger.countOpen()).owned, 4)
})

const END_SESSIONS = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE application_name = 'pit' AND datname = current_database()`

// The news of the end may come just after the next statement has been sent.
async function acceptSoon(
  ledger: Ledger,
  { leaseId, n }: { leaseId: number; n: number },
): Promise<void> {
  const accept = () => ledger.accept([request(n)], { leaseId, parked: false })
  await accept().catch(accept)
}

t.test('a statement that PostgreSQL gives up on has certainly done nothing', async (t) => {
  const database = await server.freshDatabase()
  // PostgreSQL gives up before Pit does, on a lock sooner than on anything else.
  const ledger = await open(t, database, { acceptTimeoutMs: 5_000 })
  const mine = await lease(ledger)
  const release = await lockTable(t, database, 'payments')

  const accepting = ledger.accept([request(1)], { ...mine, parked: false })
  const held = { sqlState: '55P03', words: 'canceling statement due to lock timeout' }
  await t.rejects(accepting, { code: 'ledger_unavailable', outcome: 'none', refusal: held })
  const renewed = await ledger.renewLease({ ...mine, ttlMs: 60_000 })
  await t.rejects(ledger.purge(), { code: 'ledger_unavailable', outcome: 'none' })
  await release()
  await ledger.purge()

  t.ok(renewed.held, 'leases went on meanwhile')
  t.equal(await ledger.find(uuid(1)), undefined)
})

t.test('what PostgreSQL refuses for its value has its words and its SQLSTATE', async (t) => {
  const database = await server.freshDatabase()
  const ledger = await open(t, database)
  const mine = await lease(ledger)
  await acceptMany(ledger, { ...mine, count: 3 })
  await runSql(database, 'ALTER TABLE payments ADD CONSTRAINT odd CHECK (requested_at_ms <> 7)')

  const fraction = ledger.record([settled(1), settled(2, { requestedAt: 1.5 })], mine)
  const constraint = ledger.record([settled(1), settled(3, { requestedAt: 7 })], mine)

  const refused = (sqlState: string, words: RegExp) => ({
    code: 'ledger_unavailable',
    outcome: 'none',
    refusal: { sqlState, words },
  })
  await t.rejects(fraction, refused('22P02', /bigint: "1.5"/))
  await t.rejects(constraint, refused('23514', /violates check constraint "odd"/))
  t.equal((await ledger.find(uuid(1)))?.state, 'pending', 'all of a batch or nothing')
})

t.test('a long lock on the totals holds up no lease, no claim and no takeover', async (t) => {
  const database = await server.freshDatabase()
  const ledger = await open(t, database)
  const [mine, theirs] = [await lease(ledger), await lease(ledger, 'b')]
  await acceptMany(ledger, { ...mine, count: 3 })
  await ledger.record([parked(1, { delayMs: 0 }), parked(2)], mine)
  const unlock = await lockTable(t, database, 'settled_totals')
  const waiting = [
    ledger.record([settled(3)], mine),
    ...Array.from({ length: 100 }, () => ledger.summarize({}, [])),
  ].map((each) => each.then(String, String))

  t.match(await ledger.renewLease({ ...mine, ttlMs: GIVE_UP_MS }), { held: true })
  t.ok((await lease(ledger, 'c')).leaseId)
  t.same(idsOf(await ledger.claimDue({ ...mine, limit: 9, ...DELAYS })), [uuid(1)])
  t.same(idsOf(await ledger.listParked(9)), [uuid(2)])
  t.same(idsOf(await ledger.claimParked([uuid(2)], mine)), [uuid(2)])
  t.equal((await ledger.listOwned({ ...mine, limit: 9 })).length, 3)
  const third = [{ correlationId: uuid(3), fencingToken: 0 }]
  t.same(idsOf(await ledger.reclaim(third, { ...mine, settleByMs: 1 })), [uuid(3)])
  await ledger.releaseLease(mine.leaseId)
  const sweep = { ...theirs, limit: 9, settleByMs: 1, expired: [] }
  t.equal((await ledger.takeOver(sweep)).payments.length, 3)

  await unlock()
  await Promise.all(waiting)
})

async function lockTable(
  t: Test,
  connectionString: string,
  table: string,
): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString })
  t.teardown(() => client.end())
  await client.connect()
  await client.query(`BEGIN; LOCK TABLE ${table}`)
  return async () => {
    await client.query('COMMIT')
  }
}

t.test('calls to a server that hangs time out, and succeed once it continues', async (t) => {
  const database = await server.freshDatabase()
  const ledger = await open(t, database)
  const mine = await lease(ledger)
  await acceptMany(ledger, { ...mine, count: 1 })
  const pids = await freeze(database)
  t.teardown(() => thaw(pids))

  const sent = ledger.accept([request(2)], { ...mine, parked: false })
  const behind = ledger.accept([request(3)], { ...mine, parked: false })
  await t.rejects(sent, { code: 'ledger_unavailable', outcome: 'unknown' })
  await t.rejects(behind, { code: 'ledger_unavailable', outcome: 'none' })
  await t.rejects(ledger.find(uuid(1)), { code: 'ledger_unavailable', outcome: 'none' })

  thaw(pids)
  const paymentStatus = await retry(async () => {
    await ledger.accept([request(3)], { ...mine, parked: false })
    return await ledger.find(uuid(3))
  })
  t.equal(paymentStatus?.state, 'pending')
})

// For a moment after a failed connection the ledger refuses at once, without trying again.
async function retry<Value>(call: () => Promise<Value>): Promise<Value> {
  const deadline = performance.now() + GIVE_UP_MS
  for (;;) {
    try {
      return await call()
    } catch (failure) {
      if (performance.now() > deadline) throw failure
      await new Promise(setImmediate)
    }
  }
}

async function freeze(database: string): Promise<readonly number[]> {
  const rows = await runSql(
    database,
    `SELECT pid FROM pg_stat_activity WHERE application_name = 'pit'
      AND datname = current_database()`,
  )
  const pids = [server.pid, ...rows.map((row) => Number(row['pid']))]
  for (const pid of pids) process.kill(pid, 'SIGSTOP')
  return pids
}

function thaw(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGCONT')
    } catch {
      // It has ended by itself since.
    }
  }
}

t.test(
  'opening a ledger fails when nothing listens, and reports that nothing was done',
  async (t) => {
    const nowhere = 'postgres://pit:secret@127.0.0.1:1/pit'
    const starting = createPostgresLedger({
      ...LEDGER,
      connectionString: nowhere,
      startTimeoutMs: 400,
    })
    await t.rejects(starting, { code: 'ledger_unavailable', outcome: 'none' })
  },
)

t.test('a closed ledger refuses calls at once', async (t) => {
  const ledger = await createPostgresLedger({
    ...LEDGER,
    connectionString: await server.freshDatabase(),
  })
  const mine = await lease(ledger)
  const last = ledger.accept([request(1)], { ...mine, parked: false })

  await ledger.close()

  t.strictSame((await last).results, ['accepted'], 'after what was under way')
  await t.rejects(ledger.find(uuid(1)), { code: 'ledger_unavailable', outcome: 'none' })
})
