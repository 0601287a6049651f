// Operators' commands as one instance obeys them: read when their number changes, ended when their time
// is over.

import t from 'tap'
import { LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import { settled } from '../../support/actor-system.ts'
import { BY_ANA, held, NO_PAYMENT, orders, start } from './commands-under-test.ts'

t.test('what stands is obeyed before anything else begins', async (t) => {
  const { answer, told, reads } = start()
  t.equal(reads(), 0)

  t.same(await answer(orders(3, { holds: [held(3)] })), [{ instanceId: 'here', after: 0 }])

  t.same(told(), ['default open: paused by ana: late', 'fallback is free'])
  t.equal(reads(), 1)
})

t.test('orders are read again when there is another one, and only then', async (t) => {
  const { answer, told, count, ledger } = start()
  await answer(orders(3))
  told()
  count(3)
  t.same(ledger.waiting, [], 'nothing is new')

  count(4)
  t.same(await answer(orders(4, { holds: [held(4)] })), [{ instanceId: 'here', after: 3 }])
  t.same(told(), ['default open: paused by ana: late'], 'only a circuit whose hold has changed')
  count(5)
  const again = orders(5, { holds: [held(5, { kind: 'hold', to: 'closed' })] })
  t.match(await answer(again), [{ after: 3 }], 'what was ordered since the start')
  t.same(told(), ['default closed: held by ana: late'])
  count(6)
  await answer(orders(6))
  t.same(told(), ['default is free'])
  count(2)
  await answer(orders(2))
  t.same(told(), [], 'a ledger that was restored has fewer')
})

t.test('another history of the ledger is read, though it has as many orders', async (t) => {
  const { answer, told, count, history } = start()
  await answer(orders(3, { holds: [held(3)] }))
  told()
  history.epoch = 1

  count(3)
  await answer(orders(3))

  t.same(told(), ['default is free'])
})

t.test('a hold of two months ends in time, with timers that any machine takes', async (t) => {
  const DAY_MS = 86_400_000
  const delays: number[] = []
  const { answer, told, pass } = start((clock) => ({
    now: () => clock.now(),
    wallNow: () => clock.wallNow(),
    clearTimeout: (handle) => clock.clearTimeout(handle),
    setTimeout: (callback, delayMs) => {
      delays.push(delayMs)
      return clock.setTimeout(callback, delayMs)
    },
  }))
  await answer(orders(1, { holds: [held(1, { endsInMs: 60 * DAY_MS })] }))
  told()

  await pass(60 * DAY_MS - 1)
  t.same(told(), [])
  await pass(1)

  t.same(told(), ['default is free'])
  t.ok(Math.max(...delays) < 2 ** 31)
})

t.test('a processor that is paused is held before the other one is let go of', async (t) => {
  const { answer, told, count } = start()
  await answer(orders(3, { holds: [held(3)] }))
  told()

  count(5)
  await answer(orders(5, { holds: [held(5, { processor: 'fallback' })] }))

  t.same(told(), ['fallback open: paused by ana: late', 'default is free'])
})

t.test('a hold ends by itself, also while the ledger is away', async (t) => {
  for (const isAway of [false, true]) {
    const { answer, told, count, pass, ledger } = start()
    await answer(orders(1, { holds: [held(1, { endsInMs: 1_000 })] }))
    told()
    if (isAway) {
      count(2)
      ;(await ledger.called('readOrders')).fail(new LedgerUnavailable('readOrders', 'none'))
      await settled()
    }

    await pass(499)
    t.same(told(), [])
    for (let tries = 0; tries < 2; tries += 1) {
      await pass(501)
      if (isAway) {
        const call = await ledger.called('readOrders')
        call.fail(new LedgerUnavailable('readOrders', 'none'))
        await settled()
      }
    }

    t.same(told(), ['default is free'])
  }
})

t.test('holds end in time while a reading of the ledger does not answer', async (t) => {
  const { answer, told, count, pass, ledger } = start()
  const ends = [1_000, 1_500] as const
  const [one, other] = ends
  const holds = [held(1, { endsInMs: one }), held(2, { endsInMs: other, processor: 'fallback' })]
  await answer(orders(2, { holds }))
  told()
  count(3)
  const hanging = await ledger.called('readOrders')

  await pass(one - 1)
  t.same(told(), [])
  await pass(1)
  t.same(told(), ['default is free'])
  await pass(other - one)
  t.same(told(), ['fallback is free'])

  hanging.answer(orders(3, { holds }))
  await settled()
  t.same(told(), [], 'what was read before their end holds nothing again')
})

t.test('a hold ends in time in the pause after the ledger has failed', async (t) => {
  const { answer, told, count, pass, ledger } = start()
  await answer(orders(1, { holds: [held(1, { endsInMs: 100 })] }))
  told()
  count(2)
  ;(await ledger.called('readOrders')).fail(new LedgerUnavailable('readOrders', 'none'))
  await settled()

  await pass(99)
  t.same(told(), [])
  await pass(1)

  t.same(told(), ['default is free'])
})

t.test('a hold ends though its timer was early, whenever its time comes meanwhile', async (t) => {
  for (let early = 0; early < 8; early += 1) {
    let readings = Number.POSITIVE_INFINITY
    const { answer, told, pass } = start((clock) => ({
      ...clock,
      setTimeout: (callback, delayMs) => clock.setTimeout(callback, delayMs),
      clearTimeout: (handle) => clock.clearTimeout(handle),
      wallNow: () => clock.wallNow(),
      now: () => clock.now() - ((readings += 1) > early ? 0 : 0.5),
    }))
    await answer(orders(1, { holds: [held(1, { endsInMs: 1_000.25 })] }))
    told()

    readings = 0
    await pass(1_000.25)
    await pass(1)
    await pass(1)

    t.same(told(), ['default is free'], `after ${early} readings of the clock`)
  }
})

t.test('a drain stops this instance as a signal does', async (t) => {
  const { answer, count, ledger, sentEvents } = start()
  await answer(orders(0))
  count(1)
  const drain = { id: 1, kind: 'drain', processor: null, ...NO_PAYMENT, ...BY_ANA }
  await answer(orders(1, { pending: [drain] }))

  t.same((await ledger.called('noteMet')).args, [{ id: 1, instanceId: 'here', met: {} }])
  const event = { type: 'stop.requested', cause: 'drained by ana: late', command: 1 }
  t.same(sentEvents, [{ to: 'supervisor', event }])
})

const RESOLVE = {
  ...NO_PAYMENT,
  ...BY_ANA,
  id: 1,
  kind: 'resolve',
  processor: null,
  correlationId: 'a',
}

t.test('a payment that is resolved is handed back first, and asked about until then', async (t) => {
  const { answer, count, pass, ledger, sentEvents, facts } = start()
  await answer(orders(0))
  count(1)

  for (const handedBack of ['parked', 'busy', 'absent'] as const) {
    await answer(orders(1, { pending: [RESOLVE] }))
    const { event } = sentEvents.splice(0)[0] ?? {}
    t.match(event, { type: 'payment.resolved', correlationId: 'a' })
    t.same(ledger.waiting, [], 'nothing is done before that is answered')
    const replyTo = event?.['replyTo'] as (said: string) => void
    replyTo(handedBack)
    const call = await ledger.called('resolvePayment')
    t.same(call.args, [{ id: 1, instanceId: 'here', isBusy: handedBack === 'busy' }])
    call.fail(new LedgerUnavailable('resolvePayment', 'none'))
    await settled()
    t.match(facts.at(-1), { type: 'ledger.failed', operation: 'resolvePayment' })
    await pass(199)
    t.same(ledger.waiting, [])
    await pass(1)
  }
  await answer(orders(1))
  await pass(200)

  t.same(ledger.waiting, [], 'an order that has ended is not asked about')
})

t.test('circuits are told of holds before a payment that is resolved makes room', async (t) => {
  const { answer, count, sentBefore, sentEvents, told } = start()
  await answer(orders(0))
  told()
  sentBefore.length = 0
  count(2)

  await answer(orders(2, { holds: [held(2)], pending: [RESOLVE] }))

  t.match(sentEvents, [{ event: { type: 'payment.resolved' } }])
  t.same([told(), sentBefore], [['default open: paused by ana: late'], [0]])
})

t.test('a reading that fails is told and tried again', async (t) => {
  const { answer, pass, ledger, facts, reads } = start()
  ;(await ledger.called('readOrders')).fail(new LedgerUnavailable('readOrders', 'none'))
  await settled()
  t.match(facts, [{ type: 'ledger.failed', operation: 'readOrders' }])
  t.equal(reads(), 0)

  await pass(499)
  t.same(ledger.waiting, [])
  await pass(1)
  await answer(orders(1))

  t.equal(reads(), 1)
})

t.test('a reading that ends in a bug ends the actor', async (t) => {
  const { actor, ledger, facts } = start()
  actor.subscribe({ error: () => undefined })

  ;(await ledger.called('readOrders')).fail(new Error('no failure of a ledger'))
  await settled()

  t.equal(actor.getSnapshot().status, 'error')
  t.same(facts, [])
})
