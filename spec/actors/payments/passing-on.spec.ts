// An instance that reaches no processor keeps no payment: others may reach one.

import t from 'tap'
import { PassingOn } from '../../../src/actors/payments/passing-on.ts'
import { createLookUpPlaces } from '../../../src/actors/payments/look-up-places.ts'
import { createWaiting } from '../../../src/actors/payments/queues.ts'
import { createStreak, isUnanswered } from '../../../src/actors/payments/streak.ts'
import type { Outcome } from '../../../src/actors/model/payment.ts'
import { settled } from '../../support/actor-system.ts'
import { startedPit } from '../../support/started-pit.ts'
import { sampleRecord } from '../../support/payment-samples.ts'
import { standIns, WORK } from '../../support/payment-dependencies.ts'

const { passOnAfterMs } = WORK

const CALM = { isCongested: false }

/** Five payments that wait, of which two may be passed on at once. */
function waitingFive() {
  const circuits = { default: 'open', fallback: 'open' }
  const health = (name: 'default' | 'fallback') => ({
    getSnapshot: () => ({ value: circuits[name], context: {} }),
  })
  const { dependencies, clock } = standIns({
    settings: { ...WORK, claimMax: 2 },
    health: { default: health('default'), fallback: health('fallback') } as never,
  })
  const waiting = createWaiting({ readyMax: 5, inDoubtMax: 1 })
  for (const correlationId of ['a', 'b', 'c', 'd', 'e']) {
    waiting.push(sampleRecord({ correlationId, rounds: 1 }))
  }
  const parked: Outcome[] = []
  const outcomeBatcher = { send: ({ outcome }: { outcome: Outcome }) => void parked.push(outcome) }
  const system = { get: () => outcomeBatcher } as never
  const slots = { lookUpPlaces: createLookUpPlaces({ slots: 1, max: 1 }) } as never
  const inMemory = { dependencies, slots, waiting, transitions: {} as never }
  const passingOn = new PassingOn(inMemory, { dependencies, system, purges: () => 3 })
  const ids = (): readonly string[] => parked.map(({ correlationId }) => correlationId)
  return { passingOn, clock, circuits, waiting, parked, ids }
}

t.test('it waits as long as a circuit may close again, then passes on a few at once', async (t) => {
  const { passingOn, clock, waiting, parked, ids } = waitingFive()
  passingOn.tick(CALM)
  clock.increment(passOnAfterMs - 1)
  passingOn.tick(CALM)
  t.notOk(passingOn.isStuck)
  t.same(ids(), [])

  clock.increment(1)
  t.ok(passingOn.isStuck)
  passingOn.tick(CALM)

  t.same(ids(), ['a', 'b'])
  t.match(parked[0], { kind: 'parked', delayMs: 0, rounds: 1, purges: 3, unknownOutcomes: [] })
  passingOn.tick(CALM)
  passingOn.tick(CALM)
  passingOn.tick(CALM)
  t.same(ids(), ['a', 'b', 'c', 'd', 'e'])
  t.equal(waiting.size, 0)
})

t.test('a circuit that is closed ends it, one that is being tried does not', async (t) => {
  const { passingOn, clock, circuits, ids } = waitingFive()
  passingOn.tick(CALM)
  clock.increment(passOnAfterMs)
  circuits.fallback = 'halfOpen'
  t.ok(passingOn.isStuck)

  circuits.fallback = 'heldClosed'
  passingOn.tick(CALM)

  t.notOk(passingOn.isStuck)
  t.same(ids(), [])
  circuits.fallback = 'heldOpen'
  passingOn.tick(CALM)
  clock.increment(passOnAfterMs - 1)
  t.notOk(passingOn.isStuck, 'it begins anew')
})

t.test('nothing is passed on while what was is not written', async (t) => {
  const { passingOn, clock, ids } = waitingFive()
  passingOn.tick({ isCongested: true })
  clock.increment(passOnAfterMs)
  passingOn.tick({ isCongested: true })

  t.ok(passingOn.isStuck)
  t.same(ids(), [])
})

t.test('a streak is counted from its first failure', async (t) => {
  const streak = createStreak(WORK)
  t.notOk(streak.isLong(passOnAfterMs), 'there is none')
  streak.failed(5)
  streak.failed(passOnAfterMs)
  t.notOk(streak.isLong(passOnAfterMs + 4))
  t.ok(streak.isLong(passOnAfterMs + 5))
  streak.ended()
  t.notOk(streak.isLong(3 * passOnAfterMs))
})

t.test(
  'a payment that one processor contradicts is passed on for its doubt at the other',
  async (t) => {
    const fruitless = { default: createStreak(WORK), fallback: createStreak(WORK) }
    const contradicted = { processor: 'default', contradiction: { kind: 'amount' } } as const
    const open = { processor: 'fallback' } as const
    const isUnansweredFor = (doubts: Parameters<typeof isUnanswered>[1]['doubts']): boolean =>
      isUnanswered(fruitless, { now: passOnAfterMs, doubts })
    t.notOk(isUnansweredFor([open]))
    fruitless.fallback.failed(0)

    t.ok(isUnansweredFor([contradicted, open]))
    t.ok(isUnansweredFor([open]))
    t.notOk(isUnansweredFor([{ processor: 'default' }, open]), 'the first may end here')
    t.notOk(isUnansweredFor([contradicted]), 'it answers, and nobody can end that by look-ups')
    fruitless.default.failed(0)
    t.ok(isUnansweredFor([contradicted]), 'it answers no more here: another one may hear of it')
    t.ok(isUnansweredFor([contradicted, open]))
  },
)

t.test(
  'a whole instance parks what waits in memory, and what it accepts from then on',
  async (t) => {
    const pit = await startedPit({ CIRCUIT_OPEN_MS: '60000', CIRCUIT_OPEN_MAX_MS: '60000' })
    for (const name of ['default', 'fallback'] as const) {
      const circuit = pit.supervisor.system.get(`processorHealth.${name}`)
      circuit.send({
        type: 'probe.answered',
        failing: true,
        minResponseMs: 0,
        at: pit.clock.now() + 1,
      })
    }
    pit.post()
    const first = await pit.ledger.called('accept')
    t.match(first.args, [[{ correlationId: 'a' }], { parked: false }])
    first.answer({ results: ['accepted'], purges: 0 })
    await settled()

    for (let ms = 0; ms <= passOnAfterMs; ms += 500) {
      await pit.pass(500)
      if (!pit.ledger.waiting.includes('renewLease')) continue
      const ledgerNow = pit.clock.now()
      ;(await pit.ledger.called('renewLease')).answer({ held: true, purges: 0, ledgerNow })
    }
    await pit.pass(50)

    t.match((await pit.ledger.called('record')).args, [[{ kind: 'parked', correlationId: 'a' }]])
    pit.post()
    t.match((await pit.ledger.called('accept')).args, [[{ correlationId: 'a' }], { parked: true }])
  },
)
