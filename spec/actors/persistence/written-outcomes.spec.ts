// What follows once a batch of outcomes has been handed to the ledger.

import t from 'tap'
import { persistenceLogic } from '../../../src/actors/persistence/persistence.ts'
import { PUBLISH_WINDOW_MS } from '../../../src/actors/persistence/outcome-batcher.ts'
import type { Outcome } from '../../../src/actors/model/payment.ts'
import { BESIDE_PERSISTENCE, settled, startActorSystem } from '../../support/actor-system.ts'
import { parked, settled as settlement, uuid } from '../../contracts/ledger-words.ts'

const ACCEPTS = { batchMax: 10, windowMs: 0, commitsMax: 500, pendingMax: 10 }
const OUTCOMES = { batchMax: 4, windowMs: 20, congestedAt: 40 }

/** Persistence that has been given a batch; `called` takes what it asks of the ledger. */
function persisting(outcomes: readonly Outcome[]) {
  const system = startActorSystem(BESIDE_PERSISTENCE)
  const { ports } = system
  const input = { ports, accepts: ACCEPTS, outcomes: OUTCOMES, answersWhen: 'committed' as const }
  const persistence = system.start(persistenceLogic, input)
  for (const outcome of outcomes)
    system.tell('outcomeBatcher', { type: 'outcome.reached', outcome })
  system.clock.increment(OUTCOMES.windowMs)
  return { ...system, persistence }
}

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

t.test('a settlement that the ledger contradicts is reported with the reason', async (t) => {
  const batch = [settlement(1), settlement(2, { processor: 'fallback' }), settlement(3), parked(4)]
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
  t.same(contradictionsOf(system.facts), [
    { type, correlationId: uuid(1), processor: 'default', reason: 'settledOtherwise' },
    { type, correlationId: uuid(2), processor: 'fallback', reason: 'rejected' },
  ])
})

function contradictionsOf(facts: ReturnType<typeof startActorSystem>['facts']): unknown {
  return facts.filter(({ type }) => type === 'payment.contradicted')
}
