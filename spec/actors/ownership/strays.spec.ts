import t from 'tap'
import type { Actor } from 'xstate'
import { LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import type { OwnedPayment } from '../../../src/actors/model/ports.ts'
import type { StraysSought } from '../../../src/actors/messages.ts'
import { straysMachine } from '../../../src/actors/ownership/strays.machine.ts'
import { startActorSystem, settled, type ActorSystem } from '../../support/actor-system.ts'
import { claimedPayment } from '../../support/payment-samples.ts'
import { ANY_TIME_OF_DAY } from '../../support/standing-time.ts'

const GONE = new LedgerUnavailable('reclaim', 'unknown')

function startStrays(): { system: ActorSystem; strays: Actor<typeof straysMachine> } {
  const system = startActorSystem()
  const bounds = { intervalMs: 1000, ownedMax: 9, batchMax: 2, settleByMs: 4000 }
  return { system, strays: system.start(straysMachine, { ports: system.ports, ...bounds }) }
}

function owned(...ids: readonly string[]): readonly OwnedPayment[] {
  return ids.map((correlationId) => ({ correlationId, fencingToken: 0 }))
}

/** A comparison for which the ledger has these, of which those in `here` are in memory. */
async function compare(
  { system }: { system: ActorSystem },
  listed: readonly OwnedPayment[],
  here: readonly string[] = [],
): Promise<void> {
  system.clock.increment(1000)
  ;(await system.ledger.called('listOwned')).answer(listed)
  await settled()
  const asked = system.sentEvents.map(({ event }) => event as unknown as StraysSought)
  for (const { type, batch, replyTo } of asked.splice(0)) {
    if (type === 'strays.sought')
      replyTo(batch.filter((each) => !here.includes(each.correlationId)))
  }
  system.sentEvents.length = 0
  await settled()
}

t.test(
  'what the ledger has and nobody here at two comparisons is claimed, and worked on',
  async (t) => {
    const parts = startStrays()
    const { system, strays } = parts

    await compare(parts, owned('a', 'b', 'c'), ['c'])
    t.same(system.ledger.waiting, [], 'it may be on its way')
    await compare(parts, owned('a', 'c'), ['c'])
    const call = await system.ledger.called('reclaim')
    call.answer([claimedPayment('a')])
    await settled()

    t.same(call.args, [owned('a'), { leaseId: 7, settleByMs: 4000 }])
    t.match(system.sentEvents, [
      { to: 'payments', event: { type: 'payments.claimed', from: 'strays', leaseId: 7 } },
    ])
    t.equal(strays.getSnapshot().value, 'waiting')
  },
)

t.test('a payment that was here in between, or has another token, is no stray yet', async (t) => {
  const parts = startStrays()

  await compare(parts, owned('a', 'b'))
  await compare(parts, [{ correlationId: 'b', fencingToken: 1 }, ...owned('a')], ['a'])
  await compare(parts, owned('a'))
  t.same(parts.system.ledger.waiting, [])
  await compare(parts, [])
  await compare(parts, owned('a'))
  t.same(parts.system.ledger.waiting, [], 'nor one that was gone')
})

t.test('strays are claimed in bounded batches', async (t) => {
  const parts = startStrays()
  await compare(parts, owned('a', 'b', 'c'))
  await compare(parts, owned('a', 'b', 'c'))

  const first = await parts.system.ledger.called('reclaim')
  first.answer([claimedPayment('a'), claimedPayment('b')])
  await settled()
  await compare(parts, [...owned('c'), { correlationId: 'a', fencingToken: 1 }], ['a'])

  t.same(first.args, [owned('a', 'b'), { leaseId: 7, settleByMs: 4000 }])
  t.match((await parts.system.ledger.called('reclaim')).args, [owned('c')])
})

t.test(
  'a damaged payment, which a claim does not hand over, is not claimed at once again',
  async (t) => {
    const parts = startStrays()
    const { ledger } = parts.system
    const claimed = { correlationId: 'a', fencingToken: 1 }
    await compare(parts, owned('a', 'locked'))
    await compare(parts, owned('a', 'locked'))
    ;(await ledger.called('reclaim')).answer([])
    await settled()
    t.same(parts.system.sentEvents, [], 'there is nothing to hand over')

    await compare(parts, [claimed, ...owned('locked')])
    const again = await ledger.called('reclaim')
    again.answer([])
    await settled()
    await compare(parts, [claimed])
    await compare(parts, [claimed])

    t.match(again.args, [owned('locked')], 'one that keeps its token was not claimed')
    t.same(ledger.waiting, [])
  },
)

t.test('a damaged payment is claimed again a minute later, when it may be repaired', async (t) => {
  const parts = startStrays()
  const { ledger } = parts.system
  const claimed = { correlationId: 'a', fencingToken: 1 }
  await compare(parts, owned('a'))
  await compare(parts, owned('a'))
  ;(await ledger.called('reclaim')).answer([])
  await settled()
  for (let second = 3; second < 61; second += 1) await compare(parts, [claimed])
  t.same(ledger.waiting, [])

  await compare(parts, [claimed])
  await compare(parts, [claimed])

  t.same((await ledger.called('reclaim')).args[0], [claimed])
})

t.test(
  'a payment that was handed over once and is in nobody’s memory again is a stray',
  async (t) => {
    const parts = startStrays()
    await compare(parts, owned('a'))
    await compare(parts, owned('a'))
    ;(await parts.system.ledger.called('reclaim')).answer([claimedPayment('a')])
    await settled()
    const again = [{ correlationId: 'a', fencingToken: 1 }]
    await compare(parts, again)
    await compare(parts, again)

    t.same((await parts.system.ledger.called('reclaim')).args[0], again)
  },
)

t.test('strays that a drain finds are left to whoever takes over', async (t) => {
  const { system, strays } = startStrays()
  await compare({ system }, owned('a'))
  system.clock.increment(1000)
  ;(await system.ledger.called('listOwned')).answer(owned('a'))
  await settled()

  strays.send({ type: 'drain.started' })
  strays.send({ type: 'strays.found', strays: owned('a') })

  t.same([strays.getSnapshot().value, system.ledger.waiting], ['closed', []])
})

t.test('everything is compared anew once the lease is another one', async (t) => {
  const parts = startStrays()
  await compare(parts, owned('a'))

  const validUntil = Number.POSITIVE_INFINITY
  parts.system.fence.extend({ id: 8, validUntil, ...ANY_TIME_OF_DAY })
  await compare(parts, owned('a'))
  t.same(parts.system.ledger.waiting, [])
  await compare(parts, owned('a'))

  t.match((await parts.system.ledger.called('reclaim')).args, [owned('a'), { leaseId: 8 }])
})

t.test('without a lease nothing is compared, and a failure is told', async (t) => {
  const parts = startStrays()
  const { system, strays } = parts
  system.fence.close()
  system.clock.increment(1000)
  t.same([system.ledger.waiting, strays.getSnapshot().value], [[], 'waiting'])
  const validUntil = Number.POSITIVE_INFINITY
  system.fence.extend({ id: 7, validUntil, ...ANY_TIME_OF_DAY })

  system.clock.increment(1000)
  ;(await system.ledger.called('listOwned')).fail(GONE)
  await settled()
  await compare(parts, owned('a'))
  await compare(parts, owned('a'))
  ;(await system.ledger.called('reclaim')).fail(GONE)
  await settled()

  t.equal(strays.getSnapshot().value, 'waiting')
  const failed = { type: 'ledger.failed', operation: 'strays' }
  t.match(system.facts, [failed, failed])
  t.same(system.sentEvents, [])
})

t.test('a drain ends the comparisons, and what was being claimed still arrives', async (t) => {
  const parts = startStrays()
  const { system, strays } = parts
  await compare(parts, owned('a'))
  await compare(parts, owned('a'))
  const call = await system.ledger.called('reclaim')

  strays.send({ type: 'drain.started' })
  call.answer([claimedPayment('a')])
  await settled()

  const told = system.sentEvents.map(({ event }) => event.type)
  t.same(told, ['payments.claimed', 'intake.ended'])
  t.equal(strays.getSnapshot().value, 'closed')
  const draining = startStrays()
  await compare(draining, owned('a'))
  draining.system.clock.increment(1000)
  draining.strays.send({ type: 'drain.started' })
  ;(await draining.system.ledger.called('listOwned')).answer([])
  await settled()
  t.match(draining.system.sentEvents, [{ event: { type: 'intake.ended', from: 'strays' } }])
})

t.test('a bug in a call to the ledger ends the actor', async (t) => {
  const bug = new TypeError('a planted bug')
  const listing = startStrays()
  listing.system.clock.increment(1000)
  ;(await listing.system.ledger.called('listOwned')).fail(bug)
  await settled()
  t.match(listing.strays.getSnapshot(), { status: 'error', error: bug })

  const claiming = startStrays()
  await compare(claiming, owned('a'))
  await compare(claiming, owned('a'))
  ;(await claiming.system.ledger.called('reclaim')).fail(bug)
  await settled()
  t.match(claiming.strays.getSnapshot(), { status: 'error', error: bug })
})
