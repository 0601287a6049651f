// What readers see of the payments in memory.

import t from 'tap'
import { sampleContext, sampleDoubt, sampleRecord, STAMP } from '../../support/payment-samples.ts'
import { standIns } from '../../support/payment-dependencies.ts'
import type { PaymentContext } from '../../../src/actors/payment/context.ts'
import type { DueStep } from '../../../src/actors/payment/effects.ts'
import type { PaymentState } from '../../../src/actors/model/payment.ts'
import {
  findPaymentStatus,
  gaugesOf,
  idsInMemory,
  listPaymentStatuses,
  noteGauges,
  type PaymentsInMemory,
} from '../../../src/actors/payments/queries.ts'
import { createWaiting } from '../../../src/actors/payments/queues.ts'
import { createSlotTable, type UsedSlot } from '../../../src/actors/payments/slots.ts'

const NOW = 1_000
const DUE: DueStep = { slot: 0, generation: 0, kind: 'backoff' }

interface Scene extends PaymentsInMemory {
  readonly facts: readonly unknown[]
  /** One that is worked on in this state. */
  work(correlationId: string, state: PaymentState, changes?: Partial<PaymentContext>): void
  /** One that waits for a slot. */
  wait(correlationId: string, changes?: Partial<PaymentContext['record']>): void
}

/** One second after the start; `due` is what the payment in that slot waits for, at this instant. */
function setScene(due?: { readonly step: DueStep; readonly at: number }): Scene {
  const facts: unknown[] = []
  const telemetry = { emit: (fact: unknown) => void facts.push(fact) }
  const dueAtOf = (matches: (step: DueStep) => boolean): number | undefined =>
    due !== undefined && matches(due.step) ? due.at : undefined
  const { dependencies, clock } = standIns({ due: { push: () => undefined, dueAtOf }, telemetry })
  clock.increment(NOW)
  const slots = createSlotTable({ slotsMax: 9, placesMax: 9 })
  const waiting = createWaiting({ readyMax: 9, inDoubtMax: 9 })
  return {
    dependencies,
    facts,
    slots,
    waiting,
    transitions: {} as PaymentsInMemory['transitions'],
    work(correlationId, state, changes = {}) {
      const record = sampleRecord({ correlationId })
      const slot = slots.take(record)
      t.ok(slot, 'a slot is free')
      if (slot === undefined) return
      const context = sampleContext({ record, slot: slot.index, ...changes })
      slot.actor = { getSnapshot: () => ({ value: state, context }) } as UsedSlot['actor']
    },
    wait(correlationId, changes = {}) {
      t.ok(waiting.push(sampleRecord({ correlationId, ...changes })))
    },
  }
}

const DOUBT = { unknownOutcomes: [sampleDoubt('default', { endsAt: NOW + 20.2 })] }

t.test('a payment is found where it is worked on and where it waits', async (t) => {
  const scene = setScene()
  scene.work('a', 'tryingDefault')
  scene.work('b', 'confirming', DOUBT)
  scene.wait('c', { acceptedAt: 400 })
  scene.wait('d', DOUBT)
  const found = (id: string) => findPaymentStatus(scene, id)

  t.match(found('a'), { correlationId: 'a', state: 'tryingDefault', acceptedAt: STAMP })
  t.match(found('b'), { correlationId: 'b', state: 'confirming', waitsFor: 'lookUp' })
  t.match(found('c'), { correlationId: 'c', state: 'pending', acceptedAt: STAMP + 400 })
  t.match(found('c'), { waitsFor: 'route', amountCents: 1990, attempts: [] })
  t.match(found('d'), { correlationId: 'd', state: 'confirming', waitsFor: 'lookUp' })
  t.equal(found('e'), undefined)
  scene.wait('e', { acceptedAt: 400.6 })
  t.match(found('e'), { acceptedAt: STAMP + 401 }, 'in whole ms')
  t.same([...idsInMemory(scene)].toSorted(), ['a', 'b', 'c', 'd', 'e'])
})

t.test(
  'a doubt is shown with what is left of it, rounded up, and what contradicts it',
  async (t) => {
    const contradiction = { kind: 'amount' } as const
    const [doubt] = DOUBT.unknownOutcomes
    const scene = setScene()
    scene.work('a', 'confirming', DOUBT)
    scene.wait('b', { unknownOutcomes: [{ ...sampleDoubt('fallback', doubt), contradiction }] })
    scene.work('c', 'retry')

    const shown = { processor: 'default', requestedAt: STAMP, remainingMs: 21 }
    t.same(findPaymentStatus(scene, 'a')?.unknownOutcomes, [shown])
    t.same(findPaymentStatus(scene, 'b')?.unknownOutcomes, [{ ...shown, contradiction }])
    t.notOk('unknownOutcomes' in (findPaymentStatus(scene, 'c') ?? {}))
  },
)

t.test('a payment shows what it waits for, and when that is due', async (t) => {
  const dueOf = (step: DueStep, state: PaymentState) => {
    const scene = setScene({ step, at: NOW + 99.5 })
    scene.work('a', state)
    const { waitsFor, dueInMs } = findPaymentStatus(scene, 'a') ?? {}
    return [waitsFor, dueInMs]
  }

  t.same(dueOf(DUE, 'retry'), ['backoff', 100])
  t.same(dueOf(DUE, 'confirming'), ['lookUp', 100])
  t.same(dueOf({ ...DUE, slot: 1 }, 'retry'), ['backoff', undefined], 'of another payment')
  t.same(dueOf({ ...DUE, generation: 1 }, 'retry'), ['backoff', undefined], 'of the one before')
  t.same(dueOf(DUE, 'tryingDefault'), [undefined, undefined])
})

t.test('payments are listed by their state, up to a limit', async (t) => {
  const scene = setScene()
  for (const id of ['a', 'b']) scene.work(id, 'confirming', DOUBT)
  scene.work('c', 'retry')
  scene.wait('d')
  scene.wait('e')
  for (const id of ['f', 'g']) scene.wait(id, DOUBT)
  scene.wait('h', { unknownOutcomes: [sampleDoubt('fallback')] })
  const listed = (state: PaymentState, limit: number): string =>
    listPaymentStatuses(scene, { state, limit })
      .map(({ correlationId }) => correlationId)
      .join('')

  t.same(
    [1, 2, 3, 4, 9].map((limit) => listed('confirming', limit)),
    ['a', 'ab', 'abf', 'abfg', 'abfgh'],
  )
  t.same(
    [1, 9].map((limit) => listed('pending', limit)),
    ['d', 'de'],
  )
  t.equal(listed('retry', 9), 'c')
  t.equal(listed('parked', 9), '')
})

t.test('gauges count what waits, what is in flight and what is in each state', async (t) => {
  const scene = setScene()
  for (const id of ['a', 'b']) scene.work(id, 'confirming', DOUBT)
  scene.work('c', 'retry')
  for (const id of ['d', 'e', 'f']) scene.wait(id)
  scene.dependencies.inFlight.default = 7

  const gauges = {
    ready: 3,
    inFlight: { default: 7, fallback: 0 },
    byState: { confirming: 2, retry: 1 },
  }
  t.same(gaugesOf(scene), gauges)
  noteGauges(scene)
  t.same(scene.facts, [{ type: 'payments.measured', gauges }])
})
