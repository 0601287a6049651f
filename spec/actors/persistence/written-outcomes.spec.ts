// What follows once a batch of outcomes has been handed to the ledger.

import t from 'tap'
import { persistenceLogic } from '../../../src/actors/persistence/persistence.ts'
import { ASIDE_MAX } from '../../../src/actors/persistence/outcome-batcher.machine.ts'
import {
  ASIDE_PAUSE_MS,
  PUBLISH_WINDOW_MS,
} from '../../../src/actors/persistence/outcome-batcher.ts'
import type { Fact } from '../../../src/actors/model/facts.ts'
import type { Outcome } from '../../../src/actors/model/payment.ts'
import { LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import { BESIDE_PERSISTENCE, settled, startActorSystem } from '../../support/actor-system.ts'
import { refusalBy } from '../../support/refusals.ts'
import { parked, rejected, settled as settlement, uuid } from '../../contracts/ledger-words.ts'

const ACCEPTS = { batchMax: 10, windowMs: 0, commitsMax: 500, pendingMax: 10 }
const OUTCOMES = { batchMax: 4, windowMs: 20, congestedAt: 40 }

/** Persistence that has been given a batch; `called` takes what it asks of the ledger. */
function persisting(outcomes: readonly Outcome[], waitMs = OUTCOMES.windowMs) {
  const system = startActorSystem(BESIDE_PERSISTENCE)
  const { ports } = system
  const input = { ports, accepts: ACCEPTS, outcomes: OUTCOMES, answersWhen: 'committed' as const }
  const persistence = system.start(persistenceLogic, input)
  for (const outcome of outcomes)
    system.tell('outcomeBatcher', { type: 'outcome.reached', outcome })
  system.clock.increment(waitMs)
  return { ...system, persistence }
}

t.test('a settlement is in the settled set before it is handed to the ledger', async (t) => {
  const batch = [1, 2, 3].map((n) => settlement(n))
  const { ledger, settledSet } = persisting([...batch, parked(4)], 0)

  t.same([settledSet.waiting, ledger.waiting], [['add'], ['record']])
  t.same((await settledSet.called('add')).args, [batch], 'and nothing else is')
})

t.test(
  'a batch that is written leaves nothing to wait for, and is told with its time',
  async (t) => {
    const { clock, facts, ledger, sentEvents } = persisting([settlement(1)])
    const record = await ledger.called('record')
    clock.increment(7)
    record.answer([])
    await settled()
    clock.increment(PUBLISH_WINDOW_MS)

    t.match(facts, [{ type: 'batch.recorded', outcomes: 1, tookMs: 7 }])
    t.same(sentEvents, [], 'the retry queue hears of parked ones only')
    t.equal(clock.pending, 0)
  },
)

t.test(
  'payments are told when too many outcomes wait, and when half of them are gone',
  async (t) => {
    const system = persisting(Array.from({ length: 45 }, (_, index) => settlement(index + 1)))
    const told = () => system.sentEvents.map(({ to, event }) => `${to} ${event.type}`)
    t.same(told(), ['payments outcomes.congested'])

    await answerAll(system, () => undefined)

    t.same(told(), ['payments outcomes.congested', 'payments outcomes.relieved'])
  },
)

t.test('only outcomes that the ledger has leave the settled set and are queued', async (t) => {
  const batch = [settlement(1), settlement(2), parked(3), parked(4)]
  const system = persisting(batch)

  const unwritten = [
    { outcome: batch[0], why: 'settledOtherwise' },
    { outcome: batch[2], why: 'fenced' },
  ]
  ;(await system.ledger.called('record')).answer(unwritten)
  await settled()
  system.clock.increment(PUBLISH_WINDOW_MS)

  t.same((await system.settledSet.called('remove')).args, [[uuid(2)]])
  const entries = [{ correlationId: uuid(4), dueInMs: 5_000 }]
  const event = { type: 'payments.parked', entries }
  t.same(system.sentEvents, [{ to: 'retryQueue', event }])
})

t.test(
  'what the ledger has settled by a writing is told, and not what it had before',
  async (t) => {
    const batch = [
      settlement(1),
      settlement(2),
      settlement(3, { processor: 'fallback' }),
      settlement(4),
    ]
    const system = persisting(batch)

    const unwritten = [
      { outcome: batch[1], why: 'settledBefore' },
      { outcome: batch[3], why: 'settledOtherwise' },
    ]
    ;(await system.ledger.called('record')).answer(unwritten)
    await settled()
    system.clock.increment(PUBLISH_WINDOW_MS)

    const one = { payments: 1, cents: 1_990 }
    t.match(
      system.facts.filter(({ type }) => type === 'batch.recorded'),
      [{ settled: { default: one, fallback: one } }],
    )
    t.equal(contradictionsOf(system).length, 1)
    t.same((await system.settledSet.called('remove')).args, [[uuid(1), uuid(2), uuid(3)]])
  },
)

t.test(
  'a settlement that the ledger had before is not told as settled by its writing',
  async (t) => {
    const batch = [settlement(1)]
    const { facts, ledger } = persisting(batch)

    ;(await ledger.called('record')).answer([{ outcome: batch[0], why: 'settledBefore' }])
    await settled()

    t.match(facts, [{ type: 'batch.recorded', settled: { default: { payments: 0 } } }])
  },
)

t.test('a settlement that a purge has overtaken leaves the settled set', async (t) => {
  const batch = [settlement(1), settlement(2)]
  const system = persisting(batch)

  ;(await system.ledger.called('record')).answer([{ outcome: batch[0], why: 'purged' }])
  await settled()
  system.clock.increment(PUBLISH_WINDOW_MS)

  t.same((await system.settledSet.called('remove')).args, [[uuid(2), uuid(1)]])
})

t.test(
  'a settlement that the ledger contradicts is reported with what it contradicts',
  async (t) => {
    const batch = [
      settlement(1),
      settlement(2, { processor: 'fallback' }),
      settlement(3),
      parked(4),
    ]
    const system = persisting(batch)

    const unwritten = [
      { outcome: batch[0], why: 'settledOtherwise' },
      { outcome: batch[1], why: 'rejected' },
      { outcome: batch[2], why: 'purged' },
      { outcome: batch[3], why: 'fenced' },
    ]
    ;(await system.ledger.called('record')).answer(unwritten)
    await settled()

    const type = 'payment.contradicted'
    t.same(contradictionsOf(system), [
      {
        type,
        correlationId: uuid(1),
        processor: 'default',
        amountCents: 1_990,
        contradiction: { kind: 'settlement', requestedAt: 1_000 },
      },
      {
        type,
        correlationId: uuid(2),
        processor: 'fallback',
        amountCents: 1_990,
        contradiction: { kind: 'rejection', requestedAt: 1_000 },
      },
    ])
  },
)

type System = ReturnType<typeof persisting>

function contradictionsOf({ facts }: System): readonly Fact[] {
  return facts.filter(({ type }) => type === 'payment.contradicted')
}

/** Answers each writing until none is asked for; returns the numbers of the payments in each. */
async function answerAll(
  { ledger }: System,
  failureOf: (batch: readonly Outcome[]) => Error | undefined,
): Promise<readonly (readonly number[])[]> {
  const asked: number[][] = []
  for (;;) {
    await settled()
    if (!ledger.waiting.includes('record')) return asked
    const call = await ledger.called('record')
    const batch = call.args[0] as readonly Outcome[]
    asked.push(batch.map(({ correlationId }) => Number.parseInt(correlationId.slice(-12), 16)))
    const failure = failureOf(batch)
    if (failure === undefined) call.answer([])
    else call.fail(failure)
  }
}

/** PostgreSQL's refusal of each batch that has one of these. */
function refusing(sqlState: string, ...numbers: readonly number[]) {
  const ids = new Set(numbers.map(uuid))
  return (batch: readonly Outcome[]): Error | undefined =>
    batch.some(({ correlationId }) => ids.has(correlationId)) ? refusalBy(sqlState) : undefined
}

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

t.test(
  'a batch is written again after 100 ms, then after twice that, up to a second',
  async (t) => {
    const { clock, ledger } = persisting([settlement(1)])
    const pauses: number[] = []
    for (let failures = 0; failures < 5; failures += 1) {
      ;(await ledger.called('record')).fail(new LedgerUnavailable('record', 'none'))
      await settled()
      const failedAt = clock.now()
      while (!ledger.waiting.includes('record') && clock.now() < failedAt + 2_000)
        clock.increment(1)
      pauses.push(clock.now() - failedAt)
    }

    t.same(pauses, [100, 200, 400, 800, 1_000])
  },
)
