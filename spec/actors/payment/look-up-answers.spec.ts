// What a payment in doubt is told by a look-up, and what controls, circuit and telemetry are told.

import t from 'tap'
import {
  ATTEMPT,
  ENDS_AT,
  sampleContext,
  sampleDoubt,
  STAMP,
} from '../../support/payment-samples.ts'
import { standIns, type StandIns } from '../../support/payment-dependencies.ts'
import { sendLookUp } from '../../../src/actors/payment/look-ups.ts'
import type { PaymentContext, PaymentEvent } from '../../../src/actors/payment/context.ts'
import { outlasting } from '../../../src/actors/model/settings.ts'
import type { PaymentDependencies } from '../../../src/actors/payment/effects.ts'

const IN_DOUBT = { unknownOutcomes: [sampleDoubt('default')], attempts: [ATTEMPT] }
const FOUND = { kind: 'found', requestedAt: STAMP, amountCents: 1990 } as const

interface Scene extends StandIns {
  readonly events: PaymentEvent[]
  /** What the controls of both processors were told or asked. */
  readonly said: string[]
  /** Look-ups that wait for a control. */
  readonly begin: (() => void)[]
  readonly facts: unknown[]
  /** What the circuits were told. */
  readonly reports: unknown[]
  /** The payment's slot belongs to another payment from now on. */
  leave(): void
  ask(changes?: Partial<PaymentContext>): void
}

/** Controls that let nobody begin before the spec does, and back whatever they are asked for. */
function setScene(at: number): Scene {
  const said: string[] = []
  const begin: (() => void)[] = []
  const facts: unknown[] = []
  const reports: unknown[] = []
  const events: PaymentEvent[] = []
  let generation = 0
  const controls = {
    noteRecorded: (id: string, instant: number) =>
      said.push(`recorded ${id.slice(0, 4)} ${instant}`),
    distrust: () => said.push('distrust'),
    prepare: () => said.push('prepare'),
    beforeLookUp: (then: () => void) => void begin.push(then),
    judge: (askedAt: number, reply: (proof: 'control') => void) => {
      said.push(`judge ${askedAt}`)
      reply('control')
    },
  }
  const stand = standIns()
  const closed = stand.dependencies.health.default.getSnapshot()
  const health = { getSnapshot: () => closed, send: (report: unknown) => void reports.push(report) }
  const dependencies = {
    ...stand.dependencies,
    controls: { default: controls, fallback: controls },
    health: { default: health, fallback: health },
    telemetry: { emit: (fact: unknown) => void facts.push(fact) },
    generationOf: () => generation,
  } as unknown as PaymentDependencies
  const self = { send: (event: PaymentEvent) => void events.push(event) }
  stand.clock.increment(at)
  return {
    ...stand,
    dependencies,
    said,
    begin,
    facts,
    reports,
    events,
    leave: () => void (generation += 1),
    ask: (changes = {}) =>
      sendLookUp(dependencies, sampleContext({ ...IN_DOUBT, ...changes }), self),
  }
}

t.test('before a doubt can end nothing proves that a payment is missing', async (t) => {
  const scene = setScene(ENDS_AT - 1)
  scene.ask()
  t.same(scene.said, ['prepare'], 'a control is looked for ahead of need')
  scene.clock.increment(1)
  scene.lookUps[0]?.({ kind: 'missing' })

  t.match(scene.events, [{ type: 'lookup.missing', proof: 'none', askedAt: ENDS_AT - 1 }])
  t.same(scene.said, ['prepare'], 'and no control is asked')
})

t.test(
  'once an unknown outcome may end, a look-up waits for a control, and is judged by another',
  async (t) => {
    const scene = setScene(ENDS_AT)
    scene.ask()
    t.equal(scene.lookUps.length, 0)
    scene.begin[0]?.()
    scene.clock.increment(7)
    scene.lookUps[0]?.({ kind: 'missing' })

    t.same(scene.said, [`judge ${ENDS_AT}`], 'by the instant at which it was asked')
    t.match(scene.events, [{ type: 'lookup.missing', proof: 'control', next: { to: 'default' } }])
    t.same([scene.facts, scene.reports], [[], []])
  },
)

t.test('a payment that left while its look-up waited for a control is not asked for', async (t) => {
  const scene = setScene(ENDS_AT)
  scene.ask()
  scene.leave()
  scene.begin[0]?.()

  t.equal(scene.lookUps.length, 0)
})

t.test('an answer to a payment that has left tells the next one in its slot nothing', async (t) => {
  const scene = setScene(0)
  const { lookUpPlaces: places } = scene.dependencies
  scene.ask()
  scene.leave()
  for (const slot of [0, 1]) places.take(slot, [sampleDoubt('default')])

  scene.lookUps[0]?.(FOUND)

  t.same(scene.events, [])
  t.notOk(places.isFree('default'), 'nor does it take its place')
})

t.test('what is found as it was sent settles the payment, and serves as a control', async (t) => {
  const scene = setScene(ENDS_AT)
  scene.ask()
  scene.begin[0]?.()
  scene.clock.increment(7)
  scene.lookUps[0]?.(FOUND)

  t.same(scene.events, [{ type: 'lookup.found', processor: 'default', requestedAt: STAMP }])
  t.same(scene.said, [`recorded 4a79 ${ENDS_AT + 7}`], 'without waiting for a control')
  t.same(scene.facts, [])
})

t.test(
  'what is found with an instant that was never sent is told once, never booked',
  async (t) => {
    const contradiction = { kind: 'instant', amountCents: 1990, requestedAt: STAMP + 1 } as const
    const again = [sampleDoubt('default', { contradiction })]
    const scene = setScene(100)
    scene.ask()
    scene.ask({ unknownOutcomes: again })
    for (const reply of scene.lookUps) reply({ ...FOUND, requestedAt: STAMP + 1 })

    const event = { type: 'lookup.contradicted', processor: 'default', contradiction }
    t.same(scene.events, [event, event])
    t.match(scene.facts, [
      { type: 'payment.contradicted', processor: 'default', amountCents: 1990, contradiction },
    ])
    t.equal(scene.facts.length, 1)
    t.same(scene.said, ['prepare', 'prepare'], 'it is no control')
  },
)

t.test('a foreign answer tells nothing of the payment, and takes the trust away', async (t) => {
  const scene = setScene(0)
  scene.ask()
  scene.ask()
  scene.lookUps[0]?.({ kind: 'failed', detail: '' })
  t.same(scene.said, ['prepare', 'prepare'])
  scene.lookUps[1]?.({ kind: 'foreign', detail: '' })

  const failed = { type: 'lookup.failed', processor: 'default' }
  t.same(scene.events, [failed, failed])
  t.same(scene.said, ['prepare', 'prepare', 'distrust'])
})

t.test('a processor that knew a payment by 422 and has it not fails, and refuses it', async (t) => {
  const scene = setScene(30_000)
  scene.ask({ attempts: [{ ...ATTEMPT, outcome: 'known' }] })
  scene.begin[0]?.()
  scene.clock.increment(7)
  scene.lookUps[0]?.({ kind: 'missing' })

  const { settleByMs } = scene.dependencies.settings
  const sentAt = sampleDoubt('default').settleBy - outlasting(settleByMs)
  const told = { failed: true, detail: 'known, but missing', tookMs: 7, at: 30_007, sentAt }
  t.same(scene.reports, [{ type: 'attempt.reported', ...told }])
  t.match(scene.facts, [
    { type: 'payment.contradicted', processor: 'default', contradiction: { kind: 'absence' } },
  ])
  t.match(scene.events, [
    { type: 'lookup.missing', proof: 'control', askedAt: 30_000, next: { to: 'fallback' } },
  ])
})

t.test('before its doubt can end a payment known by 422 may be missing', async (t) => {
  const scene = setScene(0)
  scene.ask({ attempts: [{ ...ATTEMPT, outcome: 'known' }] })
  scene.lookUps[0]?.({ kind: 'missing' })

  t.same([scene.reports, scene.facts], [[], []])
  t.match(scene.events, [{ type: 'lookup.missing', next: { to: 'default' } }])
})
