// What follows where PostgreSQL refuses an outcome by itself, or a batch as a whole.

import t from 'tap'
import { ASIDE_MAX } from '../../../src/actors/persistence/outcome-batcher.machine.ts'
import {
  ASIDE_PAUSE_MS,
  PUBLISH_WINDOW_MS,
} from '../../../src/actors/persistence/outcome-batcher.ts'
import { LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import { settled } from '../../support/actor-system.ts'
import {
  answerAll,
  contradictionsOf,
  OUTCOMES,
  persisting,
  refusing,
} from '../../support/persisting.ts'
import { refusalBy } from '../../support/refusals.ts'
import { rejected, settled as settlement, uuid } from '../../contracts/ledger-words.ts'

t.test(
  'an outcome that PostgreSQL refuses is kept aside, and the others are written',
  async (t) => {
    const system = persisting([1, 2, 3, 4].map((n) => settlement(n)))

    const asked = await answerAll(system, refusing('22003', 3))
    system.clock.increment(PUBLISH_WINDOW_MS)

    t.same(asked, [[1, 2, 3, 4], [1, 2], [3, 4], [3], [4]])
    t.same((await system.settledSet.called('remove')).args, [[uuid(1), uuid(2), uuid(4)]])
    t.match(system.facts, [
      { type: 'batch.recorded', outcomes: 3 },
      {
        type: 'outcome.refused',
        correlationId: uuid(3),
        outcome: 'settled',
        sqlState: '22003',
        cause: 'no',
      },
    ])
  },
)

t.test(
  'an outcome that was kept aside is written again after 10 s, and then forgotten',
  async (t) => {
    const system = persisting([settlement(1)])
    await answerAll(system, refusing('23514', 1))

    t.equal(ASIDE_PAUSE_MS, 10_000)
    system.clock.increment(ASIDE_PAUSE_MS - 1)
    const early = await answerAll(system, () => undefined)
    system.clock.increment(1)
    system.clock.increment(OUTCOMES.windowMs)
    const late = await answerAll(system, () => undefined)
    system.clock.increment(PUBLISH_WINDOW_MS)
    await settled()

    t.same([early, late], [[], [[1]]])
    t.same((await system.settledSet.called('remove')).args, [[uuid(1)]])
    t.equal(system.clock.pending, 0, 'nothing is left to wait for')
  },
)

t.test('what is aside waits for one timer, however much comes to it', async (t) => {
  const system = persisting([settlement(1)])
  await answerAll(system, refusing('22003', 1))

  for (const n of [2, 3]) {
    system.tell('outcomeBatcher', { type: 'outcome.reached', outcome: settlement(n) })
    system.clock.increment(OUTCOMES.windowMs)
    await answerAll(system, refusing('22003', n))
  }

  t.equal(system.clock.pending, 1)
})

t.test('what is refused in a drain is not waited for', async (t) => {
  const system = persisting([])
  system.persistence.send({ type: 'drain.started' })
  system.tell('outcomeBatcher', { type: 'outcome.reached', outcome: settlement(1) })

  await answerAll(system, refusing('22003', 1))
  system.clock.increment(OUTCOMES.windowMs)

  t.equal(system.clock.pending, 0)
})

t.test(
  'what the ledger contradicts in half a batch is told, though the other is refused',
  async (t) => {
    const batch = [settlement(1), settlement(2)]
    const system = persisting(batch)
    for (const answer of [undefined, [{ outcome: batch[0], why: 'rejected' }], undefined]) {
      const call = await system.ledger.called('record')
      if (answer === undefined) call.fail(refusalBy('22003'))
      else call.answer(answer)
    }
    await settled()

    t.match(contradictionsOf(system), [
      { correlationId: uuid(1), contradiction: { kind: 'rejection' } },
    ])
  },
)

t.test('a payment whose end is kept aside is shown and counted with it', async (t) => {
  const batch = [settlement(1), rejected(2)]
  const system = persisting(batch)
  await answerAll(system, refusing('22003', 1, 2))
  const answers: unknown[] = []
  const replyTo = (answer: unknown): void => void answers.push(answer)

  for (const n of [1, 2]) {
    system.persistence.send({ type: 'payment.requested', correlationId: uuid(n), replyTo })
    const found = { correlationId: uuid(n), amountCents: 1_990, acceptedAt: 5, attempts: [] }
    ;(await system.ledger.called('find')).answer({ ...found, state: 'pending', ownedBy: 'a' })
  }
  system.persistence.send({ type: 'summary.requested', window: {}, replyTo })
  ;(await system.settledSet.called('read')).answer([])
  const [, unflushed] = (await system.ledger.called('summarize')).args

  t.match(answers, [
    { value: { state: 'settled', processor: 'default', requestedAt: 1_000 } },
    { value: { state: 'rejected', attempts: [{ outcome: 'denied' }] } },
  ])
  t.same(unflushed, batch.slice(0, 1))
})

t.test('an outcome whose row somebody holds is kept aside, found one by one', async (t) => {
  const system = persisting([1, 2, 3, 4].map((n) => settlement(n)))

  const asked = await answerAll(system, refusing('55P03', 3))

  t.same(asked, [[1, 2, 3, 4], [1], [2], [3], [4]])
  t.match(system.facts, [
    { type: 'batch.recorded', outcomes: 3 },
    { type: 'outcome.refused', correlationId: uuid(3), sqlState: '55P03' },
  ])
})

t.test('while somebody holds the whole table, nothing is kept aside', async (t) => {
  const system = persisting([1, 2, 3, 4].map((n) => settlement(n)))

  const asked = await answerAll(system, () => refusalBy('55P03'))

  t.same(asked, [[1, 2, 3, 4], [1], [2]])
  t.match(system.facts, [{ type: 'ledger.failed', operation: 'record' }])
  system.clock.increment(100)
  t.same(await answerAll(system, () => undefined), [[1, 2, 3, 4]])
})

t.test('a refused statement is no refused outcome, and its batch is written again', async (t) => {
  const system = persisting([1, 2].map((n) => settlement(n)))

  await answerAll(system, () => refusalBy('42P01'))
  system.clock.increment(100)
  const asked = await answerAll(system, () => undefined)

  t.match(system.facts, [
    { type: 'ledger.failed', operation: 'record' },
    { type: 'batch.recorded' },
  ])
  t.same(asked, [[1, 2]])
})

t.test('an outcome that a trigger refuses is found as soon as another one comes', async (t) => {
  const system = persisting([settlement(1)])
  await answerAll(system, refusing('P0001', 1))
  system.tell('outcomeBatcher', { type: 'outcome.reached', outcome: settlement(2) })

  system.clock.increment(100)
  const asked = await answerAll(system, refusing('P0001', 1))

  t.same(asked, [[1, 2], [1], [2]])
  t.match(
    system.facts.map(({ type }) => type),
    ['ledger.failed', 'batch.recorded', 'outcome.refused'],
  )
})

t.test('a ledger that fails while a batch is halved is given all of it again', async (t) => {
  const system = persisting([1, 2].map((n) => settlement(n)))
  const lost = new LedgerUnavailable('record', 'unknown')

  await answerAll(system, (batch) => (batch.length === 2 ? refusalBy('22003') : lost))
  system.clock.increment(100)
  const asked = await answerAll(system, refusing('22003', 2))

  t.same(asked, [[1, 2], [1], [2]])
})

t.test('more outcomes aside than there is a bound for are let go, oldest first', async (t) => {
  const count = ASIDE_MAX + OUTCOMES.batchMax
  const system = persisting(Array.from({ length: count }, (_, index) => settlement(index + 1)))

  await answerAll(system, () => refusalBy('22003'))

  const type = 'outcome.forgotten'
  const forgotten = system.facts.filter((fact) => fact.type === type)
  t.same(
    forgotten,
    [1, 2, 3, 4].map((n) => ({ type, correlationId: uuid(n) })),
  )
})
