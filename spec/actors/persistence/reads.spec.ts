// What clients and controls read while outcomes are being written, or the ledger is out of reach.

import t from 'tap'
import { persistenceLogic } from '../../../src/actors/persistence/persistence.ts'
import {
  CacheUnavailable,
  DamagedPayment,
  LedgerUnavailable,
} from '../../../src/actors/model/errors.ts'
import type { Outcome, SettledPayment } from '../../../src/actors/model/payment.ts'
import { parked, rejected, settled as settlement, uuid } from '../../contracts/ledger-words.ts'
import { refusalBy } from '../../support/refusals.ts'
import { startActorSystem, BESIDE_PERSISTENCE, settled } from '../../support/actor-system.ts'

const ACCEPTS = { batchMax: 10, windowMs: 0, commitsMax: 500, pendingMax: 10 }
const OUTCOMES = { batchMax: 10, windowMs: 20, congestedAt: 40 }

function startPersistence() {
  const system = startActorSystem(BESIDE_PERSISTENCE)
  const { ports } = system
  const input = { ports, accepts: ACCEPTS, outcomes: OUTCOMES, answersWhen: 'committed' as const }
  return { system, persistence: system.start(persistenceLogic, input) }
}

for (const [operation, request] of [
  ['find', { type: 'payment.requested', correlationId: 'a' }],
  ['summarize', { type: 'summary.requested', window: {} }],
  ['purge', { type: 'purge.requested' }],
  ['findControl', { type: 'control.requested', processor: 'default' }],
] as const) {
  t.test(
    `a ${operation} that the ledger fails is answered as unavailable and reported once`,
    async (t) => {
      const { system, persistence } = startPersistence()
      const answers: unknown[] = []
      const replyTo = (answer: unknown): void => void answers.push(answer)

      persistence.send({ ...request, replyTo })
      if (operation === 'summarize') (await system.settledSet.called('read')).answer([])
      ;(await system.ledger.called(operation)).fail(new LedgerUnavailable(operation, 'none'))
      await settled()

      t.same(answers, [{ kind: 'unavailable', why: 'late' }])
      const cause = `ledger: ${operation} failed`
      t.same(system.facts, [{ type: 'ledger.failed', operation, cause }])
      t.same(system.sentEvents, [], 'what is in memory stays')
    },
  )
}

t.test('a summary that PostgreSQL fails is answered with the class of the cause', async (t) => {
  const coded = (code: string) => Object.assign(new Error('a secret'), { code })
  const failures = [
    [new LedgerUnavailable('summarize', 'none', new Error('timeout')), 'late'],
    [new LedgerUnavailable('summarize', 'none', coded('57014')), 'late'],
    [new LedgerUnavailable('summarize', 'none', coded('55P03')), 'late'],
    [new LedgerUnavailable('summarize', 'none', coded('ECONNREFUSED')), 'away'],
    [new LedgerUnavailable('summarize', 'none', coded('57P01')), 'away'],
    [new LedgerUnavailable('summarize', 'none', coded('53300')), 'away'],
    [refusalBy('42501'), 'refused'],
  ] as const
  for (const [failure, why] of failures) {
    const { system, persistence } = startPersistence()
    const answers: unknown[] = []
    const replyTo = (answer: unknown): void => void answers.push(answer)

    persistence.send({ type: 'summary.requested', window: {}, replyTo })
    ;(await system.settledSet.called('read')).answer([])
    ;(await system.ledger.called('summarize')).fail(failure)
    await settled()

    t.strictSame(answers, [{ kind: 'unavailable', why }])
    t.match(system.facts, [{ type: 'ledger.failed', cause: failure.message }])
  }
})

t.test('a purge that PostgreSQL refuses is answered with its words', async (t) => {
  const { system, persistence } = startPersistence()
  const answers: unknown[] = []

  const replyTo = (answer: unknown): void => void answers.push(answer)
  persistence.send({ type: 'purge.requested', replyTo })
  ;(await system.ledger.called('purge')).fail(refusalBy('42501'))
  await settled()

  t.same(answers, [{ kind: 'refused', words: 'no' }])
  t.equal(system.facts.length, 1)
  t.same(system.sentEvents, [], 'what is in memory stays')
})

t.test(
  'a payment whose row cannot be read is answered as damaged, and nothing fails',
  async (t) => {
    const { system, persistence } = startPersistence()
    const answers: unknown[] = []
    const replyTo = (answer: unknown): void => void answers.push(answer)

    persistence.send({ type: 'payment.requested', correlationId: 'a', replyTo })
    ;(await system.ledger.called('find')).fail(new DamagedPayment('a'))
    await settled()

    t.same(answers, [{ kind: 'damaged' }])
    t.equal(persistence.getSnapshot().status, 'active')
    t.same(system.facts, [], 'the ledger has reported the row already')
  },
)

/** Persistence that is writing an outcome of payment 1, and what it answers to a request. */
function writing(...outcomes: readonly Outcome[]) {
  const { system, persistence } = startPersistence()
  const answers: unknown[] = []
  const replyTo = (answer: unknown): void => void answers.push(answer)
  for (const outcome of outcomes) {
    system.tell('outcomeBatcher', { type: 'outcome.reached', outcome })
  }
  system.clock.increment(OUTCOMES.windowMs)
  return { ...system, persistence, answers, replyTo }
}

const OPEN = {
  correlationId: uuid(1),
  amountCents: 1_990,
  state: 'pending',
  acceptedAt: 0,
  attempts: [],
} as const

t.test('a status asked for while its outcome is being written is never open', async (t) => {
  for (const [outcome, state] of [
    [settlement(1), 'settled'],
    [rejected(1), 'rejected'],
  ] as const) {
    for (const written of ['before the ledger answers', 'after it']) {
      const { ledger, persistence, answers, replyTo } = writing(outcome)
      const record = await ledger.called('record')

      persistence.send({ type: 'payment.requested', correlationId: uuid(1), replyTo })
      const find = await ledger.called('find')
      // The ledger has read before it wrote.
      if (written === 'before the ledger answers') record.answer([])
      await settled()
      find.answer(OPEN)
      await settled()

      t.match(answers, [{ kind: 'found', value: { state } }], `${state}, written ${written}`)
    }
  }
})

t.test('a status asked for while a parking is written is as the ledger has it', async (t) => {
  const { ledger, persistence, answers, replyTo } = writing(parked(1))

  persistence.send({ type: 'payment.requested', correlationId: uuid(1), replyTo })
  ;(await ledger.called('find')).answer(OPEN)
  await settled()

  t.same(answers, [{ kind: 'found', value: OPEN }])
})

t.test('an end that is being written is that of its own payment', async (t) => {
  const { ledger, persistence, answers, replyTo } = writing(settlement(1))
  const other = { ...OPEN, correlationId: uuid(2) }

  for (const n of [2, 3]) {
    persistence.send({ type: 'payment.requested', correlationId: uuid(n), replyTo })
    ;(await ledger.called('find')).answer(n === 2 ? other : undefined)
    await settled()
  }

  t.same(answers, [{ kind: 'found', value: other }, { kind: 'missing' }])
})

t.test('what the ledger has as final stands, whatever is still being written', async (t) => {
  const { ledger, persistence, answers, replyTo } = writing(settlement(1))
  const asSettled = { ...OPEN, state: 'settled', processor: 'fallback', requestedAt: 5 } as const
  const asRejected = { ...OPEN, state: 'rejected' } as const

  for (const found of [asSettled, asRejected]) {
    persistence.send({ type: 'payment.requested', correlationId: uuid(1), replyTo })
    ;(await ledger.called('find')).answer(found)
    await settled()
  }

  t.same(
    answers,
    [asSettled, asRejected].map((value) => ({ kind: 'found', value })),
  )
})

t.test('a payment that is being rejected and settled is shown as settled', async (t) => {
  const { ledger, persistence, answers, replyTo } = writing(rejected(1), settlement(1))

  persistence.send({ type: 'payment.requested', correlationId: uuid(1), replyTo })
  ;(await ledger.called('find')).answer(OPEN)
  await settled()

  const how = { state: 'settled', processor: 'default', requestedAt: 1_000 }
  t.match(answers, [{ value: how }], 'with where and when it was')
})

t.test('a purge empties memory and the settled set, and is answered after that', async (t) => {
  for (const failure of [undefined, new CacheUnavailable('clear')]) {
    const { ledger, settledSet, persistence, facts, sentEvents, answers, replyTo } = writing()

    persistence.send({ type: 'purge.requested', replyTo })
    ;(await ledger.called('purge')).answer({ purges: 4 })
    await settled()
    t.same(sentEvents, [{ to: 'payments', event: { type: 'purges.counted', purges: 4 } }])
    t.same(facts, [{ type: 'payments.purged' }])
    t.same(answers, [])
    const clear = await settledSet.called('clear')
    if (failure === undefined) clear.answer(undefined)
    else clear.fail(failure)
    await settled()

    t.same(answers, [{ kind: 'found', value: null }], 'the settled set only helps')
  }
})

t.test('what a summary finds written leaves the settled set', async (t) => {
  const { ledger, settledSet, persistence, answers, replyTo } = writing()
  const summary = { default: { payments: 0, cents: 0 }, fallback: { payments: 0, cents: 0 } }

  for (const stale of [[], [uuid(9)]]) {
    persistence.send({ type: 'summary.requested', window: {}, replyTo })
    ;(await settledSet.called('read')).answer([])
    ;(await ledger.called('summarize')).answer({ summary, stale })
    await settled()
    t.same(
      settledSet.waiting,
      stale.map(() => 'remove'),
    )
  }

  t.same((await settledSet.called('remove')).args, [[uuid(9)]])
  t.same(answers, [
    { kind: 'found', value: summary },
    { kind: 'found', value: summary },
  ])
})

t.test('a summary has each settlement that is not yet in the ledger', async (t) => {
  const system = writing(settlement(1))
  const { ledger, settledSet, persistence, replyTo } = system
  const summarized = async (): Promise<readonly string[]> => {
    persistence.send({ type: 'summary.requested', window: {}, replyTo })
    ;(await settledSet.called('read')).answer([])
    const [, unwritten] = (await ledger.called('summarize')).args
    return (unwritten as readonly SettledPayment[]).map((payment) => payment.correlationId)
  }
  const first = await ledger.called('record')
  t.same(await summarized(), [uuid(1)], 'being written')

  system.tell('outcomeBatcher', { type: 'outcome.reached', outcome: settlement(2) })
  t.same(await summarized(), [uuid(1), uuid(2)], 'waiting for its batch')
  first.fail(refusalBy('22003'))
  await settled()
  t.same(new Set(await summarized()), new Set([uuid(1), uuid(2)]), 'refused by PostgreSQL')
  system.clock.increment(OUTCOMES.windowMs)
  ;(await ledger.called('record')).answer([])
  await settled()
  t.same(await summarized(), [uuid(1)], 'and none that is written')
})

t.test('a summary counts a settlement once that the settled set has as well', async (t) => {
  const { ledger, settledSet, persistence, replyTo } = writing(settlement(1))

  persistence.send({ type: 'summary.requested', window: {}, replyTo })
  const shared = { processor: 'default', requestedAt: 1_000, amountCents: 1_990 } as const
  const others = [1, 9].map((n) => ({ correlationId: uuid(n), ...shared }))
  ;(await settledSet.called('read')).answer(others)

  const [, unwritten] = (await ledger.called('summarize')).args
  t.same(
    (unwritten as readonly SettledPayment[]).map(({ correlationId }) => correlationId),
    [uuid(1), uuid(9)],
  )
})
