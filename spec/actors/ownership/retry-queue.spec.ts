import t from 'tap'
import type { Actor } from 'xstate'
import { BoardUnavailable, LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import type { RetryBoard } from '../../../src/actors/model/ports.ts'
import { retryQueueMachine } from '../../../src/actors/ownership/retry-queue.machine.ts'
import { actorHouse, settled, type House } from '../../support/actor-house.ts'
import { claimedPayment } from '../../support/payment-samples.ts'
import { scriptedPort, type ScriptedPort } from '../../support/scripted-port.ts'

const LEDGER_GONE = new LedgerUnavailable('claimDue', 'unknown')
const BOARD_GONE = new BoardUnavailable('board')

interface Queue {
  readonly house: House
  readonly board: ScriptedPort<RetryBoard>
  readonly queue: Actor<typeof retryQueueMachine>
}

function startQueue(): Queue {
  const house = actorHouse()
  const board = scriptedPort<RetryBoard>()
  const input = { archive: house.archive, board: board.port }
  return { house, board, queue: house.start(retryQueueMachine, input) }
}

/** Lets the first look go by, which also sweeps the ledger and brings one payment. */
async function startFlowing(): Promise<Queue> {
  const parts = startQueue()
  const { house, board, queue } = parts
  queue.send({ type: 'room.offered', limit: 3 })
  ;(await board.called('claimRebuild')).answer(false)
  ;(await board.called('takeDue')).answer([])
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

t.test('offered room is filled from the board first, from the ledger then', async (t) => {
  const { house, board, queue } = startQueue()

  queue.send({ type: 'room.offered', limit: 3 })
  queue.send({ type: 'room.offered', limit: 99 })
  ;(await board.called('claimRebuild')).answer(false)
  const taking = await board.called('takeDue')
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
  const { house, board, queue } = await startFlowing()

  queue.send({ type: 'room.offered', limit: 1 })
  ;(await board.called('takeDue')).answer(['b'])
  ;(await house.ledger.called('claimParked')).answer([claimedPayment('b')])
  await settled()
  t.same(house.ledger.waiting, [], 'not so soon again')
  house.clock.increment(250)
  queue.send({ type: 'room.offered', limit: 1 })
  ;(await board.called('claimRebuild')).answer(false)
  ;(await board.called('takeDue')).answer([])
  ;(await house.ledger.called('claimDue')).answer([claimedPayment('a')])
  await settled()
  queue.send({ type: 'room.offered', limit: 1 })
  ;(await board.called('claimRebuild')).answer(false)
  ;(await board.called('takeDue')).answer([])
  ;(await house.ledger.called('claimDue')).answer([])
  await settled()

  t.same(told(house), [claimed(1), claimed(1)])
})

t.test('while nothing is due the board is looked at as rarely as the ledger', async (t) => {
  const { house, board, queue } = await startFlowing()
  queue.send({ type: 'room.offered', limit: 1 })
  ;(await board.called('takeDue')).answer([])
  await settled()

  house.clock.increment(249)
  queue.send({ type: 'room.offered', limit: 1 })
  t.same([queue.getSnapshot().value, board.waiting], ['idle', []])
  house.clock.increment(1)
  queue.send({ type: 'room.offered', limit: 1 })

  ;(await board.called('claimRebuild')).answer(false)
  ;(await board.called('takeDue')).answer([])
  ;(await house.ledger.called('claimDue')).answer([])
  await settled()
  t.equal(queue.getSnapshot().value, 'idle')
})

t.test('what was claimed from the board is kept when the sweep fails', async (t) => {
  const { house, board, queue } = startQueue()
  queue.send({ type: 'room.offered', limit: 3 })
  ;(await board.called('claimRebuild')).answer(false)
  ;(await board.called('takeDue')).answer(['a'])
  ;(await house.ledger.called('claimParked')).answer([claimedPayment('a')])

  house.fence.extend({ id: 8, validUntil: Number.POSITIVE_INFINITY })
  ;(await house.ledger.called('claimDue')).fail(LEDGER_GONE)
  await settled()

  t.same(told(house), [claimed(1), TAINTED], 'and what the sweep may have claimed is not')
  t.equal(queue.getSnapshot().value, 'idle')
})

t.test('a ledger that fails is left alone for a while', async (t) => {
  const { house, board, queue } = await startFlowing()

  queue.send({ type: 'room.offered', limit: 3 })
  ;(await board.called('takeDue')).answer(['a'])
  ;(await house.ledger.called('claimParked')).fail(LEDGER_GONE)
  await settled()
  t.equal(queue.getSnapshot().value, 'paused')
  t.match(house.facts, [{ type: 'ledger.failed', operation: 'claimDue' }])
  t.same(told(house), [TAINTED], 'it may have claimed what it did not say')
  queue.send({ type: 'room.offered', limit: 3 })
  house.clock.increment(499)
  t.equal(queue.getSnapshot().value, 'paused')
  house.clock.increment(1)

  t.equal(queue.getSnapshot().value, 'idle')
  t.same(board.waiting, [])
})

t.test('a claim that is certainly not made taints nothing', async (t) => {
  const { house, board, queue } = await startFlowing()
  queue.send({ type: 'room.offered', limit: 3 })
  ;(await board.called('takeDue')).answer(['a'])

  ;(await house.ledger.called('claimParked')).fail(new LedgerUnavailable('claimParked', 'none'))
  await settled()

  t.same([queue.getSnapshot().value, told(house)], ['paused', []])
})

t.test('without a board the ledger alone fills the room', async (t) => {
  const { house, board, queue } = startQueue()
  queue.send({ type: 'room.offered', limit: 3 })
  ;(await board.called('claimRebuild')).fail(BOARD_GONE)
  ;(await board.called('takeDue')).fail(BOARD_GONE)

  ;(await house.ledger.called('claimDue')).answer([claimedPayment('a')])
  await settled()

  t.same(told(house), [claimed(1)])
})

t.test('a lost board is rebuilt from the ledger, and parked payments go on it', async (t) => {
  const { house, board, queue } = startQueue()
  const entries = [{ correlationId: 'a', dueInMs: 5 }]
  queue.send({ type: 'payments.parked', entries })
  const scheduled = await board.called('schedule')
  scheduled.fail(BOARD_GONE)
  t.same(scheduled.args, [entries], 'at once, and nothing is lost if it fails')
  queue.send({ type: 'room.offered', limit: 3 })
  ;(await board.called('claimRebuild')).answer(true)

  ;(await house.ledger.called('listParked')).answer(entries)
  const rebuilt = await board.called('schedule')
  rebuilt.answer(undefined)
  ;(await board.called('takeDue')).answer([])
  ;(await house.ledger.called('claimDue')).answer([])
  await settled()

  t.same(rebuilt.args, [entries])
  t.equal(queue.getSnapshot().value, 'idle')
})

t.test('a drain ends the claims, and what is being claimed still arrives', async (t) => {
  const { house, board, queue } = await startFlowing()
  queue.send({ type: 'room.offered', limit: 3 })
  const taking = await board.called('takeDue')

  queue.send({ type: 'drain.started' })
  taking.answer(['a'])
  ;(await house.ledger.called('claimParked')).answer([claimedPayment('a')])
  await settled()
  queue.send({ type: 'room.offered', limit: 3 })

  const ended = ['payments', 'intake.ended', undefined, undefined]
  t.same(told(house), [claimed(1), ended], 'it says so after the last claim')
  t.same([queue.getSnapshot().value, board.waiting], ['closed', []])
})
