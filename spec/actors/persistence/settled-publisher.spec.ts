import t from 'tap'
import {
  ANNOUNCE_WINDOW_MS,
  createAnnouncer,
} from '../../../src/actors/persistence/settled-publisher.ts'
import type { SettledPayment } from '../../../src/actors/model/payment.ts'
import type { SettledBoard } from '../../../src/actors/model/ports.ts'
import { BoardUnavailable } from '../../../src/actors/model/errors.ts'
import { actorHouse, settled } from '../../support/actor-house.ts'
import { scriptedPort } from '../../support/scripted-port.ts'

function payment(correlationId: string): SettledPayment {
  return { correlationId, processor: 'default', requestedAt: 5, amountCents: 1 }
}

function world() {
  const { clock } = actorHouse()
  const board = scriptedPort<SettledBoard>()
  return { clock, board, announcer: createAnnouncer({ clock, settledBoard: board.port }) }
}

t.test('changes of a window reach the board together, what is put on it first', async (t) => {
  const { clock, board, announcer } = world()
  announcer.remove(['a'])
  announcer.add(payment('b'))
  announcer.add(payment('c'))

  clock.increment(ANNOUNCE_WINDOW_MS - 1)
  t.same(board.waiting, [])
  clock.increment(1)

  t.same(board.waiting, ['add', 'remove'])
  t.same((await board.called('add')).args, [[payment('b'), payment('c')]])
  t.same((await board.called('remove')).args, [['a']])
  t.equal(clock.pending, 0)
})

t.test('what waits is done at once when asked for, and not again', async (t) => {
  const { clock, board, announcer } = world()
  announcer.add(payment('a'))

  announcer.announce()
  t.same(board.waiting, ['add'])
  announcer.announce()
  clock.increment(ANNOUNCE_WINDOW_MS)

  t.same(board.waiting, ['add'])
  t.equal(clock.pending, 0)
})

t.test('nothing to take off is no change', async (t) => {
  const { clock, announcer } = world()

  announcer.remove([])

  t.equal(clock.pending, 0)
})

t.test('a board that fails is let be', async (t) => {
  const { board, announcer } = world()
  announcer.add(payment('a'))
  announcer.remove(['b'])

  announcer.announce()
  ;(await board.called('add')).fail(new BoardUnavailable('add'))
  ;(await board.called('remove')).fail(new BoardUnavailable('remove'))
  await settled()

  t.same(board.waiting, [])
})
