import t from 'tap'
import type { Actor } from 'xstate'
import { LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import { takeoverMachine } from '../../../src/actors/ownership/takeover.machine.ts'
import { startActorSystem, settled, type ActorSystem } from '../../support/actor-system.ts'
import { claimedPayment } from '../../support/payment-samples.ts'
import { ANY_TIME_OF_DAY } from '../../support/standing-time.ts'

const GONE = new LedgerUnavailable('takeOver', 'unknown')
const BUG = new TypeError('a planted bug')

const OTHER = { leaseId: 3, version: '1', ttlMs: null, instanceId: 'other' }
const OWN = { leaseId: 7, version: '9', ttlMs: null, instanceId: 'own' }

function taken(...ids: readonly string[]) {
  return { payments: ids.map((id) => claimedPayment(id)), leases: [OWN, OTHER] }
}

/** Lets that much time pass, in which the other lease is seen as this, and one that is renewed. */
async function watch(system: ActorSystem, seen: object, times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    system.clock.increment(500)
    const renewed = { leaseId: 2, version: `${system.clock.now()}`, ttlMs: null }
    const leases = [OWN, renewed, seen]
    ;(await system.ledger.called('takeOver')).answer({ payments: [], leases })
    await settled()
  }
}

t.test('payments without a living owner are sought twice a second', async (t) => {
  const { system, takeover } = startTakeover()
  system.clock.increment(499)
  t.same(system.ledger.waiting, [])
  system.clock.increment(1)
  const call = await system.ledger.called('takeOver')

  call.answer(taken())
  await settled()

  t.same(call.args, [{ leaseId: 7, limit: 2, settleByMs: 4000, expired: [] }])
  t.equal(takeover.getSnapshot().value, 'waiting')
  t.same(system.sentEvents, [], 'nothing was found, nothing is told')
  system.clock.increment(500)
  ;(await system.ledger.called('takeOver')).answer(taken('a'))
  await settled()
  t.match(system.sentEvents, [
    { to: 'payments', event: { from: 'takeover', batch: [{}], leaseId: 7 } },
  ])
})

t.test('each look tells how many commands operators have given', async (t) => {
  const system = startActorSystem(['payments', 'commands'])
  const bounds = { instanceId: 'own', batchMax: 2, leaseTtlMs: 3250, settleByMs: 4000 }
  system.start(takeoverMachine, { ports: system.ports, ...bounds })
  system.clock.increment(500)

  ;(await system.ledger.called('takeOver')).answer({ payments: [], leases: [OWN], commands: 5 })
  await settled()

  t.same(system.sentEvents, [{ to: 'commands', event: { type: 'commands.counted', last: 5 } }])
})

t.test(
  'a lease is revoked once it was seen unrenewed for its length by the monotonic clock',
  async (t) => {
    const { system } = startTakeover()
    await watch(system, OTHER, 4)
    await watch(system, { ...OTHER, version: '2' }, 6)

    system.clock.increment(500)
    const early = await system.ledger.called('takeOver')
    early.answer({ payments: [], leases: [OWN, { ...OTHER, version: '2' }] })
    await settled()
    system.clock.increment(500)
    const late = await system.ledger.called('takeOver')

    const asked = { leaseId: 7, limit: 2, settleByMs: 4000 }
    t.same(early.args, [{ ...asked, expired: [] }], '3,000 ms after it was seen renewed')
    t.same(late.args, [{ ...asked, expired: [{ ...OTHER, version: '2', since: 2500 }] }])
  },
)

t.test('a lease that is shorter than two intervals is revoked as well', async (t) => {
  const { system } = startTakeover(600)
  await watch(system, OTHER, 3)
  system.clock.increment(500)

  const call = await system.ledger.called('takeOver')

  t.match(call.args, [{ expired: [{ ...OTHER, since: 500 }] }])
})

t.test('a lease that says its own length is revoked after that, shorter or longer', async (t) => {
  const { system } = startTakeover()
  const long = { leaseId: 3, version: '1', ttlMs: 6_000 }
  const short = { leaseId: 4, version: '1', ttlMs: 1_000 }
  const expired: unknown[] = []
  for (let time = 0; time < 15; time += 1) {
    system.clock.increment(500)
    const call = await system.ledger.called('takeOver')
    expired.push(call.args.flatMap((asked) => (asked as { expired: object[] }).expired))
    call.answer({ payments: [], leases: [OWN, long, ...(time < 4 ? [short] : [])] })
    await settled()
  }

  const [ofShort, ofLong] = [
    { ...short, since: 500 },
    { ...long, since: 500 },
  ]
  t.same(expired.slice(0, 3), [[], [], []])
  t.same(expired[3], [ofShort], '1,500 ms after it was seen first')
  t.same(expired.slice(4, 13), [[ofShort], [], [], [], [], [], [], [], []])
  t.same(expired.slice(13), [[ofLong], [ofLong]], '6,500 ms after')
})

t.test('after an outage that is long for a short lease it is watched anew', async (t) => {
  const { system } = startTakeover(60_000)
  const short = { leaseId: 4, version: '1', ttlMs: 3_000 }
  await watch(system, short, 5)

  await passUnseen(system, 'failure', 4)
  system.clock.increment(500)
  const call = await system.ledger.called('takeOver')

  t.match(call.args, [{ expired: [] }], 'its owner could not renew it')
})

t.test('its own leases are kept once each, however often it looks', async (t) => {
  const { system, takeover } = startTakeover()

  await watch(system, OTHER, 4)

  t.same(takeover.getSnapshot().context.ownLeaseIds, [7])
})

t.test('a full batch is followed at once by the next', async (t) => {
  const { system, takeover } = startTakeover()
  system.clock.increment(500)

  ;(await system.ledger.called('takeOver')).answer(taken('a', 'b'))
  ;(await system.ledger.called('takeOver')).answer(taken('c'))
  await settled()

  t.equal(system.sentEvents.length, 2)
  t.equal(takeover.getSnapshot().value, 'waiting')
})

/** Time passes in which no leases are seen: calls fail, or the own fence is closed. */
async function passUnseen(system: ActorSystem, cause: 'failure' | 'fence', times: number) {
  if (cause === 'fence') system.fence.close()
  for (let time = 0; time < times; time += 1) {
    system.clock.increment(500)
    if (cause === 'failure') (await system.ledger.called('takeOver')).fail(GONE)
    await settled()
  }
  system.fence.extend({ id: 7, validUntil: Number.POSITIVE_INFINITY, ...ANY_TIME_OF_DAY })
}

t.test('a failed call, or a fence closed by a clock step, begins no watch anew', async (t) => {
  for (const [cause, leaseTtlMs] of [
    ['failure', 3250],
    ['fence', 3250],
    ['failure', 2750],
  ] as const) {
    const { system } = startTakeover(leaseTtlMs)
    await watch(system, OTHER, 5)

    await passUnseen(system, cause, 2)
    system.clock.increment(500)
    const call = await system.ledger.called('takeOver')

    const unseen = `${cause}, for up to half of ${leaseTtlMs} ms`
    t.match(call.args, [{ expired: [{ ...OTHER, since: 500 }] }], unseen)
    const failures = Array.from({ length: cause === 'failure' ? 2 : 0 }, () => 'takeOver')
    t.match(
      system.facts,
      failures.map((operation) => ({ type: 'ledger.failed', operation })),
    )
  }
})

t.test('a short lease is watched on after one call that failed, not after two', async (t) => {
  for (const [failures, isRevoked] of [
    [1, true],
    [2, false],
  ] as const) {
    const { system } = startTakeover(600)
    await watch(system, OTHER, 3)

    await passUnseen(system, 'failure', failures)
    system.clock.increment(500)
    const [asked] = (await system.ledger.called('takeOver')).args

    const { expired } = asked as { readonly expired: readonly { readonly leaseId: number }[] }
    const revoked = expired.some(({ leaseId }) => leaseId === OTHER.leaseId)
    t.equal(revoked, isRevoked, `${failures} failed`)
  }
})

t.test('after an outage each lease is watched anew: nobody could renew one', async (t) => {
  for (const cause of ['failure', 'fence'] as const) {
    const { system } = startTakeover()
    await watch(system, OTHER, 5)

    await passUnseen(system, cause, 4)
    await watch(system, OTHER, 7)
    system.clock.increment(500)
    const call = await system.ledger.called('takeOver')

    t.match(call.args, [{ expired: [{ ...OTHER, since: 5000 }] }], cause)
  }
})

t.test('a drain ends takeover, and what it was claiming still arrives', async (t) => {
  const { system, takeover } = startTakeover()
  system.clock.increment(500)
  const call = await system.ledger.called('takeOver')

  takeover.send({ type: 'drain.started' })
  call.answer(taken('a', 'b'))
  await settled()
  system.clock.increment(3000)

  const told = system.sentEvents.map(({ event }) => event.type)
  t.same(told, ['payments.claimed', 'intake.ended'], 'it says so after the last claimed payments')
  t.equal(takeover.getSnapshot().value, 'closed')
  t.same(system.ledger.waiting, [], 'a full batch is not followed by another')
  const other = startTakeover()
  other.takeover.send({ type: 'drain.started' })
  const ended = { type: 'intake.ended', from: 'takeover' }
  t.match(other.system.sentEvents, [{ to: 'payments', event: ended }])
})

function startTakeover(leaseTtlMs = 3250): {
  system: ActorSystem
  takeover: Actor<typeof takeoverMachine>
} {
  const system = startActorSystem()
  const bounds = { instanceId: 'own', batchMax: 2, leaseTtlMs, settleByMs: 4000 }
  const input = { ports: system.ports, ...bounds }
  return { system, takeover: system.start(takeoverMachine, input) }
}

t.test('a bug in claiming ends takeover', async (t) => {
  const { system, takeover } = startTakeover()
  system.clock.increment(500)

  ;(await system.ledger.called('takeOver')).fail(BUG)
  await settled()

  t.match(takeover.getSnapshot(), { status: 'error', error: BUG })
  t.same(system.facts, [], 'it is not told as a failure of the ledger')
})
