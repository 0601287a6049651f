import t from 'tap'
import type { Actor } from 'xstate'
import { LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import type { Fact } from '../../../src/actors/model/facts.ts'
import { LeaseFence, ownerOf } from '../../../src/actors/ownership/fence.ts'
import { LedgerClock } from '../../../src/actors/ownership/ledger-clock.ts'
import { leaseMachine, renewalTimeoutMs } from '../../../src/actors/ownership/lease.machine.ts'
import { startActorSystem, settled, type ActorSystem } from '../../support/actor-system.ts'
import { ANY_TIME_OF_DAY, StandingTime } from '../../support/standing-time.ts'

const TTL_MS = 3000
const GONE = new LedgerUnavailable('lease', 'unknown')

type LeaseActor = Actor<typeof leaseMachine>

function startLease(system: ActorSystem, ttlMs = TTL_MS): { lease: LeaseActor; fence: LeaseFence } {
  const fence = new LeaseFence(system.clock)
  const ledgerClock = new LedgerClock(system.ports.telemetry)
  const input = { ports: system.ports, fence, ledgerClock, instanceId: 'pit-1', ttlMs }
  return { lease: system.start(leaseMachine, input), fence }
}

async function startHeld(system: ActorSystem): Promise<ReturnType<typeof startLease>> {
  const parts = startLease(system)
  ;(await system.ledger.called('acquireLease')).answer({ leaseId: 3, ledgerNow: 0 })
  await settled()
  return parts
}

async function renew(system: ActorSystem, answer: object | Error): Promise<void> {
  system.clock.increment(TTL_MS / 3)
  const call = await system.ledger.called('renewLease')
  if (answer instanceof Error) call.fail(answer)
  else call.answer(answer)
  await settled()
}

function told(system: ActorSystem): readonly unknown[] {
  return system.sentEvents.map(({ to, event }) => `${to} ${event.type}`)
}

function steps(system: ActorSystem): readonly Fact[] {
  return system.facts.filter(({ type }) => type === 'clock.stepped')
}

t.test(
  'a granted lease opens the fence, for a time that counts from before it was asked for',
  async (t) => {
    const system = startActorSystem()
    const { lease, fence } = startLease(system)
    const call = await system.ledger.called('acquireLease')
    system.clock.increment(400)

    call.answer({ leaseId: 3, ledgerNow: 0 })
    await settled()

    t.same(call.args, [{ instanceId: 'pit-1', ttlMs: TTL_MS }])
    t.equal(lease.getSnapshot().value, 'held')
    t.equal(fence.id, 3)
    t.ok(fence.holds(0.9 * TTL_MS - 1), 'counted from the asking, less a margin')
    t.notOk(fence.holds(0.9 * TTL_MS))
    t.same(told(system), ['supervisor lease.acquired'])
    t.match(system.facts, [{ type: 'lease.acquired', leaseId: 3 }])
  },
)

t.test('a lease that is not granted is asked for again after a pause', async (t) => {
  const system = startActorSystem()
  const { lease, fence } = startLease(system)

  ;(await system.ledger.called('acquireLease')).fail(GONE)
  await settled()
  t.equal(lease.getSnapshot().value, 'waiting')
  t.notOk(fence.holds(0))
  t.match(system.facts, [{ type: 'ledger.failed', operation: 'lease' }])
  system.clock.increment(89)
  t.same(system.ledger.waiting, [])
  system.clock.increment(1)

  t.equal(lease.getSnapshot().value, 'acquiring')
  ;(await system.ledger.called('acquireLease')).answer({ leaseId: 4, ledgerNow: 0 })
  await settled()
  t.equal(fence.id, 4)
})

t.test('a lease is renewed three times in its life', async (t) => {
  const system = startActorSystem()
  const { lease, fence } = await startHeld(system)
  system.clock.increment(TTL_MS / 3 - 1)
  t.same(system.ledger.waiting, [])
  system.clock.increment(1)
  const call = await system.ledger.called('renewLease')

  call.answer({ held: true, purges: 0, ledgerNow: 1000 })
  await settled()

  t.same(call.args, [{ leaseId: 3, ttlMs: TTL_MS }])
  t.equal(lease.getSnapshot().value, 'held')
  t.ok(fence.holds(TTL_MS / 3 + 0.9 * TTL_MS - 1))
  t.same(told(system), ['supervisor lease.acquired'])
})

t.test('a lease is renewed after a third of its life, and at least once a second', async (t) => {
  for (const [ttlMs, intervalMs] of [
    [1_500, 500],
    [60_000, 1_000],
  ] as const) {
    const system = startActorSystem()
    startLease(system, ttlMs)
    ;(await system.ledger.called('acquireLease')).answer({ leaseId: 3, ledgerNow: 0 })
    await settled()

    system.clock.increment(intervalMs - 1)
    t.same(system.ledger.waiting, [])
    system.clock.increment(1)
    t.same(system.ledger.waiting, ['renewLease'])
  }
})

t.test('a renewal that fails is tried again, and the fence closes by itself', async (t) => {
  const system = startActorSystem()
  const { lease, fence } = await startHeld(system)

  await renew(system, GONE)
  t.equal(lease.getSnapshot().value, 'renewalFailed')
  t.match(system.facts.slice(1), [{ type: 'ledger.failed', operation: 'lease' }])
  system.clock.increment(0)
  t.same(system.ledger.waiting, [], 'not without a pause')
  for (let paused = 0; paused < 20; paused += 1) {
    system.clock.increment(90)
    t.equal(lease.getSnapshot().value, 'renewing')
    ;(await system.ledger.called('renewLease')).fail(GONE)
    await settled()
  }

  t.ok(fence.holds(0.9 * TTL_MS - 1))
  t.notOk(fence.holds(system.clock.now()), `closed at ${system.clock.now()} ms`)
})

t.test('a lease that was revoked closes the fence, and another is taken', async (t) => {
  const system = startActorSystem()
  const { lease, fence } = await startHeld(system)

  await renew(system, { held: false, purges: 5, ledgerNow: 1000 })

  t.match(system.facts.slice(1), [{ type: 'lease.lost', leaseId: 3 }])
  t.notOk(fence.holds(system.clock.now()))
  t.equal(lease.getSnapshot().value, 'acquiring')
  t.same(told(system), ['supervisor lease.acquired', 'supervisor lease.lost'])
  ;(await system.ledger.called('acquireLease')).answer({ leaseId: 4, ledgerNow: 0 })
  await settled()
  t.same([fence.id, fence.holds(system.clock.now())], [4, true])
})

t.test('a count of purges is told when it has changed', async (t) => {
  const system = startActorSystem()
  await startHeld(system)

  await renew(system, { held: true, purges: 5, ledgerNow: 1000 })
  await renew(system, { held: true, purges: 5, ledgerNow: 2000 })
  await renew(system, { held: true, purges: 6, ledgerNow: 3000 })
  await renew(system, { held: true, purges: 6, ledgerNow: 4000 })

  t.same(told(system).slice(1), ['payments purges.counted', 'payments purges.counted'])
  t.match(
    system.sentEvents.slice(1).map(({ event }) => event),
    [{ purges: 5 }, { purges: 6 }],
  )
})

t.test(
  'a renewal that counts a purge opens the fence and compares clocks as any other',
  async (t) => {
    const system = startActorSystem()
    const { fence } = await startHeld(system)

    system.clock.step(500)
    await renew(system, { held: true, purges: 5, ledgerNow: 1000 })

    t.ok(fence.holds(system.clock.now() + 0.9 * TTL_MS - 1))
    t.match(system.facts.slice(1), [{ type: 'clock.stepped', clock: 'instance', byMs: 500 }])
  },
)

t.test('a step of the time of day before a lease was granted is told as any other', async (t) => {
  const system = startActorSystem()
  startLease(system)
  ;(await system.ledger.called('acquireLease')).fail(GONE)
  await settled()
  system.clock.step(500)
  system.clock.increment(90)

  ;(await system.ledger.called('acquireLease')).answer({ leaseId: 3, ledgerNow: 0 })
  await settled()

  t.match(system.facts.slice(1), [
    { type: 'clock.stepped', clock: 'instance', byMs: 500 },
    { type: 'lease.acquired' },
  ])
})

t.test('clocks may part by a share of the time that no renewal succeeded in', async (t) => {
  const system = startActorSystem()
  await startHeld(system)
  await renew(system, GONE)
  system.clock.increment(90)
  const call = await system.ledger.called('renewLease')
  system.clock.increment(10 * TTL_MS)
  call.fail(GONE)
  await settled()
  system.clock.step(1_000)
  system.clock.increment(90)

  ;(await system.ledger.called('renewLease')).answer({ held: true, purges: 0, ledgerNow: 31_180 })
  await settled()

  t.same(steps(system), [])
})

t.test('a call about a lease is bounded by 16 % of its length, in whole ms', async (t) => {
  t.same([renewalTimeoutMs(3_000), renewalTimeoutMs(3_010)], [480, 481])
})

t.test('a renewal answered late opens the fence until a share after it was asked', async (t) => {
  const system = startActorSystem()
  const { fence } = await startHeld(system)
  system.clock.increment(TTL_MS / 3)
  const askedAt = system.clock.now()
  const call = await system.ledger.called('renewLease')
  system.clock.increment(1500)

  call.answer({ held: true, purges: 0, ledgerNow: 2500 })
  await settled()

  t.ok(fence.holds(askedAt + 0.9 * TTL_MS - 1))
  t.notOk(fence.holds(askedAt + 0.9 * TTL_MS))
  system.clock.increment(0)
  t.same(system.ledger.waiting, ['renewLease'], 'the next was due before: it follows at once')
})

t.test('three renewals that hang, one after the other, fit into a lease', async (t) => {
  const system = startActorSystem()
  const { fence } = await startHeld(system)
  system.clock.increment(TTL_MS / 3)
  for (let hung = 0; hung < 2; hung += 1) {
    const call = await system.ledger.called('renewLease')
    system.clock.increment(renewalTimeoutMs(TTL_MS))
    call.fail(GONE)
    await settled()
    system.clock.increment(0.03 * TTL_MS)
  }

  const third = await system.ledger.called('renewLease')
  system.clock.increment(renewalTimeoutMs(TTL_MS))

  t.ok(fence.holds(system.clock.now()), 'it is open when the third may still be answered')
  third.answer({ held: true, purges: 0, ledgerNow: system.clock.now() })
  await settled()
  t.same([fence.id, fence.holds(system.clock.now())], [3, true])
})

t.test(
  'the next renewal is asked for a third of the lease after the last, however late that was answered',
  async (t) => {
    const system = startActorSystem()
    await startHeld(system)
    system.clock.increment(TTL_MS / 3)
    const call = await system.ledger.called('renewLease')
    system.clock.increment(400)
    call.answer({ held: true, purges: 0, ledgerNow: 1400 })
    await settled()

    system.clock.increment(TTL_MS / 3 - 401)
    t.same(system.ledger.waiting, [])
    system.clock.increment(1)
    t.ok(await system.ledger.called('renewLease'))
  },
)

t.test(
  'a suspend or a step of the time of day closes the fence until the lease is renewed',
  async (t) => {
    for (const [steppedMs, byMs] of [
      [151, 151],
      [-150.4, -150],
    ] as const) {
      const system = startActorSystem()
      const { fence } = await startHeld(system)
      for (const ledgerNow of [1000, 2000, 3000]) {
        await renew(system, { held: true, purges: 0, ledgerNow })
      }
      t.ok(fence.holds(system.clock.now()))

      system.clock.step(steppedMs)
      t.notOk(fence.holds(system.clock.now()), 'at once')
      await renew(system, { held: true, purges: 0, ledgerNow: 4000 })

      t.ok(fence.holds(system.clock.now()))
      t.match(steps(system), [{ clock: 'instance', byMs }])
      await renew(system, { held: true, purges: 0, ledgerNow: 5000 })
      t.equal(steps(system).length, 1, 'told once')
    }
  },
)

t.test('a machine that was suspended while its lease was renewed holds none', async (t) => {
  const system = startActorSystem()
  const { fence } = await startHeld(system)
  system.clock.increment(TTL_MS / 3)
  const call = await system.ledger.called('renewLease')

  system.clock.step(3_600_000)
  call.answer({ held: true, purges: 0, ledgerNow: 1000 })
  await settled()

  t.notOk(fence.holds(system.clock.now()), 'the answer is an hour old')
})

t.test('small differences of clocks are no steps', async (t) => {
  const system = startActorSystem()
  const { fence } = await startHeld(system)

  system.clock.step(0.05 * TTL_MS)
  t.ok(fence.holds(system.clock.now()))
  await renew(system, { held: true, purges: 0, ledgerNow: 1040 })

  t.same(steps(system), [])
})

t.test('a step of the ledger’s clock is told, and ends no lease', async (t) => {
  for (const [ledgerNow, byMs] of [
    [26_000, 24_949],
    [-299_000, -299_949],
  ] as const) {
    const system = startActorSystem()
    const { lease, fence } = await startHeld(system)

    await renew(system, { held: true, purges: 0, ledgerNow })

    t.match(system.facts.slice(1), [{ type: 'clock.stepped', clock: 'ledger', byMs }])
    t.same([lease.getSnapshot().value, fence.holds(system.clock.now())], ['held', true])
  }
})

t.test('a release ends the actor in each of its states', async (t) => {
  for (const leave of ['held', 'acquiring', 'waiting', 'renewalFailed'] as const) {
    const system = startActorSystem()
    const { lease, fence } = leave === 'held' ? await startHeld(system) : startLease(system)
    if (leave === 'waiting') (await system.ledger.called('acquireLease')).fail(GONE)
    if (leave === 'renewalFailed') {
      ;(await system.ledger.called('acquireLease')).answer({ leaseId: 3, ledgerNow: 0 })
      await settled()
      await renew(system, GONE)
    }
    await settled()
    t.equal(lease.getSnapshot().value, leave)

    lease.send({ type: 'release.requested' })
    t.notOk(fence.holds(system.clock.now()), 'nothing is sent while it is released')
    if (leave === 'held') (await system.ledger.called('releaseLease')).answer(undefined)
    if (leave === 'renewalFailed') (await system.ledger.called('releaseLease')).fail(GONE)
    await settled()

    t.equal(lease.getSnapshot().status, 'done', leave)
    t.equal(told(system).at(-1), 'supervisor lease.released')
    const failures = system.facts.filter(({ type }) => type === 'ledger.failed')
    t.equal(failures.length, { held: 0, acquiring: 0, waiting: 1, renewalFailed: 2 }[leave])
    t.notOk(system.ledger.waiting.includes('releaseLease'), 'there is none before the first grant')
  }
})

t.test('nothing is claimed or written before a first lease was held', async (t) => {
  const fence = new LeaseFence(new StandingTime())

  t.equal(fence.id, null)
  t.throws(() => ownerOf(fence), { code: 'ERR_ASSERTION' })
  fence.extend({ id: 3, validUntil: 0, ...ANY_TIME_OF_DAY })
  t.equal(ownerOf(fence), 3, 'also once it has run out: the ledger refuses what it owns no longer')
})

t.test('a bug in a call to the ledger ends the lease’s actor', async (t) => {
  const bug = new TypeError('a planted bug')
  const acquiring = startActorSystem()
  const { lease } = startLease(acquiring)
  ;(await acquiring.ledger.called('acquireLease')).fail(bug)
  await settled()
  t.match(lease.getSnapshot(), { status: 'error', error: bug })

  const renewing = startActorSystem()
  const held = await startHeld(renewing)
  await renew(renewing, bug)
  t.match(held.lease.getSnapshot(), { status: 'error', error: bug })

  const releasing = startActorSystem()
  const parts = await startHeld(releasing)
  parts.lease.send({ type: 'release.requested' })
  ;(await releasing.ledger.called('releaseLease')).fail(bug)
  await settled()
  t.match(parts.lease.getSnapshot(), { status: 'error', error: bug })
})
