// What an instance says that operators' commands met there, once for each.

import t from 'tap'
import { LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import { settled } from '../../support/actor-system.ts'
import { BY_ANA, held, NO_PAYMENT, orders, start } from './commands-under-test.ts'

t.test('each command is answered with the state that it met, once', async (t) => {
  const { answer, count, ledger, facts, sentEvents } = start()
  const earlier = { id: 3, kind: 'pause', processor: 'default', ...NO_PAYMENT, ...BY_ANA } as const
  await answer(orders(3, { pending: [earlier] }))
  t.same(ledger.waiting, [], 'what was ordered before the start is not for this process')

  count(4)
  const pause = { ...earlier, id: 4 }
  await answer(orders(4, { holds: [held(4)], pending: [pause] }))
  const noted = await ledger.called('noteMet')

  t.same(noted.args, [{ id: 4, instanceId: 'here', met: { circuit: 'closed' } }])
  noted.fail(new LedgerUnavailable('noteMet', 'none'))
  await settled()
  t.same(sentEvents, [], 'a note that is lost is no more than told')
  t.match(facts, [{ type: 'ledger.failed', operation: 'noteMet' }])
})

t.test('of orders that are read at once each meets what those before it make of it', async (t) => {
  const { answer, count, ledger } = start()
  await answer(orders(0))
  count(7)
  const order = (id: number, kind: string, more: object = {}) =>
    ({ id, kind, processor: 'default', ...NO_PAYMENT, ...BY_ANA, ...more }) as const
  const pending = [
    order(1, 'pause'),
    order(2, 'pause'),
    order(3, 'pause', { processor: 'fallback' }),
    order(4, 'hold', { heldTo: 'closed' }),
    order(5, 'hold', { heldTo: 'open' }),
    order(6, 'resume'),
    order(7, 'pause'),
  ]

  await answer(orders(7, { holds: [held(7)], pending }))

  const met: unknown[] = []
  for (const { id } of pending) {
    const [noted] = (await ledger.called('noteMet')).args as [{ id: number; met: object }]
    t.equal(noted.id, id)
    met.push(Object.values(noted.met)[0])
  }
  t.same(met, ['closed', 'heldOpen', 'halfOpen', 'heldOpen', 'heldClosed', 'heldOpen', 'halfOpen'])
})

t.test('a command that is read again met what it met at first', async (t) => {
  const { answer, count, circuits, ledger, history } = start()
  await answer(orders(0))
  count(1)
  const pause = { id: 1, kind: 'pause', processor: 'default', ...NO_PAYMENT, ...BY_ANA } as const
  await answer(orders(1, { holds: [held(1)], pending: [pause] }))
  const met = async () => {
    const [noted] = (await ledger.called('noteMet')).args
    return noted
  }
  t.match(await met(), { id: 1, met: { circuit: 'closed' } })
  circuits.default = 'heldOpen'

  count(2)
  await answer(orders(2, { holds: [held(2)], pending: [pause, { ...pause, id: 2 }] }))

  t.match(await met(), { id: 1, met: { circuit: 'closed' } }, 'its answer was not written yet')
  t.match(await met(), { id: 2, met: { circuit: 'heldOpen' } })
  circuits.default = 'halfOpen'
  history.epoch = 1
  count(2)
  await answer(orders(2, { holds: [held(2)], pending: [{ ...pause, id: 2 }] }))
  t.match(await met(), { id: 2, met: { circuit: 'halfOpen' } }, 'another one has the same id')
})

t.test('an order of a kind that this Pit does not know is answered as that', async (t) => {
  const about = { ...NO_PAYMENT, ...BY_ANA }
  const unknown = [
    { kind: 'freeze', processor: null, ...about },
    { kind: 'freeze', processor: 'default', ...about },
    { kind: 'pause', processor: null, ...about },
  ] as const
  for (const order of unknown) {
    const { answer, count, ledger, sentEvents, told } = start()
    await answer(orders(0))
    told()
    count(1)
    await answer(orders(1, { pending: [{ id: 1, ...order }] }))

    const { kind } = order
    const [noted] = (await ledger.called('noteMet')).args
    t.strictSame(noted, { id: 1, instanceId: 'here', met: { notUnderstood: kind } })
    t.same([sentEvents, told()], [[], []], 'nothing is obeyed')
  }
})
