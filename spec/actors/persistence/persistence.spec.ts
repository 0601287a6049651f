// Which of its parts persistence hands a request to, and how it drains and stops.

import t from 'tap'
import { persistenceLogic } from '../../../src/actors/persistence/persistence.ts'
import { LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import type { AnswersWhen } from '../../../src/actors/persistence/early-answers.ts'
import { settled as settlement, uuid } from '../../contracts/ledger-words.ts'
import { BESIDE_PERSISTENCE, settled, startActorSystem } from '../../support/actor-system.ts'

const ACCEPTS = { batchMax: 10, windowMs: 0, commitsMax: 500, pendingMax: 10 }
const OUTCOMES = { batchMax: 10, windowMs: 20, congestedAt: 40 }

function started(answersWhen: AnswersWhen = 'committed') {
  const system = startActorSystem(BESIDE_PERSISTENCE)
  const input = { ports: system.ports, accepts: ACCEPTS, outcomes: OUTCOMES, answersWhen }
  const persistence = system.start(persistenceLogic, input)
  const reach = (n: number): void =>
    system.tell('outcomeBatcher', { type: 'outcome.reached', outcome: settlement(n) })
  return { ...system, persistence, reach }
}

const replyTo = (): void => undefined
const RECEIVED = {
  type: 'payment.received',
  correlationId: uuid(1),
  amountCents: 1,
  replyTo,
} as const

t.test('a request asks the ledger for what it names, and for nothing else', async (t) => {
  for (const [event, asked] of [
    [RECEIVED, ['accept']],
    [{ type: 'payment.requested', correlationId: uuid(1), replyTo }, ['find']],
    [{ type: 'summary.requested', window: {}, replyTo }, ['read']],
    [{ type: 'purge.requested', replyTo }, ['purge']],
    [{ type: 'control.requested', processor: 'default', replyTo }, ['findControl']],
    [{ type: 'strays.sought', batch: [], replyTo }, []],
    [{ type: 'drain.started' }, []],
  ] as const) {
    const { persistence, ledger, settledSet } = started('taken')

    persistence.send(event)

    t.same([...ledger.waiting, ...settledSet.waiting], asked, event.type)
    t.equal(persistence.getSnapshot().status, 'active', event.type)
  }
})

t.test('what is being written or waits to be is no stray', async (t) => {
  const { persistence, ledger, clock, reach, tell } = started()
  tell('acceptBatcher', RECEIVED)
  reach(2)
  clock.increment(OUTCOMES.windowMs)
  reach(3)
  const batch = [1, 2, 3, 4].map((n) => ({ correlationId: uuid(n), fencingToken: 0 }))
  const strays: unknown[] = []

  persistence.send({ type: 'strays.sought', batch, replyTo: (found) => strays.push(...found) })

  t.same(ledger.waiting, ['accept', 'record'])
  t.same(strays, [{ correlationId: uuid(4), fencingToken: 0 }])
})

t.test('a drain writes what is left, and makes the last changes to the settled set', async (t) => {
  const { persistence, ledger, settledSet, sentEvents, clock, reach } = started()
  reach(1)

  persistence.send({ type: 'drain.started' })
  ;(await ledger.called('record')).answer([])
  await settled()

  t.same(sentEvents, [{ to: 'supervisor', event: { type: 'persistence.flushed' } }])
  t.same(settledSet.waiting, ['add', 'remove'])
  t.equal(clock.pending, 1, 'the window, in which nothing is written any more')
  t.equal(persistence.getSnapshot().status, 'active')
})

t.test('no payment is answered before its commit unless that is configured', async (t) => {
  const { persistence, ledger } = started('committed')
  const failures: unknown[] = []
  const answers: string[] = []
  persistence.subscribe({ error: (error) => failures.push(error) })

  persistence.send({ ...RECEIVED, replyTo: (answer: string) => void answers.push(answer) })

  t.match(String(failures[0]), 'payments go straight to the accept batcher')
  t.same([answers, ledger.waiting], [[], []])
})

t.test('after a stop nothing more is asked of the ledger', async (t) => {
  const { persistence, ledger, clock, reach, tell } = started()
  reach(1)
  tell('acceptBatcher', RECEIVED)
  clock.increment(OUTCOMES.windowMs)
  const lost = new LedgerUnavailable('record', 'unknown')
  const [accept, record] = [await ledger.called('accept'), await ledger.called('record')]

  persistence.send({ type: 'xstate.stop' })
  accept.fail(lost)
  record.fail(lost)
  await settled()
  tell('acceptBatcher', RECEIVED)
  clock.increment(60_000)

  t.same(ledger.waiting, [])
  t.equal(persistence.getSnapshot().status, 'active')
})
