// What follows once a batch of new payments has been handed to the ledger.

import t from 'tap'
import { APART_MAX_MS } from '../../../src/actors/persistence/accept-batcher.ts'
import { persistenceLogic } from '../../../src/actors/persistence/persistence.ts'
import { LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import type { AcceptRequest, AcceptResult } from '../../../src/actors/model/ports.ts'
import { BESIDE_PERSISTENCE, settled, startActorSystem } from '../../support/actor-system.ts'
import { refusalBy } from '../../support/refusals.ts'

const ACCEPTS = { batchMax: 10, windowMs: 0, commitsMax: 500, pendingMax: 10 }
const OUTCOMES = { batchMax: 10, windowMs: 20, congestedAt: 40 }

/** Persistence under lease 7, to which payments are posted by their ids. */
function accepting() {
  const system = startActorSystem(BESIDE_PERSISTENCE)
  const { ports } = system
  const input = { ports, accepts: ACCEPTS, outcomes: OUTCOMES, answersWhen: 'committed' as const }
  system.start(persistenceLogic, input)
  const answers: string[] = []
  const post = (correlationId: string): void => {
    const replyTo = (answer: string): void => void answers.push(`${correlationId} ${answer}`)
    system.tell('acceptBatcher', {
      type: 'payment.received',
      correlationId,
      amountCents: 1,
      replyTo,
    })
  }
  const commit = async (...results: readonly AcceptResult[]): Promise<void> => {
    ;(await system.ledger.called('accept')).answer({ results, purges: 3 })
    await settled()
  }
  /** Answers each accept, with the purges of what is committed; gives the ids that were asked. */
  const answerEach = async (
    answer: (ids: readonly string[]) => number | Error,
  ): Promise<readonly (readonly string[])[]> => {
    const asked: (readonly string[])[] = []
    for (;;) {
      await settled()
      if (!system.ledger.waiting.includes('accept')) return asked
      const call = await system.ledger.called('accept')
      const ids = (call.args[0] as readonly AcceptRequest[]).map((each) => each.correlationId)
      asked.push(ids)
      const purges = answer(ids)
      if (purges instanceof Error) call.fail(purges)
      else call.answer({ results: ids.map(() => 'accepted' as const), purges })
    }
  }
  return { ...system, answers, post, commit, answerEach }
}

t.test(
  'only new payments of a batch are worked on, and a batch without any tells nobody',
  async (t) => {
    const { sentEvents, answers, facts, post, commit } = accepting()
    post('a')
    post('b')
    post('c')
    await commit('accepted')
    await commit('known', 'accepted')
    post('d')
    await commit('conflicting')

    const accepted = sentEvents.map(({ to, event }) => [
      to,
      event.type,
      (event['batch'] as readonly { readonly correlationId: string }[]).map(
        (one) => one.correlationId,
      ),
      event['leaseId'],
      event['purges'],
    ])
    t.same(accepted, [
      ['payments', 'payments.accepted', ['a'], 7, 3],
      ['payments', 'payments.accepted', ['c'], 7, 3],
    ])
    t.same(answers, ['a accepted', 'b known', 'c accepted', 'd conflicting'])
    t.match(facts, [
      { accepted: 1, known: 0, conflicting: 0 },
      { accepted: 1, known: 1, conflicting: 0 },
      { accepted: 0, known: 0, conflicting: 1 },
    ])
  },
)

t.test(
  'what is accepted as parked is queued as due at once, and worked on by nobody',
  async (t) => {
    const { sentEvents, facts, post, commit, tell } = accepting()
    tell('acceptBatcher', { type: 'intake.changed', parks: true })
    post('a')
    await commit('accepted')
    post('b')
    await commit('known')

    const entries = [{ correlationId: 'a', dueInMs: 0 }]
    t.same(sentEvents, [{ to: 'retryQueue', event: { type: 'payments.parked', entries } }])
    t.match(facts, [
      { type: 'batch.accepted', accepted: 1, parked: true },
      { type: 'batch.accepted', accepted: 0, parked: true },
    ])
  },
)

t.test(
  'what PostgreSQL refuses by itself is answered 503, and the rest is committed',
  async (t) => {
    for (const sqlState of ['23514', 'P0001', 'XX001', '55P03']) {
      const { sentEvents, answers, facts, post, answerEach } = accepting()
      for (const id of ['a', 'b', 'c', 'd']) post(id)

      const asked = await answerEach((ids) => (ids.includes('c') ? refusalBy(sqlState) : 3))

      t.same(asked, [['a'], ['b', 'c', 'd'], ['b'], ['c'], ['d']])
      t.same(answers, ['a accepted', 'b accepted', 'c unavailable', 'd accepted'])
      t.match(facts, [
        { type: 'batch.accepted', accepted: 1 },
        { type: 'accept.refused', payments: 1, correlationIds: ['c'], sqlState, cause: 'no' },
        { type: 'batch.accepted', accepted: 2 },
      ])
      t.match(sentEvents[1], { event: { batch: [{ correlationId: 'b' }, { correlationId: 'd' }] } })
    }
  },
)

t.test('of several commits of one batch the first purge counts', async (t) => {
  const { sentEvents, post, answerEach } = accepting()
  for (const id of ['a', 'b', 'c', 'd']) post(id)
  let purges = 3

  await answerEach((ids) => (ids.includes('c') ? refusalBy('23514') : (purges += 1)))

  t.match(sentEvents[1], { event: { purges: 5 } })
})

t.test('a payment that is refused alone holds nobody else up', async (t) => {
  const { answers, facts, post, answerEach } = accepting()
  post('a')
  post('b')

  await answerEach((ids) => (ids.includes('a') ? refusalBy('P0001') : 3))

  t.same(answers, ['a unavailable', 'b accepted'])
  t.match(facts, [{ type: 'accept.refused' }, { type: 'batch.accepted', accepted: 1 }])
})

t.test('a payment that waits in vain for a lock alone is not told to be at fault', async (t) => {
  for (const [sqlState, correlationIds] of [
    ['55P03', []],
    ['P0001', ['a']],
    ['22003', ['a']],
  ] as const) {
    const { facts, post, answerEach } = accepting()
    post('a')

    await answerEach(() => refusalBy(sqlState))

    t.strictSame(facts, [
      { type: 'accept.refused', payments: 1, correlationIds, sqlState, cause: 'no' },
    ])
  }
})

t.test('payments of one batch that are refused for one cause are told in one line', async (t) => {
  const { facts, post, answerEach } = accepting()
  post('first')
  for (let n = 0; n < 10; n += 1) post(`${n}`)

  await answerEach((ids) => (ids.includes('first') ? 3 : refusalBy('22003')))

  const correlationIds = ['0', '1', '2', '3', '4', '5', '6', '7']
  const told = { type: 'accept.refused', payments: 10, correlationIds, sqlState: '22003' }
  t.match(facts, [{ type: 'batch.accepted' }, told])
})

t.test('a statement that is refused is not tried for each payment', async (t) => {
  for (const [sqlState, statements] of [
    ['42501', 9],
    ['P0001', 9],
    ['55P03', 3],
  ] as const) {
    const { answers, facts, post, answerEach } = accepting()
    post('first')
    for (let n = 0; n < 10; n += 1) post(`later ${n}`)

    const asked = await answerEach((ids) => (ids.includes('first') ? 3 : refusalBy(sqlState)))

    t.equal(asked.length, 1 + statements, sqlState)
    t.same(
      new Set(answers.slice(1).map((each) => each.split(' ').at(-1))),
      new Set(['unavailable']),
    )
    t.match(facts, [{ type: 'batch.accepted' }, { type: 'batch.refused', payments: 10 }])
  }
})

t.test('what cannot be committed one by one in time is answered 503', async (t) => {
  const { clock, answers, facts, post, answerEach } = accepting()
  for (const id of ['a', 'b', 'c', 'd']) post(id)

  const asked = await answerEach((ids) => {
    if (ids.length > 1) return refusalBy('23514')
    if (ids[0] === 'c') clock.increment(APART_MAX_MS)
    return 3
  })

  t.same(asked, [['a'], ['b', 'c', 'd'], ['b'], ['c']])
  t.same(answers, ['a accepted', 'b unavailable', 'c unavailable', 'd unavailable'])
  t.match(facts[1], { type: 'batch.refused', payments: 3, cause: /no time/ })
})

t.test('a right that is missing refuses all, a single payment as well', async (t) => {
  const { answers, facts, post, answerEach } = accepting()
  post('a')

  await answerEach(() => refusalBy('42501'))

  t.same(answers, ['a unavailable'])
  t.match(facts, [{ type: 'batch.refused', payments: 1, cause: /failed/ }])
})

t.test('a commit is told with how long it took', async (t) => {
  const { clock, facts, post, commit } = accepting()
  clock.increment(1_000)
  post('a')
  clock.increment(7)
  await commit('accepted')

  t.match(facts, [{ type: 'batch.accepted', parked: false, tookMs: 7 }])
})

t.test(
  'payments that could not be read in time are told as refused, with the reason',
  async (t) => {
    const { answers, facts, post, commit } = accepting()
    post('a')
    await commit('unread')

    t.same(answers, ['a unavailable'])
    t.match(facts.slice(1), [{ type: 'batch.refused', payments: 1, cause: /not read in time/ }])
  },
)

t.test('after a failed commit payments are refused for 100 ms, and then accepted', async (t) => {
  const { answers, clock, facts, ledger, post, commit } = accepting()
  post('a')
  post('b')
  ;(await ledger.called('accept')).fail(new LedgerUnavailable('accept', 'none'))
  await settled()
  t.same(answers.splice(0), ['a unavailable', 'b unavailable'])
  t.match(facts, [{ type: 'batch.refused', payments: 2, cause: 'ledger: accept failed' }])

  clock.increment(99)
  post('c')
  t.same(answers.splice(0), ['c unavailable'])
  clock.increment(1)
  post('d')
  await commit('accepted')

  t.same(answers, ['d accepted'])
})

t.test('a batcher that lets nothing more in says so once all is answered', async (t) => {
  const { sentEvents, post, commit, tell } = accepting()
  post('a')
  tell('acceptBatcher', { type: 'intake.closed' })
  t.same(sentEvents, [])
  await commit('known')

  const ended = { type: 'intake.ended', from: 'accepts' }
  t.same(sentEvents, [{ to: 'payments', event: ended }])
})
