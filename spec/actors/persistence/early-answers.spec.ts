import t from 'tap'
import { EarlyAnswers, OFFER_PAUSE_MS } from '../../../src/actors/persistence/early-answers.ts'
import { LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import type { PaymentReceived } from '../../../src/actors/messages.ts'
import type { Fact } from '../../../src/actors/model/facts.ts'
import { persistenceLogic } from '../../../src/actors/persistence/persistence.ts'
import { startActorSystem, BESIDE_PERSISTENCE, settled } from '../../support/actor-system.ts'
import { StandingTime } from '../../support/standing-time.ts'

const ACCEPTS = { batchMax: 10, windowMs: 0, commitsMax: 500, pendingMax: 3 }
const OUTCOMES = { batchMax: 10, windowMs: 20, congestedAt: 40 }

/** Early answers before a batcher that the spec stands in for, and what clients were answered. */
function earlyAnswers() {
  const clock = new StandingTime()
  const facts: Fact[] = []
  const batcher: PaymentReceived[] = []
  const answers: string[] = []
  const early = new EarlyAnswers({
    clock,
    telemetry: { emit: (fact) => void facts.push(fact) },
    heldMax: 3,
    commit: (payment) => void batcher.push(payment),
  })
  const post = (correlationId: string): void => early.take(received(correlationId, answers))
  return { clock, facts, batcher, answers, early, post }
}

function received(correlationId: string, answers: string[]): PaymentReceived {
  const replyTo = (answer: string): void => void answers.push(`${correlationId} ${answer}`)
  return { type: 'payment.received', correlationId, amountCents: 1990, replyTo }
}

function idsOf(payments: readonly { readonly correlationId: string }[]): readonly string[] {
  return payments.map(({ correlationId }) => correlationId)
}

t.test('a payment is answered once, when it is taken', async (t) => {
  const { answers, batcher, clock, post } = earlyAnswers()

  post('a')
  t.same(answers, ['a accepted'])
  t.same(idsOf(batcher), ['a'])
  batcher[0]?.replyTo('accepted')

  t.same(answers, ['a accepted'])
  t.equal(clock.pending, 0)
})

t.test('payments beyond the bound are refused until one is committed', async (t) => {
  const { answers, batcher, post } = earlyAnswers()

  for (const id of ['a', 'b', 'c', 'd']) post(id)
  t.equal(answers.at(-1), 'd unavailable')
  batcher[0]?.replyTo('conflicting')
  post('e')

  t.equal(answers.at(-1), 'e accepted')
  t.same(idsOf(batcher), ['a', 'b', 'c', 'e'])
})

t.test(
  'payments that the batcher refuses are offered again, in order, until it takes them',
  async (t) => {
    const { answers, clock, batcher, post } = earlyAnswers()
    post('a')
    post('b')

    for (const payment of batcher.splice(0)) payment.replyTo('unavailable')
    t.equal(clock.pending, 1, 'one pause for all')
    post('c')
    t.same(idsOf(batcher), [], 'none overtakes another')
    clock.increment(OFFER_PAUSE_MS)
    t.same(idsOf(batcher), ['a', 'b', 'c'])
    for (const payment of batcher.splice(0)) payment.replyTo('unavailable')
    clock.increment(OFFER_PAUSE_MS)

    t.same(idsOf(batcher), ['a', 'b', 'c'])
    t.same(answers, ['a accepted', 'b accepted', 'c accepted'])
  },
)

t.test('a payment does not overtake the only one that the batcher has refused', async (t) => {
  const { clock, batcher, post } = earlyAnswers()
  post('a')
  batcher.splice(0)[0]?.replyTo('unavailable')

  post('a')

  t.same(idsOf(batcher), [], 'of two amounts for one id the first counts')
  clock.increment(OFFER_PAUSE_MS)
  t.same(idsOf(batcher), ['a', 'a'])
})

t.test('a drain waits until no answered payment is uncommitted', async (t) => {
  const { clock, early, batcher, post } = earlyAnswers()
  let emptied = 0
  post('a')

  early.whenEmpty(() => (emptied += 1))
  batcher[0]?.replyTo('unavailable')
  clock.increment(OFFER_PAUSE_MS)
  t.equal(emptied, 0)
  batcher[1]?.replyTo('accepted')
  t.equal(emptied, 0, 'first the other actors are told of the commit')
  clock.increment(0)
  t.equal(emptied, 1)
  post('b')
  batcher[2]?.replyTo('accepted')
  t.equal(clock.pending, 0, 'told once')
  early.whenEmpty(() => (emptied += 1))

  t.equal(emptied, 2, 'at once when nothing is held')
})

t.test('a drain waits for the last of several answered payments', async (t) => {
  const { clock, early, batcher, post } = earlyAnswers()
  let emptied = 0
  post('a')
  post('b')
  early.whenEmpty(() => (emptied += 1))

  batcher[0]?.replyTo('accepted')
  clock.increment(0)
  t.equal(emptied, 0)
  batcher[1]?.replyTo('accepted')
  clock.increment(0)

  t.equal(emptied, 1)
})

t.test('what is refused after the end leaves no timer that keeps the process', async (t) => {
  const { clock, early, batcher, post } = earlyAnswers()
  post('a')

  early.end()
  batcher[0]?.replyTo('unavailable')

  t.equal(clock.pending, 0)
})

t.test(
  'payments that are uncommitted at the end are told as lost and not offered again',
  async (t) => {
    const { clock, early, facts, batcher, post } = earlyAnswers()
    post('a')
    post('b')
    batcher[0]?.replyTo('unavailable')

    early.end()
    batcher[1]?.replyTo('unavailable')
    clock.increment(OFFER_PAUSE_MS)

    t.same(facts, [{ type: 'payments.lost', payments: 2 }])
    t.same([batcher.length, clock.pending], [2, 0])
  },
)

t.test('an instance that ends with nothing uncommitted tells of no loss', async (t) => {
  const { early, facts, batcher, post } = earlyAnswers()
  post('a')
  batcher[0]?.replyTo('known')

  early.end()

  t.same(facts, [])
})

t.test('a payment is answered before its commit and sent to a processor after it', async (t) => {
  const { answers, system, persistence } = started('taken')

  persistence.send(received('a', answers))
  t.same(answers, ['a accepted'])
  const first = await system.ledger.called('accept')
  first.fail(new LedgerUnavailable('accept', 'none'))
  await settled()
  t.same(told(system, 'payments'), [])
  system.clock.increment(OFFER_PAUSE_MS)
  const second = await system.ledger.called('accept')
  second.answer({ results: ['accepted'], purges: 0 })
  await settled()

  t.same(told(system, 'payments'), ['payments.accepted'])
  t.same(answers, ['a accepted'])
})

t.test('no client is answered before the commit without the setting', async (t) => {
  const { answers, system } = started('committed')

  system.tell('acceptBatcher', received('a', answers))
  const call = await system.ledger.called('accept')
  await settled()
  t.same(answers, [])
  call.answer({ results: ['accepted'], purges: 0 })
  await settled()

  t.same(answers, ['a accepted'])
})

t.test('a flush before the end waits for payments that were answered early', async (t) => {
  const { answers, system, persistence } = started('taken')
  persistence.send(received('a', answers))

  persistence.send({ type: 'drain.started' })
  persistence.send({ type: 'strays.sought', batch: [], replyTo: () => undefined })
  const call = await system.ledger.called('accept')
  await settled()
  t.same(told(system, 'supervisor'), [])
  call.answer({ results: ['accepted'], purges: 0 })
  await settled()
  system.clock.increment(0)

  t.same(told(system, 'supervisor'), ['persistence.flushed'])
  t.equal(persistence.getSnapshot().status, 'active')
})

t.test('an instance that stops tells how many payments it loses', async (t) => {
  const { answers, system, persistence } = started('taken')
  persistence.send(received('a', answers))

  // As the supervisor stops its children.
  persistence.send({ type: 'xstate.stop' })

  t.match(system.facts, [{ type: 'payments.lost', payments: 1 }])
})

function started(answersWhen: 'taken' | 'committed') {
  const system = startActorSystem(BESIDE_PERSISTENCE)
  const { ports } = system
  const input = { ports, accepts: ACCEPTS, outcomes: OUTCOMES, answersWhen }
  return { answers: [] as string[], system, persistence: system.start(persistenceLogic, input) }
}

function told(system: ReturnType<typeof startActorSystem>, name: string): readonly string[] {
  return system.sentEvents.filter(({ to }) => to === name).map(({ event }) => event.type)
}
