import t from 'tap'
import type { AnyActorRef } from 'xstate'
import { partsOf } from '../../../src/app/settings.ts'
import { readConfig } from '../../../src/config/config.ts'
import type {
  Charge,
  ChargeAnswer,
  CircuitCache,
  DelayedQueue,
  Ledger,
  Processor,
  SettledSet,
} from '../../../src/actors/model/ports.ts'
import type { Fact } from '../../../src/actors/model/facts.ts'
import { ONE_HISTORY } from '../../../src/actors/model/ledger-history.ts'
import { LeaseFence } from '../../../src/actors/ownership/fence.ts'
import { createSupervisor } from '../../../src/actors/supervisor/supervisor.ts'
import { settled } from '../../support/actor-system.ts'
import { scriptedPort } from '../../support/scripted-port.ts'
import { StandingTime } from '../../support/standing-time.ts'

t.test('a payment takes eleven messages from its POST to its settlement', async (t) => {
  const processor = scriptedPort<Processor>()
  const { supervisor, ledger, clock, windowMs } = await started(processor.port)
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
  clock.increment(windowMs)
  ;(await ledger.called('record')).answer([])
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

t.test('a payment whose actor fails is parked, in doubt at both processors', async (t) => {
  const charge = (): never => {
    throw new Error('a planted bug')
  }
  const { supervisor, ledger, clock, windowMs, facts } = await started({
    charge,
  } as unknown as Processor)

  const payment = { correlationId: 'a', amountCents: 1990, replyTo: () => undefined }
  supervisor.send({ type: 'payment.received', ...payment })
  ;(await ledger.called('accept')).answer({ results: ['accepted'], purges: 0 })
  await settled()
  clock.increment(windowMs)

  const unknownOutcomes = [{ processor: 'default' }, { processor: 'fallback' }]
  t.match((await ledger.called('record')).args, [[{ kind: 'parked', unknownOutcomes }]])
  const broken = facts.find(({ type }) => type === 'payment.broken')
  t.match(broken, { correlationId: 'a', cause: 'a planted bug', error: Error })
  t.equal(supervisor.getSnapshot().value, 'accepting')
})

for (const [isWritten, occasion, renewal] of [
  ['is handed to the ledger', 'its lease was lost', { held: false, purges: 0 }],
  ['is forgotten', 'a purge', { held: true, purges: 1 }],
] as const) {
  t.test(`a charge answered with 200 after ${occasion} ${isWritten}`, async (t) => {
    const processor = scriptedPort<Processor>()
    const { supervisor, ledger, clock, windowMs, renewalMs, facts } = await started(processor.port)
    const payment = { correlationId: 'a', amountCents: 1990, replyTo: () => undefined }
    supervisor.send({ type: 'payment.received', ...payment })
    ;(await ledger.called('accept')).answer({ results: ['accepted'], purges: 0 })
    await settled()
    const [charge, reply] = (await processor.called('charge')).args
    clock.increment(renewalMs)
    ;(await ledger.called('renewLease')).answer(renewal)
    await settled()

    ;(reply as (answer: ChargeAnswer) => void)({ kind: 'settled', detail: 'http 200' })
    clock.increment(windowMs)

    await settled()
    const { requestedAt } = charge as Charge
    const end = { processor: 'default', requestedAt }
    const attempts = [{ ...end, outcome: 'settled', detail: 'http 200' }]
    const outcome = { kind: 'settled', correlationId: 'a', ...end, purges: 0, attempts }
    if (renewal.held) t.notOk(ledger.waiting.includes('record'))
    else t.match((await ledger.called('record')).args, [[outcome]])
    const told = facts.filter(({ type }) => /^(attempt.ended|payment.settled)$/.test(type))
    t.match(told, [{ type: 'attempt.ended', outcome: 'settled' }], 'told once, by its owner')
  })
}

/** A supervisor that accepts under lease 7, and charges at this processor. */
async function started(processor: Processor) {
  const clock = new StandingTime()
  const ledger = scriptedPort<Ledger>()
  const facts: Fact[] = []
  const adapters = {
    ledger: ledger.port,
    fence: new LeaseFence(clock),
    history: ONE_HISTORY,
    processors: { default: processor, fallback: scriptedPort<Processor>().port },
    delayedQueue: scriptedPort<DelayedQueue>().port,
    circuitCache: scriptedPort<CircuitCache>().port,
    settledSet: scriptedPort<SettledSet>().port,
    close: () => Promise.resolve(),
  }
  const parts = partsOf(readConfig({}), adapters, { emit: (fact) => void facts.push(fact) })
  const supervisor = createSupervisor({ ...parts, ports: { ...parts.ports, clock } }).start()
  ;(await ledger.called('readOrders')).answer({ last: 0, holds: [], pending: [] })
  ;(await ledger.called('acquireLease')).answer({ leaseId: 7, ledgerNow: 0 })
  await settled()
  const renewalMs = parts.leaseTtlMs / 3
  return { supervisor, ledger, clock, facts, windowMs: parts.outcomes.windowMs, renewalMs }
}
