import t from 'tap'
import type { Actor } from 'xstate'
import { LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import { LeaseFence, ownerOf } from '../../../src/actors/ownership/fence.ts'
import { leaseMachine } from '../../../src/actors/ownership/lease.machine.ts'
import { startActorSystem, settled, type ActorSystem } from '../../support/actor-system.ts'

const TTL_MS = 3000
const GONE = new LedgerUnavailable('lease', 'unknown')

type LeaseActor = Actor<typeof leaseMachine>

function startLease(system: ActorSystem): { lease: LeaseActor; fence: LeaseFence } {
  const fence = new LeaseFence()
  const input = { ports: system.ports, fence, instanceId: 'pit-1', ttlMs: TTL_MS }
  return { lease: system.start(leaseMachine, input), fence }
}

async function startHeld(system: ActorSystem): Promise<ReturnType<typeof startLease>> {
  const parts = startLease(system)
  ;(await system.ledger.called('acquireLease')).answer({ leaseId: 3 })
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

t.test(
  'a granted lease opens the fence, for a time that counts from before it was asked for',
  async (t) => {
    const system = startActorSystem()
    const { lease, fence } = startLease(system)
    const call = await system.ledger.called('acquireLease')
    system.clock.increment(400)

    call.answer({ leaseId: 3 })
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
  system.clock.increment(200)

  t.equal(lease.getSnapshot().value, 'acquiring')
  ;(await system.ledger.called('acquireLease')).answer({ leaseId: 4 })
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

  call.answer({ held: true, purges: 0 })
  await settled()

  t.same(call.args, [{ leaseId: 3, ttlMs: TTL_MS }])
  t.equal(lease.getSnapshot().value, 'held')
  t.ok(fence.holds(TTL_MS / 3 + 0.9 * TTL_MS - 1))
  t.same(told(system), ['supervisor lease.acquired'])
})

t.test('a lease is renewed at least once a second, however long it lives', async (t) => {
  const system = startActorSystem()
  const input = { ports: system.ports, fence: new LeaseFence(), instanceId: 'a', ttlMs: 60_000 }
  system.start(leaseMachine, input)
  ;(await system.ledger.called('acquireLease')).answer({ leaseId: 3 })
  await settled()

  system.clock.increment(999)
  t.same(system.ledger.waiting, [])
  system.clock.increment(1)
  t.same(system.ledger.waiting, ['renewLease'])
})

t.test('a renewal that fails is tried again, and the fence closes by itself', async (t) => {
  const system = startActorSystem()
  const { lease, fence } = await startHeld(system)

  await renew(system, GONE)
  t.equal(lease.getSnapshot().value, 'renewalFailed')
  for (let paused = 0; paused < 9; paused += 1) {
    system.clock.increment(200)
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

  await renew(system, { held: false, purges: 0 })

  t.notOk(fence.holds(system.clock.now()))
  t.equal(lease.getSnapshot().value, 'acquiring')
  t.same(told(system), ['supervisor lease.acquired', 'supervisor lease.lost'])
  ;(await system.ledger.called('acquireLease')).answer({ leaseId: 4 })
  await settled()
  t.same([fence.id, fence.holds(system.clock.now())], [4, true])
})

t.test('a count of purges is told when it has changed', async (t) => {
  const system = startActorSystem()
  const { fence } = await startHeld(system)

  await renew(system, { held: true, purges: 5 })
  await renew(system, { held: true, purges: 5 })
  await renew(system, { held: true, purges: 6 })
  await renew(system, { held: true, purges: 6 })

  t.same(told(system).slice(1), ['payments purges.counted', 'payments purges.counted'])
  t.match(
    system.sentEvents.slice(1).map(({ event }) => event),
    [{ purges: 5 }, { purges: 6 }],
  )
  t.ok(fence.holds(system.clock.now()))
})

t.test(
  'a tainted lease is released once all outcomes are written, and another is taken',
  async (t) => {
    const system = startActorSystem()
    const { lease, fence } = await startHeld(system)

    lease.send({ type: 'lease.tainted', leaseId: 2 })
    t.equal(lease.getSnapshot().value, 'held', 'an earlier one is gone already')
    lease.send({ type: 'lease.tainted', leaseId: 3 })
    t.notOk(fence.holds(system.clock.now()), 'nothing is sent from now on')
    t.same(told(system).slice(1), ['payments payments.returned', 'outcomeBatcher flush.requested'])
    t.same(system.ledger.waiting, [], 'the outcomes are written first')
    lease.send({ type: 'outcomes.written' })
    const release = await system.ledger.called('releaseLease')
    release.answer(undefined)
    ;(await system.ledger.called('acquireLease')).answer({ leaseId: 4 })
    await settled()

    t.same(release.args, [3])
    t.same([lease.getSnapshot().value, fence.id], ['held', 4])
    t.ok(fence.holds(system.clock.now()))
  },
)

t.test('a lease is also replaced when it is tainted while it is renewed or falters', async (t) => {
  for (const state of ['renewing', 'renewalFailed'] as const) {
    const system = startActorSystem()
    const { lease } = await startHeld(system)
    if (state === 'renewalFailed') await renew(system, GONE)
    else system.clock.increment(TTL_MS / 3)
    t.equal(lease.getSnapshot().value, state)

    lease.send({ type: 'lease.tainted', leaseId: 3 })
    lease.send({ type: 'outcomes.written' })
    ;(await system.ledger.called('releaseLease')).fail(GONE)
    await settled()

    t.equal(lease.getSnapshot().value, 'acquiring', 'it ends by itself')
  }
})

t.test('a release ends the actor in each of its states', async (t) => {
  for (const leave of ['held', 'acquiring', 'waiting', 'renewalFailed'] as const) {
    const system = startActorSystem()
    const { lease, fence } = leave === 'held' ? await startHeld(system) : startLease(system)
    if (leave === 'waiting') (await system.ledger.called('acquireLease')).fail(GONE)
    if (leave === 'renewalFailed') {
      ;(await system.ledger.called('acquireLease')).answer({ leaseId: 3 })
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
    t.notOk(system.ledger.waiting.includes('releaseLease'), 'there is none before the first grant')
  }
})

t.test('claims that were lost with their actor replace the lease', async (t) => {
  for (const state of ['held', 'renewing', 'renewalFailed'] as const) {
    const system = startActorSystem()
    const { lease, fence } = await startHeld(system)
    if (state === 'renewalFailed') await renew(system, GONE)
    if (state === 'renewing') system.clock.increment(TTL_MS / 3)
    t.equal(lease.getSnapshot().value, state)

    lease.send({ type: 'claims.lost' })
    t.notOk(fence.holds(system.clock.now()))
    lease.send({ type: 'outcomes.written' })
    ;(await system.ledger.called('releaseLease')).answer(undefined)
    ;(await system.ledger.called('acquireLease')).answer({ leaseId: 4 })
    await settled()

    t.equal(fence.id, 4)
  }
})

t.test('nothing is claimed or written before a first lease was held', async (t) => {
  const fence = new LeaseFence()

  t.equal(fence.id, null)
  t.throws(() => ownerOf(fence), { code: 'ERR_ASSERTION' })
  fence.extend({ id: 3, validUntil: 0 })
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

  for (const reason of ['replaced', 'released'] as const) {
    const system = startActorSystem()
    const parts = await startHeld(system)
    if (reason === 'released') parts.lease.send({ type: 'release.requested' })
    else parts.lease.send({ type: 'claims.lost' })
    if (reason === 'replaced') parts.lease.send({ type: 'outcomes.written' })
    ;(await system.ledger.called('releaseLease')).fail(bug)
    await settled()
    t.match(parts.lease.getSnapshot(), { status: 'error', error: bug }, reason)
  }
})
