import t, { type Test } from 'tap'
import type { Actor } from 'xstate'
import { CacheUnavailable, LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import type { DelayedQueue } from '../../../src/actors/model/ports.ts'
import { LedgerClock } from '../../../src/actors/ownership/ledger-clock.ts'
import { retryQueueMachine } from '../../../src/actors/ownership/retry-queue.machine.ts'
import { startActorSystem, settled, type ActorSystem } from '../../support/actor-system.ts'
import { claimedPayment } from '../../support/payment-samples.ts'
import { scriptedPort, type ScriptedPort } from '../../support/scripted-port.ts'

const SETTLE_BY_MS = 21_000
const DELAY_MAX_MS = 30_000

const LEDGER_GONE = new LedgerUnavailable('claimDue', 'unknown')
const QUEUE_GONE = new CacheUnavailable('takeDue')

interface Queue {
  readonly system: ActorSystem
  readonly delayedQueue: ScriptedPort<DelayedQueue>
  readonly queue: Actor<typeof retryQueueMachine>
}

function startQueue(): Queue {
  const system = startActorSystem()
  const delayedQueue = scriptedPort<DelayedQueue>()
  const ledgerClock = new LedgerClock(system.ports.telemetry)
  const bounds = { settleByMs: SETTLE_BY_MS, delayMaxMs: DELAY_MAX_MS }
  const input = { ports: system.ports, delayedQueue: delayedQueue.port, ledgerClock, ...bounds }
  return { system, delayedQueue, queue: system.start(retryQueueMachine, input) }
}

/** After it has swept the ledger once, which brought one payment. */
async function startFlowing(): Promise<Queue> {
  const parts = startQueue()
  const { system, queue } = parts
  queue.send({ type: 'capacity.offered', limit: 3 })
  ;(await system.ledger.called('claimDue')).answer([claimedPayment('first')])
  await settled()
  system.sentEvents.length = 0
  return parts
}

/** The same when the next sweep is due. */
async function startSweeping(): Promise<Queue> {
  const parts = await startFlowing()
  parts.system.clock.increment(250)
  return parts
}

function told(system: ActorSystem): readonly unknown[] {
  return system.sentEvents.map(({ to, event }) => [
    to,
    event.type,
    event['batch']?.length,
    event['leaseId'],
    event['from'],
  ])
}

function claimed(payments: number): readonly unknown[] {
  return ['payments', 'payments.claimed', payments, 7, 'retryQueue']
}

t.test(
  'offered capacity is filled from the delayed queue first, then from the ledger',
  async (t) => {
    const { system, delayedQueue, queue } = await startSweeping()

    queue.send({ type: 'capacity.offered', limit: 3 })
    queue.send({ type: 'capacity.offered', limit: 99 })
    ;(await delayedQueue.called('claimRebuild')).answer(false)
    const taking = await delayedQueue.called('takeDue')
    taking.answer(['a', 'b'])
    const claiming = await system.ledger.called('claimParked')
    claiming.answer([claimedPayment('a')])
    const sweeping = await system.ledger.called('claimDue')
    sweeping.answer([claimedPayment('c')])
    await settled()

    t.same(taking.args, [3], 'what is offered meanwhile waits for the next tick')
    t.same(claiming.args, [['a', 'b'], { leaseId: 7 }])
    t.same(
      sweeping.args,
      [{ leaseId: 7, limit: 2, delayMaxMs: 30_000 }],
      'b was claimed by another instance',
    )
    t.same(told(system), [claimed(2)])
    t.equal(queue.getSnapshot().value, 'idle')
  },
)

/** The ledger is swept after so many ms and not before, and brings nothing. */
async function sweepsAfter(t: Test, parts: Queue, ms: number): Promise<void> {
  const { system, delayedQueue, queue } = parts
  if (ms > 0) {
    system.clock.increment(ms - 1)
    queue.send({ type: 'capacity.offered', limit: 1 })
    t.equal(queue.getSnapshot().value, 'idle', `not before ${ms} ms`)
    system.clock.increment(1)
  }
  queue.send({ type: 'capacity.offered', limit: 1 })
  ;(await system.ledger.called('claimDue')).answer([])
  await settled()
  t.same([queue.getSnapshot().value, delayedQueue.waiting], ['idle', []])
}

t.test(
  'the ledger is swept four times a second, and at once again while there is more',
  async (t) => {
    const { system, delayedQueue, queue } = await startFlowing()

    queue.send({ type: 'capacity.offered', limit: 1 })
    ;(await delayedQueue.called('takeDue')).answer(['b'])
    ;(await system.ledger.called('claimParked')).answer([claimedPayment('b')])
    await settled()
    t.same(system.ledger.waiting, [], 'not so soon again')
    system.clock.increment(250)
    queue.send({ type: 'capacity.offered', limit: 1 })
    ;(await delayedQueue.called('claimRebuild')).answer(false)
    ;(await delayedQueue.called('takeDue')).answer([])
    ;(await system.ledger.called('claimDue')).answer([claimedPayment('a')])
    await settled()
    queue.send({ type: 'capacity.offered', limit: 1 })
    ;(await delayedQueue.called('claimRebuild')).answer(false)
    ;(await delayedQueue.called('takeDue')).answer([])
    ;(await system.ledger.called('claimDue')).answer([])
    await settled()

    t.same(told(system), [claimed(1), claimed(1)])
  },
)

t.test('while nothing is due only the ledger is asked', async (t) => {
  const { system, delayedQueue, queue } = await startFlowing()
  queue.send({ type: 'capacity.offered', limit: 1 })
  ;(await delayedQueue.called('takeDue')).answer([])
  await settled()

  await sweepsAfter(t, { system, delayedQueue, queue }, 250)
  await sweepsAfter(t, { system, delayedQueue, queue }, 250)
})

t.test('once nothing that it parked can be due the ledger is swept twice a second', async (t) => {
  const parts = startQueue()
  await sweepsAfter(t, parts, 0)
  parts.system.clock.increment(DELAY_MAX_MS - 100)
  await sweepsAfter(t, parts, 0)
  await sweepsAfter(t, parts, 250)
  await sweepsAfter(t, parts, 500)

  parts.queue.send({ type: 'payments.parked', entries: [{ correlationId: 'a', dueInMs: 5 }] })
  ;(await parts.delayedQueue.called('schedule')).answer(undefined)

  await sweepsAfter(t, parts, 250)
})

t.test('nor when the ledger had something for as long before', async (t) => {
  const parts = startQueue()
  await sweepsAfter(t, parts, 0)
  parts.system.clock.increment(DELAY_MAX_MS + 250)
  parts.queue.send({ type: 'capacity.offered', limit: 3 })
  ;(await parts.system.ledger.called('claimDue')).answer([claimedPayment('late')])
  await settled()
  parts.queue.send({ type: 'capacity.offered', limit: 1 })
  ;(await parts.delayedQueue.called('takeDue')).answer([])
  await settled()

  await sweepsAfter(t, parts, 250)
})

t.test(
  'a batch claimed by the delayed queue is kept when the sweep of the ledger fails',
  async (t) => {
    const { system, delayedQueue, queue } = await startSweeping()
    queue.send({ type: 'capacity.offered', limit: 3 })
    ;(await delayedQueue.called('claimRebuild')).answer(false)
    ;(await delayedQueue.called('takeDue')).answer(['a'])
    ;(await system.ledger.called('claimParked')).answer([claimedPayment('a')])

    ;(await system.ledger.called('claimDue')).fail(LEDGER_GONE)
    await settled()

    t.same(told(system), [claimed(1)])
    t.equal(queue.getSnapshot().value, 'idle')
  },
)

t.test('after a failure of the ledger nothing is claimed for 500 ms', async (t) => {
  const { system, delayedQueue, queue } = await startFlowing()

  queue.send({ type: 'capacity.offered', limit: 3 })
  ;(await delayedQueue.called('takeDue')).answer(['a'])
  ;(await system.ledger.called('claimParked')).fail(LEDGER_GONE)
  await settled()
  t.equal(queue.getSnapshot().value, 'paused')
  t.match(system.facts, [{ type: 'ledger.failed', operation: 'claimDue' }])
  t.same(told(system), [], 'what it claimed all the same is found as a stray')
  queue.send({ type: 'capacity.offered', limit: 3 })
  system.clock.increment(499)
  t.equal(queue.getSnapshot().value, 'paused')
  system.clock.increment(1)

  t.equal(queue.getSnapshot().value, 'idle')
  t.same(delayedQueue.waiting, [])
})

t.test('the ledger is not swept for more than was offered', async (t) => {
  const { system, delayedQueue, queue } = await startSweeping()
  queue.send({ type: 'capacity.offered', limit: 1 })
  ;(await delayedQueue.called('claimRebuild')).answer(false)
  ;(await delayedQueue.called('takeDue')).answer(['a'])

  ;(await system.ledger.called('claimParked')).answer([claimedPayment('a')])
  await settled()

  t.same([system.ledger.waiting, told(system)], [[], [claimed(1)]])
})

t.test('a sweep that fails alone is a failure of the ledger', async (t) => {
  const { system, delayedQueue, queue } = await startSweeping()
  queue.send({ type: 'capacity.offered', limit: 1 })
  ;(await delayedQueue.called('claimRebuild')).answer(false)
  ;(await delayedQueue.called('takeDue')).answer([])

  ;(await system.ledger.called('claimDue')).fail(LEDGER_GONE)
  await settled()

  t.equal(queue.getSnapshot().value, 'paused')
  t.match(system.facts, [{ type: 'ledger.failed', operation: 'claimDue' }])
  queue.send({ type: 'drain.started' })
  t.equal(queue.getSnapshot().value, 'closed', 'a drain does not wait for the pause to end')
})

t.test('deadlines of claimed payments are those of this process, not of the ledger', async (t) => {
  const { system, delayedQueue, queue } = await startSweeping()
  const unknownOutcomes = [{ processor: 'default', requestedAt: 1, remainingMs: 9 } as const]
  queue.send({ type: 'capacity.offered', limit: 3 })
  ;(await delayedQueue.called('claimRebuild')).answer(false)
  ;(await delayedQueue.called('takeDue')).answer(['a'])

  const claimedAt = 1_000_000
  const stored = { unknownOutcomes, claimedAt, parkedAt: claimedAt - 5 }
  ;(await system.ledger.called('claimParked')).answer([claimedPayment('a', stored)])
  ;(await system.ledger.called('claimDue')).answer([claimedPayment('b', stored)])
  await settled()

  const [{ event } = { event: {} }] = system.sentEvents
  t.match(event, {
    batch: [
      { unknownOutcomes: [{ requestedAt: 1, remainingMs: SETTLE_BY_MS }] },
      { unknownOutcomes: [{ requestedAt: 1, remainingMs: SETTLE_BY_MS }] },
    ],
  })
})

t.test('without Redis the ledger alone fills the capacity', async (t) => {
  const { system, delayedQueue, queue } = await startSweeping()
  queue.send({ type: 'capacity.offered', limit: 3 })
  ;(await delayedQueue.called('claimRebuild')).fail(QUEUE_GONE)
  ;(await delayedQueue.called('takeDue')).fail(QUEUE_GONE)

  ;(await system.ledger.called('claimDue')).answer([claimedPayment('a')])
  await settled()

  t.same(told(system), [claimed(1)])
})

t.test(
  'a lost delayed queue is rebuilt from the ledger, and parked payments are put into it',
  async (t) => {
    const { system, delayedQueue, queue } = await startSweeping()
    const entries = [{ correlationId: 'a', dueInMs: 5 }]
    queue.send({ type: 'payments.parked', entries })
    const scheduled = await delayedQueue.called('schedule')
    scheduled.fail(QUEUE_GONE)
    t.same(scheduled.args, [entries], 'at once, and nothing is lost if it fails')
    queue.send({ type: 'capacity.offered', limit: 3 })
    ;(await delayedQueue.called('claimRebuild')).answer(true)

    const listing = await system.ledger.called('listParked')
    listing.answer(entries)
    const rebuilt = await delayedQueue.called('schedule')
    rebuilt.answer(undefined)
    ;(await delayedQueue.called('takeDue')).answer([])
    ;(await system.ledger.called('claimDue')).answer([])
    await settled()

    t.same([listing.args, rebuilt.args], [[10_000], [entries]])
    t.equal(queue.getSnapshot().value, 'idle')
  },
)

t.test('a drain ends the claiming, and what was being claimed still arrives', async (t) => {
  const { system, delayedQueue, queue } = await startFlowing()
  queue.send({ type: 'capacity.offered', limit: 3 })
  const taking = await delayedQueue.called('takeDue')

  queue.send({ type: 'drain.started' })
  taking.answer(['a'])
  ;(await system.ledger.called('claimParked')).answer([claimedPayment('a')])
  await settled()
  queue.send({ type: 'capacity.offered', limit: 3 })

  const ended = ['payments', 'intake.ended', undefined, undefined, 'retryQueue']
  t.same(told(system), [claimed(1), ended], 'it says so after the last claimed payments')
  t.same([queue.getSnapshot().value, delayedQueue.waiting], ['closed', []])
})

t.test('a bug ends the retry queue, whatever it was about to tell', async (t) => {
  const bug = new TypeError('a planted bug')
  const steps = ['claimRebuild', 'takeDue', 'claimParked', 'claimDue'] as const
  for (const broken of steps) {
    const { system, delayedQueue, queue } = await startSweeping()
    queue.send({ type: 'capacity.offered', limit: 3 })
    const answers = { claimRebuild: false, takeDue: ['a'], claimParked: [claimedPayment('a')] }
    for (const step of steps.slice(0, steps.indexOf(broken))) {
      const port = step === 'claimParked' ? system.ledger : delayedQueue
      ;(await port.called(step as never)).answer(answers[step as keyof typeof answers])
    }
    const port = broken === 'claimParked' || broken === 'claimDue' ? system.ledger : delayedQueue

    ;(await port.called(broken as never)).fail(bug)
    await settled()

    t.match(queue.getSnapshot(), { status: 'error', error: bug }, broken)
    const told = system.facts.filter(({ type }) => type === 'ledger.failed')
    t.same([told, system.sentEvents], [[], []], broken)
  }
})
