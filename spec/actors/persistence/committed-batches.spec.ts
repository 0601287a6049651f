// What follows once a batch of new payments has been handed to the ledger.

import t from 'tap'
import { persistenceLogic } from '../../../src/actors/persistence/persistence.ts'
import { LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import type { AcceptResult } from '../../../src/actors/model/ports.ts'
import { BESIDE_PERSISTENCE, settled, startActorSystem } from '../../support/actor-system.ts'

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
  return { ...system, answers, post, commit }
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
