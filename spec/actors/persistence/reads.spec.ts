// What clients read while the ledger is out of reach, and what is reported of that.

import t from 'tap'
import { persistenceLogic } from '../../../src/actors/persistence/persistence.ts'
import { DamagedPayment, LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import { startActorSystem, BESIDE_PERSISTENCE, settled } from '../../support/actor-system.ts'

const ACCEPTS = { batchMax: 10, windowMs: 0, commitsMax: 500, pendingMax: 10 }
const OUTCOMES = { batchMax: 10, windowMs: 20, congestedAt: 40 }

for (const [operation, request] of [
  ['find', { type: 'payment.requested', correlationId: 'a' }],
  ['summarize', { type: 'summary.requested', window: {} }],
  ['purge', { type: 'purge.requested' }],
] as const) {
  t.test(
    `a ${operation} that the ledger fails is answered as unavailable and reported once`,
    async (t) => {
      const system = startActorSystem(BESIDE_PERSISTENCE)
      const { ports } = system
      const input = {
        ports,
        accepts: ACCEPTS,
        outcomes: OUTCOMES,
        answersWhen: 'committed' as const,
      }
      const persistence = system.start(persistenceLogic, input)
      const answers: unknown[] = []
      const replyTo = (answer: unknown): void => void answers.push(answer)

      persistence.send({ ...request, replyTo })
      if (operation === 'summarize') (await system.settledSet.called('read')).answer([])
      ;(await system.ledger.called(operation)).fail(new LedgerUnavailable(operation, 'none'))
      await settled()

      t.same(answers, [{ kind: 'unavailable' }])
      const cause = `ledger: ${operation} failed`
      t.same(system.facts, [{ type: 'ledger.failed', operation, cause }])
      t.same(system.sentEvents, [], 'what is in memory stays')
    },
  )
}

t.test(
  'a payment whose row cannot be read is answered as damaged, and nothing fails',
  async (t) => {
    const system = startActorSystem(BESIDE_PERSISTENCE)
    const { ports } = system
    const input = { ports, accepts: ACCEPTS, outcomes: OUTCOMES, answersWhen: 'committed' as const }
    const persistence = system.start(persistenceLogic, input)
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
