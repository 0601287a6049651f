import t from 'tap'
import type { AnyActorRef } from 'xstate'
import { partsOf } from '../../../src/app/settings.ts'
import { readConfig } from '../../../src/config/config.ts'
import type {
  ChargeAnswer,
  CircuitCache,
  DelayedQueue,
  Ledger,
  Processor,
  SettledSet,
} from '../../../src/actors/model/ports.ts'
import { LeaseFence } from '../../../src/actors/ownership/fence.ts'
import { createSupervisor } from '../../../src/actors/supervisor/supervisor.ts'
import { settled } from '../../support/actor-house.ts'
import { scriptedPort } from '../../support/scripted-port.ts'
import { StandingTime } from '../../support/standing-time.ts'

t.test('a payment takes eleven messages from its POST to its settlement', async (t) => {
  const clock = new StandingTime()
  const ledger = scriptedPort<Ledger>()
  const processor = scriptedPort<Processor>()
  const adapters = {
    ledger: ledger.port,
    fence: new LeaseFence(),
    processors: { default: processor.port, fallback: scriptedPort<Processor>().port },
    retry: scriptedPort<DelayedQueue>().port,
    health: scriptedPort<CircuitCache>().port,
    settled: scriptedPort<SettledSet>().port,
    close: () => Promise.resolve(),
  }
  const parts = partsOf(readConfig({}), adapters, { emit: () => undefined })
  const supervisor = createSupervisor({ ...parts, ports: { ...parts.ports, clock } }).start()
  ;(await ledger.called('acquireLease')).answer({ leaseId: 7 })
  await settled()
  const messages: string[] = []
  supervisor.system.inspect((event) => {
    if (event.type !== '@xstate.event') return
    const { id, systemId = id } = event.actorRef as AnyActorRef & { systemId?: string }
    messages.push(`${event.event.type} to ${systemId}`)
  })

  const payment = { correlationId: 'a', amountCents: 1990, replyTo: () => undefined }
  supervisor.send({ type: 'payment.received', ...payment })
  ;(await ledger.called('accept')).answer({ results: ['accepted'], purges: 0 })
  await settled()
  const [, reply] = (await processor.called('charge')).args
  ;(reply as (answer: ChargeAnswer) => void)({ kind: 'settled', detail: 'http 200' })
  clock.increment(parts.outcomes.windowMs)
  ;(await ledger.called('record')).answer(undefined)
  await settled()

  t.same(messages, [
    'payment.received to supervisor',
    'payment.received to acceptBatcher',
    'batch.written to acceptBatcher',
    'payments.accepted to payments',
    'xstate.init to payment',
    'attempt.reported to processorHealth.default',
    'charge.settled to payment',
    'xstate.done.actor.payment to payments',
    'outcome.reached to outcomeBatcher',
    'window.elapsed to outcomeBatcher',
    'batch.written to outcomeBatcher',
  ])
})
