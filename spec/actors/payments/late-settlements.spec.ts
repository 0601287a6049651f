// A charge that is answered with success after its payment has left: where that payment comes back to
// this instance, under whatever word of an operator, it is not sent again.

import t from 'tap'
import type { HandedBack } from '../../../src/actors/messages.ts'
import { queryPayments } from '../../../src/actors/supervisor/snapshot.ts'
import type { ClaimedPayment } from '../../../src/actors/model/payment.ts'
import { LateSettlements } from '../../../src/actors/payments/late-settlements.ts'
import type { PaymentsSnapshot } from '../../../src/actors/payments/payments.ts'
import type { PaymentsInMemory } from '../../../src/actors/payments/queries.ts'
import { createWaiting } from '../../../src/actors/payments/queues.ts'
import { LATE_MAX_MS } from '../../../src/actors/payments/records.ts'
import { createSlotTable, type Slot } from '../../../src/actors/payments/slots.ts'
import { settled } from '../../support/actor-system.ts'
import { standIns } from '../../support/payment-dependencies.ts'
import {
  ATTEMPT,
  claimedPayment,
  sampleContext,
  sampleRecord,
} from '../../support/payment-samples.ts'
import { startedPit, type StartedPit } from '../../support/started-pit.ts'

/** Payment `a`, sent to `default` a second time and handed back since an operator resolved it. */
async function handedBack(): Promise<{ pit: StartedPit; succeed: () => Promise<void> }> {
  const pit = await startedPit()
  pit.post()
  ;(await pit.ledger.called('accept')).answer({ results: ['accepted'], purges: 0 })
  await settled()
  const { processors } = pit
  const [, reply] = (await processors.default.called('charge')).args
  const replyToFirst = reply as (answer: object) => void
  replyToFirst({ kind: 'inDoubt', detail: 'timeout' })
  await pit.pass(1)
  const [, lookedUp] = (await processors.default.called('lookUp')).args
  ;(lookedUp as (answer: object) => void)({ kind: 'failed', detail: 'http 500' })
  await pit.pass(200)
  const [, replyToResend] = (await processors.default.called('charge')).args
  let said: HandedBack | undefined
  const replyTo = (how: HandedBack): void => void (said = how)
  send(pit, { type: 'payment.resolved', correlationId: 'a', replyTo })
  t.equal(said, 'parked')
  await pit.pass(20)
  ;(await pit.ledger.called('record')).answer([])
  await settled()
  return {
    pit,
    succeed: async () => {
      ;(replyToResend as (answer: object) => void)({ kind: 'settled', detail: 'http 200' })
      await settled()
    },
  }
}

/** Payment `a`, handed back since an operator resolved it while it was looked up at `default`. */
async function handedBackAsked() {
  const pit = await startedPit()
  pit.post()
  ;(await pit.ledger.called('accept')).answer({ results: ['accepted'], purges: 0 })
  await settled()
  const { processors } = pit
  const [charge, reply] = (await processors.default.called('charge')).args
  const { amountCents, requestedAt } = charge as { amountCents: number; requestedAt: number }
  ;(reply as (answer: object) => void)({ kind: 'inDoubt', detail: 'timeout' })
  await pit.pass(1)
  const [, lookedUp] = (await processors.default.called('lookUp')).args
  send(pit, { type: 'payment.resolved', correlationId: 'a', replyTo: () => undefined })
  await pit.pass(20)
  ;(await pit.ledger.called('record')).answer([])
  await settled()
  const find = async (changes: object = {}): Promise<void> => {
    const found = { kind: 'found', amountCents, requestedAt }
    ;(lookedUp as (answer: object) => void)({ ...found, ...changes })
    await pit.pass(20)
  }
  return { pit, requestedAt, find }
}

type Sent = Parameters<ReturnType<StartedPit['supervisor']['system']['get']>['send']>[0]

function send({ supervisor }: StartedPit, event: Sent): void {
  supervisor.system.get('payments').send(event)
}

async function claim(pit: StartedPit, changes: Partial<ClaimedPayment> = {}): Promise<void> {
  const batch = [claimedPayment('a', { fencingToken: 2, ...changes })]
  send(pit, { type: 'payments.claimed', batch, from: 'retryQueue', leaseId: 7 })
  await settled()
}

function inMemory({ supervisor }: StartedPit): readonly string[] {
  const states = ['pending', 'tryingDefault', 'tryingFallback', 'confirming', 'retry'] as const
  return states.flatMap((state) => queryPayments(supervisor, { state, limit: 9 }).map(() => state))
}

/** The actor of the only payment that is in work. */
function actorOf({ supervisor }: StartedPit) {
  const { work } = supervisor.system.get('payments').getSnapshot() as PaymentsSnapshot
  return work.inMemory.slots.find('a')?.actor
}

function told({ facts }: StartedPit): number {
  return facts.filter(({ type }) => type === 'payment.settled').length
}

t.test('one that is claimed before its settlement is written is not worked on', async (t) => {
  const { pit, succeed } = await handedBack()
  await succeed()

  await claim(pit)

  t.same(inMemory(pit), [])
  t.notOk(pit.processors.default.waiting.includes('charge'))
  t.equal(told(pit), 1)
  await pit.pass(20)
  t.match((await pit.ledger.called('record')).args, [[{ kind: 'settled', correlationId: 'a' }]])
  await claim(pit, { fencingToken: 3 })
  t.not(inMemory(pit).length, 0, 'handed out again by the ledger, it is open there')
})

t.test('one that is back before the answer comes leaves again', async (t) => {
  const { pit, succeed } = await handedBack()
  const unknown = { processor: 'fallback', requestedAt: null, remainingMs: 21_000 } as const
  await claim(pit, { unknownOutcomes: [unknown] })
  t.same(inMemory(pit), ['confirming'])
  const actor = actorOf(pit)

  await succeed()

  t.same(inMemory(pit), [])
  t.equal(told(pit), 1)
  t.equal(actor?.getSnapshot().status, 'stopped', 'nothing of it goes on')
})

t.test('one that waits for a slot when the answer comes leaves again', async (t) => {
  const { pit, succeed } = await handedBack()
  send(pit, { type: 'outcomes.congested' })
  await claim(pit)
  t.same(inMemory(pit), ['pending'])

  await succeed()

  t.same(inMemory(pit), [])
  t.equal(told(pit), 1)
  send(pit, { type: 'outcomes.relieved' })
  t.notOk(pit.processors.default.waiting.includes('charge'))
})

t.test('one that a look-up finds after it has left is settled, and not sent again', async (t) => {
  const { pit, requestedAt, find } = await handedBackAsked()
  const unknown = { processor: 'fallback', requestedAt: null, remainingMs: 21_000 } as const
  await claim(pit, { unknownOutcomes: [unknown] })
  t.same(inMemory(pit), ['confirming'])

  await find()

  t.same(inMemory(pit), [])
  t.equal(told(pit), 1)
  const [outcomes] = (await pit.ledger.called('record')).args
  const settlement = { kind: 'settled', correlationId: 'a', processor: 'default', requestedAt }
  const attempts = [{ processor: 'default', outcome: 'inDoubt' }]
  t.match(outcomes, [{ ...settlement, attempts }])
})

t.test('what a look-up finds then is not believed where it contradicts the payment', async (t) => {
  const { pit, find } = await handedBackAsked()

  await find({ amountCents: 1 })

  t.notOk(pit.ledger.waiting.includes('record'))
  await claim(pit)
  t.same(inMemory(pit), ['tryingDefault'])
})

t.test('what a look-up finds of a payment that a purge has deleted is not written', async (t) => {
  const { pit, find } = await handedBackAsked()
  await claim(pit, { purges: 1 })

  await find()

  t.same(inMemory(pit), ['tryingDefault'], 'posted again, it is another payment')
  t.notOk(pit.ledger.waiting.includes('record'))
})

t.test('what a look-up does not find then says nothing', async (t) => {
  const { pit, find } = await handedBackAsked()

  await find({ kind: 'missing' })

  t.notOk(pit.ledger.waiting.includes('record'))
})

t.test('others that are claimed along with it are worked on', async (t) => {
  const { pit, succeed } = await handedBack()
  await succeed()

  const batch = ['b', 'a', 'c'].map((id) => claimedPayment(id, { fencingToken: 2 }))
  send(pit, { type: 'payments.claimed', batch, from: 'retryQueue', leaseId: 7 })
  await settled()

  const [charges, ids] = [pit.processors.default, [] as unknown[]]
  while (charges.waiting.includes('charge')) {
    const [charge] = (await charges.called('charge')).args
    ids.push((charge as { correlationId: string }).correlationId)
  }
  t.same(ids, ['b', 'c'])
})

t.test('one that is being charged stays until that is answered', async (t) => {
  const { pit, succeed } = await handedBack()
  await claim(pit)
  t.same(inMemory(pit), ['tryingDefault'])

  await succeed()

  t.same(inMemory(pit), ['tryingDefault'])
  t.equal(told(pit), 0)
})

for (const kind of ['inDoubt', 'refused', 'failed', 'known'] as const) {
  t.test(`one whose charge is then answered with ${kind} is not sent again`, async (t) => {
    const { pit, succeed } = await handedBack()
    await claim(pit)
    const [, reply] = (await pit.processors.default.called('charge')).args
    await succeed()

    ;(reply as (answer: object) => void)({ kind, detail: 'http 500' })
    await pit.pass(30_000)

    t.same(inMemory(pit), [])
    t.equal(told(pit), 1)
    t.notOk(pit.processors.default.waiting.includes('charge'))
    t.notOk(pit.processors.default.waiting.includes('lookUp'))
    t.match((await pit.ledger.called('record')).args, [[{ kind: 'settled', correlationId: 'a' }]])
  })
}

t.test('one whose charge is then answered with success is told as both', async (t) => {
  const { pit, succeed } = await handedBack()
  await claim(pit, { unknownOutcomes: [] })
  const [, reply] = (await pit.processors.default.called('charge')).args
  await succeed()

  ;(reply as (answer: object) => void)({ kind: 'settled', detail: 'http 200' })
  await pit.pass(20)

  t.same(inMemory(pit), [])
  t.equal(told(pit), 1)
  const [outcomes] = (await pit.ledger.called('record')).args
  t.same(
    (outcomes as { kind: string }[]).map(({ kind }) => kind),
    ['settled', 'settled'],
  )
})

t.test('after a purge its id is another payment', async (t) => {
  const { pit, succeed } = await handedBack()
  await succeed()

  await claim(pit, { purges: 1 })

  t.same(inMemory(pit), ['tryingDefault'])
  t.equal(told(pit), 0)
})

t.test('a lease that is lost takes what is known under it along', async (t) => {
  const { pit, succeed } = await handedBack()
  await succeed()
  send(pit, { type: 'payments.dropped' })

  await claim(pit)

  t.same(inMemory(pit), ['tryingDefault'])
  t.equal(told(pit), 0)
})

/** Ten seconds after the start of an instance with no payment in memory. */
function setScene() {
  const { dependencies, clock } = standIns()
  clock.increment(10_000)
  const nobody = { send: () => undefined, getSnapshot: () => ({}) }
  let left = 0
  const slots = createSlotTable({ slotsMax: 1, placesMax: 1 })
  const waiting = createWaiting({ readyMax: 1, inDoubtMax: 1 })
  const late = new LateSettlements({
    inMemory: { dependencies, slots, waiting } as unknown as PaymentsInMemory,
    reports: { dependencies, system: { get: () => nobody }, purges: () => 0 },
    stopChild: () => undefined,
    onLeft: () => {
      left += 1
    },
  })
  return {
    clock,
    late,
    slots,
    left: () => left,
    /** Payment `a` in work, which waits for a charge or for something else. */
    work(isTried: boolean) {
      const slot = slots.take(sampleRecord({ correlationId: 'a' }))
      const actor = { getSnapshot: () => ({ hasTag: () => isTried }) }
      if (slot !== undefined) slot.actor = actor as unknown as Slot['actor']
    },
    settle(correlationId: string) {
      const context = sampleContext({ record: sampleRecord({ correlationId }) })
      const { processor, requestedAt, reason } = ATTEMPT
      const charge = { reason, tookMs: 1, detail: 'http 200' }
      late.take({ context, processor, requestedAt, charge, purges: 0 })
    },
    /** Those that are not worked on when they are claimed. */
    known(...ids: readonly string[]): readonly string[] {
      const open = late.unsettled(ids.map((id) => claimedPayment(id)))
      return ids.filter((id) => open.every(({ correlationId }) => correlationId !== id))
    },
  }
}

t.test('as many are known as are answered in the time that answers may be late', async (t) => {
  for (const [laterMs, known] of [
    [LATE_MAX_MS - 1, ['a', 'b']],
    [LATE_MAX_MS, ['b']],
  ] as const) {
    const scene = setScene()
    scene.settle('a')
    scene.clock.increment(laterMs)

    scene.settle('b')

    t.same(scene.known('a', 'b'), known, `${laterMs} ms later`)
  }
})

t.test('one that is answered again is known for longer, and none that is older', async (t) => {
  const { clock, settle, known } = setScene()
  settle('a')
  settle('b')
  clock.increment(LATE_MAX_MS - 1)
  settle('a')
  clock.increment(1)

  settle('c')

  t.same(known('a', 'b', 'c'), ['a', 'c'])
})

t.test('that one has left is told when it does, for a drain to end', (t) => {
  const charged = setScene()
  charged.work(true)
  t.notOk(charged.late.endsCharge('a'), 'nothing has settled')
  charged.settle('a')
  t.same([charged.slots.used, charged.left()], [1, 0])

  t.ok(charged.late.endsCharge('a'))

  t.same([charged.slots.used, charged.left()], [0, 1])
  t.same(charged.known('a'), [], 'handed out again by the ledger, it is open there')

  const idle = setScene()
  idle.work(false)
  idle.settle('a')
  t.same([idle.slots.used, idle.left()], [0, 1])
  t.end()
})
