import t from 'tap'
import type { Actor } from 'xstate'
import { CacheUnavailable, LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import type { DelayedQueue } from '../../../src/actors/model/ports.ts'
import { retryQueueMachine } from '../../../src/actors/ownership/retry-queue.machine.ts'
import { actorHouse, settled, type House } from '../../support/actor-house.ts'
import { claimedPayment } from '../../support/payment-samples.ts'
import { scriptedPort, type ScriptedPort } from '../../support/scripted-port.ts'

const LEDGER_GONE = new LedgerUnavailable('claimDue', 'unknown')
const BOARD_GONE = new CacheUnavailable('cache')

interface Queue {
  readonly house: House
  readonly cache: ScriptedPort<DelayedQueue>
  readonly queue: Actor<typeof retryQueueMachine>
}

function startQueue(): Queue {
  const house = actorHouse()
  const cache = scriptedPort<DelayedQueue>()
  const input = { ports: house.ports, cache: cache.port }
  return { house, cache, queue: house.start(retryQueueMachine, input) }
}

/** Lets the first look go by, which also sweeps the ledger and brings one payment. */
async function startFlowing(): Promise<Queue> {
  const parts = startQueue()
  const { house, cache, queue } = parts
  queue.send({ type: 'capacity.offered', limit: 3 })
  ;(await cache.called('claimRebuild')).answer(false)
  ;(await cache.called('takeDue')).answer([])
  ;(await house.ledger.called('claimDue')).answer([claimedPayment('first')])
  await settled()
  house.heard.length = 0
  return parts
}

function told(house: House): readonly unknown[] {
  return house.heard.map(({ who, event }) => [
    who,
    event.type,
    event['batch']?.length,
    event['leaseId'],
  ])
}

function claimed(payments: number): readonly unknown[] {
  return ['payments', 'payments.claimed', payments, 7]
}

const TAINTED = ['lease', 'lease.tainted', undefined, 7]

t.test('offered room is filled from the cache first, from the ledger then', async (t) => {
  const { house, cache, queue } = startQueue()

  queue.send({ type: 'capacity.offered', limit: 3 })
  queue.send({ type: 'capacity.offered', limit: 99 })
  ;(await cache.called('claimRebuild')).answer(false)
  const taking = await cache.called('takeDue')
  taking.answer(['a', 'b'])
  const claiming = await house.ledger.called('claimParked')
  claiming.answer([claimedPayment('a')])
  const sweeping = await house.ledger.called('claimDue')
  sweeping.answer([claimedPayment('c')])
  await settled()

  t.same(taking.args, [3], 'what is offered meanwhile waits for the next tick')
  t.same(claiming.args, [['a', 'b'], { leaseId: 7 }])
  t.same(sweeping.args, [{ leaseId: 7, limit: 2 }], 'b was claimed by another instance')
  t.same(told(house), [claimed(2)])
  t.equal(queue.getSnapshot().value, 'idle')
})

t.test('the ledger itself is swept four times a second, and on while it is full', async (t) => {
  const { house, cache, queue } = await startFlowing()

  queue.send({ type: 'capacity.offered', limit: 1 })
  ;(await cache.called('takeDue')).answer(['b'])
  ;(await house.ledger.called('claimParked')).answer([claimedPayment('b')])
  await settled()
  t.same(house.ledger.waiting, [], 'not so soon again')
  house.clock.increment(250)
  queue.send({ type: 'capacity.offered', limit: 1 })
  ;(await cache.called('claimRebuild')).answer(false)
  ;(await cache.called('takeDue')).answer([])
  ;(await house.ledger.called('claimDue')).answer([claimedPayment('a')])
  await settled()
  queue.send({ type: 'capacity.offered', limit: 1 })
  ;(await cache.called('claimRebuild')).answer(false)
  ;(await cache.called('takeDue')).answer([])
  ;(await house.ledger.called('claimDue')).answer([])
  await settled()

  t.same(told(house), [claimed(1), claimed(1)])
})

t.test('while nothing is due the cache is looked at as rarely as the ledger', async (t) => {
  const { house, cache, queue } = await startFlowing()
  queue.send({ type: 'capacity.offered', limit: 1 })
  ;(await cache.called('takeDue')).answer([])
  await settled()

  house.clock.increment(249)
  queue.send({ type: 'capacity.offered', limit: 1 })
  t.same([queue.getSnapshot().value, cache.waiting], ['idle', []])
  house.clock.increment(1)
  queue.send({ type: 'capacity.offered', limit: 1 })

  ;(await cache.called('claimRebuild')).answer(false)
  ;(await cache.called('takeDue')).answer([])
  ;(await house.ledger.called('claimDue')).answer([])
  await settled()
  t.equal(queue.getSnapshot().value, 'idle')
})

t.test('what was claimed from the cache is kept when the sweep fails', async (t) => {
  const { house, cache, queue } = startQueue()
  queue.send({ type: 'capacity.offered', limit: 3 })
  ;(await cache.called('claimRebuild')).answer(false)
  ;(await cache.called('takeDue')).answer(['a'])
  ;(await house.ledger.called('claimParked')).answer([claimedPayment('a')])

  house.fence.extend({ id: 8, validUntil: Number.POSITIVE_INFINITY })
  ;(await house.ledger.called('claimDue')).fail(LEDGER_GONE)
  await settled()

  t.same(told(house), [claimed(1), TAINTED], 'and what the sweep may have claimed is not')
  t.equal(queue.getSnapshot().value, 'idle')
})

t.test('a ledger that fails is left alone for a while', async (t) => {
  const { house, cache, queue } = await startFlowing()

  queue.send({ type: 'capacity.offered', limit: 3 })
  ;(await cache.called('takeDue')).answer(['a'])
  ;(await house.ledger.called('claimParked')).fail(LEDGER_GONE)
  await settled()
  t.equal(queue.getSnapshot().value, 'paused')
  t.match(house.facts, [{ type: 'ledger.failed', operation: 'claimDue' }])
  t.same(told(house), [TAINTED], 'it may have claimed what it did not say')
  queue.send({ type: 'capacity.offered', limit: 3 })
  house.clock.increment(499)
  t.equal(queue.getSnapshot().value, 'paused')
  house.clock.increment(1)

  t.equal(queue.getSnapshot().value, 'idle')
  t.same(cache.waiting, [])
})

t.test('a claim that is certainly not made taints nothing', async (t) => {
  const { house, cache, queue } = await startFlowing()
  queue.send({ type: 'capacity.offered', limit: 3 })
  ;(await cache.called('takeDue')).answer(['a'])

  ;(await house.ledger.called('claimParked')).fail(new LedgerUnavailable('claimParked', 'none'))
  await settled()

  t.same([queue.getSnapshot().value, told(house)], ['paused', []])
})

t.test('without a cache the ledger alone fills the room', async (t) => {
  const { house, cache, queue } = startQueue()
  queue.send({ type: 'capacity.offered', limit: 3 })
  ;(await cache.called('claimRebuild')).fail(BOARD_GONE)
  ;(await cache.called('takeDue')).fail(BOARD_GONE)

  ;(await house.ledger.called('claimDue')).answer([claimedPayment('a')])
  await settled()

  t.same(told(house), [claimed(1)])
})

t.test('a lost cache is rebuilt from the ledger, and parked payments go on it', async (t) => {
  const { house, cache, queue } = startQueue()
  const entries = [{ correlationId: 'a', dueInMs: 5 }]
  queue.send({ type: 'payments.parked', entries })
  const scheduled = await cache.called('schedule')
  scheduled.fail(BOARD_GONE)
  t.same(scheduled.args, [entries], 'at once, and nothing is lost if it fails')
  queue.send({ type: 'capacity.offered', limit: 3 })
  ;(await cache.called('claimRebuild')).answer(true)

  ;(await house.ledger.called('listParked')).answer(entries)
  const rebuilt = await cache.called('schedule')
  rebuilt.answer(undefined)
  ;(await cache.called('takeDue')).answer([])
  ;(await house.ledger.called('claimDue')).answer([])
  await settled()

  t.same(rebuilt.args, [entries])
  t.equal(queue.getSnapshot().value, 'idle')
})

t.test('a drain ends the claims, and what is being claimed still arrives', async (t) => {
  const { house, cache, queue } = await startFlowing()
  queue.send({ type: 'capacity.offered', limit: 3 })
  const taking = await cache.called('takeDue')

  queue.send({ type: 'drain.started' })
  taking.answer(['a'])
  ;(await house.ledger.called('claimParked')).answer([claimedPayment('a')])
  await settled()
  queue.send({ type: 'capacity.offered', limit: 3 })

  const ended = ['payments', 'intake.ended', undefined, undefined]
  t.same(told(house), [claimed(1), ended], 'it says so after the last claim')
  t.same([queue.getSnapshot().value, cache.waiting], ['closed', []])
})
