import t from 'tap'
import { freePort } from '../../src/infra/process/free-port.ts'
import { waitUntil } from '../../bench/layout/wait.ts'
import { LedgerUnavailable } from '../../src/actors/model/errors.ts'
import type { Ledger } from '../../src/actors/model/ports.ts'
import { LeaseFence } from '../../src/actors/ownership/fence.ts'
import { becomesReady, createReadiness } from '../../src/app/readiness.ts'
import { START_TIMEOUT_MS } from '../../src/infra/postgres/start.ts'
import { settled } from '../support/actor-system.ts'
import { runSql, startOwnPostgres } from '../support/postgres.ts'
import { scriptedPort } from '../support/scripted-port.ts'
import { startingPit } from '../support/started-pit.ts'
import { ANY_TIME_OF_DAY, StandingTime } from '../support/standing-time.ts'
import { startWorld } from '../support/system-world.ts'

t.test('another process with the same id is remarked on while it lives', (t) => {
  const { readiness, clock } = under()
  t.equal(readiness.isDoubled(), false)

  readiness.telemetry.emit({ type: 'instance.doubled', leaseId: 1, otherLeaseId: 2 })

  clock.increment(119_999)
  t.equal(readiness.isDoubled(), true)
  clock.increment(1)
  t.equal(readiness.isDoubled(), false)
  t.end()
})

t.test('an idle instance says that it cannot commit, and why, until it can', async (t) => {
  const server = await startOwnPostgres(t)
  const opsPort = await freePort()
  const { client } = await startWorld(t, {
    databaseUrl: server.connectionString,
    env: { OPS_PORT: String(opsPort), LEASE_TTL_MS: '60000' },
  })
  const admin = new URL(server.connectionString)
  admin.searchParams.set('options', '-c default_transaction_read_only=off')
  const run = async (...statements: readonly string[]): Promise<void> => {
    for (const sql of statements) await runSql(admin.href, sql)
  }
  const outages: readonly Outage[] = [
    {
      what: 'PostgreSQL is read-only',
      begin: () => run('ALTER SYSTEM SET default_transaction_read_only = on', RELOAD),
      says: /: .*read-only transaction \(25006\)/,
      end: () => run('ALTER SYSTEM RESET default_transaction_read_only', RELOAD),
    },
    {
      what: 'the lease is lost, and there is no other',
      begin: () => run(NO_NEW_LEASE, 'UPDATE leases SET revoked = true'),
      says: /^The lease is not (?:held|renewed)/,
      end: () => run('DROP TRIGGER no_lease ON leases'),
    },
    {
      what: 'PostgreSQL is stopped',
      begin: server.stop,
      says: /^Nothing can be committed: |^The lease is not renewed: /,
      end: server.start,
    },
    {
      what: 'PostgreSQL hangs',
      begin: server.freeze,
      // A claim without an answer costs the lease.
      says: /^Nothing can be committed: |^The lease is not (?:held|renewed)/,
      end: server.thaw,
    },
  ]

  await tells(opsPort, 200)
  for (const { what, begin, says, end } of outages) {
    await begin()
    t.match(await tells(opsPort, 503), { status: 503, detail: says }, what)
    t.equal((await fetch(`http://127.0.0.1:${opsPort}/healthz`)).status, 200, 'the process lives')
    await end()
    await tells(opsPort, 200)
  }
  await client.postAll(1)
})

interface Outage {
  readonly what: string
  readonly begin: () => Promise<void>
  readonly says: RegExp
  readonly end: () => Promise<void>
}

const RELOAD = 'SELECT pg_reload_conf()'

const NO_NEW_LEASE = `
  CREATE FUNCTION refuse_lease() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN RAISE EXCEPTION $$no lease$$; END';
  CREATE TRIGGER no_lease BEFORE INSERT ON leases EXECUTE FUNCTION refuse_lease()`

/** Waits for this answer of `/readyz`, and gives its body. */
async function tells(opsPort: number, status: number): Promise<unknown> {
  let body: unknown
  await waitUntil({ what: `/readyz answers ${status}` }, async () => {
    const answer = await fetch(`http://127.0.0.1:${opsPort}/readyz`)
    body = await answer.json()
    return answer.status === status
  })
  return body
}

t.test(
  'an instance is ready while its lease is held and its last write was committed',
  async (t) => {
    const { readiness, fence, clock, ledger } = under()
    const { telemetry } = readiness
    const heard = readiness.hearing(ledger.port)

    t.equal(readiness.whyNot(), 'The lease is not held.')
    fence.extend({ id: 1, validUntil: clock.now() + 1_000, ...ANY_TIME_OF_DAY })
    t.equal(readiness.whyNot(), undefined)

    telemetry.emit({ type: 'batch.refused', payments: 1, cause: 'ledger: accept failed: full' })
    t.equal(readiness.whyNot(), 'Nothing can be committed: ledger: accept failed: full.')
    const counts = { accepted: 1, known: 0, conflicting: 0, parked: false, tookMs: 1 }
    telemetry.emit({ type: 'batch.accepted', ...counts })
    t.equal(readiness.whyNot(), undefined)

    const renewal = heard.renewLease({ leaseId: 1, ttlMs: 1_000 })
    ;(await ledger.called('renewLease')).fail(new LedgerUnavailable('renewLease', 'none'))
    await t.rejects(renewal, { code: 'ledger_unavailable' })
    t.match(readiness.whyNot(), /renewLease failed/)
    const next = heard.renewLease({ leaseId: 1, ttlMs: 1_000 })
    ;(await ledger.called('renewLease')).answer({ held: true, purges: 0, ledgerNow: 0 })
    await next
    t.equal(readiness.whyNot(), undefined)

    clock.increment(1_000)
    t.equal(readiness.whyNot(), 'The lease is not held.')
    telemetry.emit({ type: 'batch.refused', payments: 1, cause: 'full' })
    t.equal(readiness.whyNot(), 'The lease is not held: full.', 'which is the worse of the two')
  },
)

t.test(
  'a renewal says nothing about accepts, nor an empty accept about refused ones',
  async (t) => {
    const { readiness, fence, clock, ledger } = under()
    const heard = readiness.hearing(ledger.port)
    fence.extend({ id: 1, validUntil: clock.now() + 60_000, ...ANY_TIME_OF_DAY })
    const renew = async (): Promise<void> => {
      const renewal = heard.renewLease({ leaseId: 1, ttlMs: 1_000 })
      ;(await ledger.called('renewLease')).answer({ held: true, purges: 0, ledgerNow: 0 })
      await renewal
    }
    const tryAccept = async (): Promise<void> => {
      readiness.whyNot()
      ;(await ledger.called('accept')).answer({ results: [], purges: 0 })
      await renew()
    }
    const { telemetry } = readiness
    telemetry.emit({ type: 'batch.refused', payments: 1, cause: 'full' })

    await renew()
    t.equal(readiness.whyNot(), 'Nothing can be committed: full.')
    clock.increment(1_000)
    await tryAccept()
    t.equal(readiness.whyNot(), 'Nothing can be committed: full.')
    clock.increment(4_000)
    await tryAccept()
    t.equal(readiness.whyNot(), undefined)
  },
)

t.test('an idle instance that is asked tries an accept, one at a time', async (t) => {
  const { readiness, fence, clock, ledger } = under()
  const heard = readiness.hearing(ledger.port)
  fence.extend({ id: 1, validUntil: clock.now() + 60_000, ...ANY_TIME_OF_DAY })

  t.equal(readiness.heard(), undefined)
  t.same(ledger.waiting, [], 'what is heard anyway tries none')
  t.equal(readiness.whyNot(), undefined)
  t.equal(readiness.whyNot(), undefined)
  t.same(ledger.waiting, ['accept'])
  const call = await ledger.called('accept')
  t.same(call.args, [[], { leaseId: 1, parked: false }])
  call.fail(new LedgerUnavailable('accept', 'none', 'a lock'))
  const renewal = heard.renewLease({ leaseId: 1, ttlMs: 1_000 })
  ;(await ledger.called('renewLease')).answer({ held: true, purges: 0, ledgerNow: 0 })
  await renewal

  t.match(readiness.whyNot(), /^Nothing can be committed: .*a lock/)
  clock.increment(1_000)
  t.match(readiness.heard(), /^Nothing can be committed: .*a lock/)
  t.same(ledger.waiting, ['accept'], 'a refusal is tried anew')
})

t.test('payments that are refused one by one count once they are all that come', async (t) => {
  const { readiness, fence, clock } = under()
  fence.extend({ id: 1, validUntil: clock.now() + 600_000, ...ANY_TIME_OF_DAY })
  const { telemetry } = readiness
  const refuse = (times: number): void => {
    const named = { payments: 1, correlationIds: ['a'] }
    for (let n = 0; n < times; n += 1) {
      telemetry.emit({ type: 'accept.refused', ...named, sqlState: 'P0001', cause: 'no' })
    }
  }

  refuse(7)
  t.equal(readiness.whyNot(), undefined)
  const counts = { accepted: 1, known: 0, conflicting: 0, parked: false, tookMs: 1 }
  telemetry.emit({ type: 'batch.accepted', ...counts })
  refuse(7)
  t.equal(readiness.whyNot(), undefined)
  refuse(1)
  t.equal(readiness.whyNot(), 'Nothing can be committed: no.')
  telemetry.emit({ type: 'batch.accepted', ...counts })
  t.equal(readiness.whyNot(), undefined)
})

t.test('a refusal of long ago is not told, but tried anew', async (t) => {
  const { readiness, fence, clock, ledger } = under()
  readiness.hearing(ledger.port)
  fence.extend({ id: 1, validUntil: clock.now() + 600_000, ...ANY_TIME_OF_DAY })
  readiness.telemetry.emit({ type: 'batch.refused', payments: 1, cause: 'full' })

  clock.increment(119_999)
  t.equal(readiness.whyNot(), 'Nothing can be committed: full.')
  ;(await ledger.called('accept')).fail(new LedgerUnavailable('accept', 'none', 'a lock'))
  await settled()
  t.match(readiness.whyNot(), /a lock/)
  clock.increment(120_000)
  t.equal(readiness.whyNot(), undefined)
  t.same(ledger.waiting, ['accept'])
})

t.test('a start that gets no lease in time ends, and says why', async (t) => {
  const { readiness } = under()
  const pit = startingPit()
  const starting = becomesReady(pit.supervisor, { readiness, clock: pit.clock })
  const heard = readiness.hearing(pit.ledger.port)
  const words = 'cannot execute INSERT in a read-only transaction'
  const refused = heard.acquireLease({ instanceId: 'a', ttlMs: 1_000 })
  const failure = new LedgerUnavailable('acquireLease', 'none', words)
  ;(await pit.ledger.called('acquireLease')).fail(failure)
  ;(await pit.ledger.called('acquireLease')).fail(failure)
  await t.rejects(refused)
  let isOver = false
  void starting.catch(() => (isOver = true))

  await pit.pass(START_TIMEOUT_MS - 1)
  t.equal(isOver, false)
  await pit.pass(1)

  await t.rejects(starting, {
    message: `no lease in 30 s. The lease is not held: ${failure.message}.`,
  })
})

t.test('a start that gets its lease in time goes on, and is bounded no longer', async (t) => {
  const { readiness } = under()
  const pit = startingPit()
  const starting = becomesReady(pit.supervisor, { readiness, clock: pit.clock })

  await pit.pass(START_TIMEOUT_MS - 1)
  ;(await pit.ledger.called('acquireLease')).answer({ leaseId: 7, ledgerNow: 0 })

  await t.resolves(starting)
  await pit.pass(START_TIMEOUT_MS)
})

function under() {
  const clock = new StandingTime()
  const fence = new LeaseFence(clock)
  const ledger = scriptedPort<Ledger>()
  return { readiness: createReadiness(fence, clock), fence, clock, ledger }
}
