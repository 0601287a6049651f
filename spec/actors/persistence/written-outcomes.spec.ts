// What follows once a batch of outcomes has been handed to the ledger.

import t from 'tap'
import { PUBLISH_WINDOW_MS } from '../../../src/actors/persistence/outcome-batcher.ts'
import { LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import { settled } from '../../support/actor-system.ts'
import { answerAll, contradictionsOf, persisting } from '../../support/persisting.ts'
import { parked, settled as settlement, uuid } from '../../contracts/ledger-words.ts'

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
