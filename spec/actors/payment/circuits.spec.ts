// Processors that take charges and let them wait, as the route sees them.

import t from 'tap'
import { letsThrough } from '../../../src/actors/model/route.ts'
import type { ProcessorName } from '../../../src/actors/model/payment.ts'
import { circuitNow } from '../../../src/actors/payment/circuits.ts'
import { sendCharge } from '../../../src/actors/payment/effects.ts'
import { CIRCUIT, standIns, WORK, type StandIns } from '../../support/payment-dependencies.ts'
import { sampleContext, trying } from '../../support/payment-samples.ts'

/** Attempts of a payment that got no answer before. */
const HUNG = [
  {
    processor: 'default',
    requestedAt: 1,
    reason: 'cheaper',
    outcome: 'inDoubt',
    tookMs: 9,
    detail: '',
  },
] as const

/** Charges a processor, which answers after 3 ms, or never. */
function charge({ dependencies, clock, charges }: StandIns, to: ProcessorName, answers: boolean) {
  sendCharge(dependencies, sampleContext(trying(to)), { send: () => undefined })
  clock.increment(3)
  if (answers) charges.at(-1)?.({ kind: 'settled', detail: '' })
}

t.test('a processor is expected to take as long as it has let charges wait', async (t) => {
  const { dependencies, clock, charges } = standIns()
  const send = (): void =>
    sendCharge(dependencies, sampleContext(trying('default')), { send: () => undefined })
  send()
  clock.increment(100)
  send()
  clock.increment(900)

  t.match(circuitNow(dependencies, 'default'), { expectedMs: 1000, isSilent: true, inFlight: 2 })
  t.match(circuitNow(dependencies, 'fallback'), { expectedMs: 5, isSilent: false })

  charges[1]?.({ kind: 'settled', detail: '' })
  t.match(circuitNow(dependencies, 'default'), { expectedMs: 5, isSilent: false, inFlight: 1 })
})

t.test(
  'a processor that answers nothing is tried again and again, by one charge each',
  async (t) => {
    const facts: unknown[] = []
    const { dependencies, clock, charges } = standIns({
      telemetry: { emit: (fact) => facts.push(fact) },
    })
    const halfOpen = { ...CIRCUIT, ramp: null }
    const getSnapshot = () => ({ value: 'halfOpen', context: halfOpen })
    const circuit = { getSnapshot, send: () => undefined }
    const open = { getSnapshot: () => ({ value: 'open', context: CIRCUIT }), send: () => undefined }
    Object.assign(dependencies.health, { default: circuit, fallback: open })
    const trials: number[] = []
    for (let at = 0; at <= 5_000; at += 50) {
      if (letsThrough(circuitNow(dependencies, 'default'))) {
        trials.push(at)
        t.match(circuitNow(dependencies, 'default'), { expectedMs: at === 0 ? 5 : 0 })
        sendCharge(dependencies, sampleContext(trying('default')), { send: () => undefined })
      }
      clock.increment(50)
    }

    t.same(trials, [0, 1_000, 2_000, 4_000], 'with a limit of one')
    t.same(
      facts,
      [1_000, 2_000, 4_000].map((forMs) => ({
        type: 'processor.silent',
        processor: 'default',
        forMs,
      })),
    )
    t.match(circuitNow(dependencies, 'default'), { inFlight: 1, concurrencyLimit: 1 })
    t.equal(dependencies.inFlight.default, 4)
    clock.increment(1_000)
    const trial = { inFlight: 1, concurrencyLimit: 2, isSilent: false }
    t.match(circuitNow(dependencies, 'default'), trial, 'one more at a time')
    halfOpen.concurrencyLimit = 5
    t.match(circuitNow(dependencies, 'default'), { concurrencyLimit: 5 }, 'not less than otherwise')
    dependencies.inFlight.default = dependencies.settings.concurrency
    const full = { inFlight: dependencies.settings.concurrency, isSilent: true }
    t.match(circuitNow(dependencies, 'default'), full, 'all count where none may be sent')
    dependencies.inFlight.default = 4
    halfOpen.concurrencyLimit = 1
    charges[3]?.({ kind: 'settled', detail: '' })
    t.equal(letsThrough(circuitNow(dependencies, 'default')), true, 'though three still hang')
    t.match(circuitNow(dependencies, 'default'), { expectedMs: 5, isSilent: false })
  },
)

/** Charges `default` every 20 ms, which answers each tenth of them; until `toMs`. */
function chargeOfTenOne({ dependencies, clock, charges }: StandIns, toMs: number): void {
  for (let at = 0; at < toMs; at += 20) {
    if (letsThrough(circuitNow(dependencies, 'default'))) {
      sendCharge(dependencies, sampleContext(trying('default')), { send: () => undefined })
      if (charges.length % 10 === 0) charges.at(-1)?.({ kind: 'settled', detail: '' })
    }
    clock.increment(20)
  }
}

t.test('a processor that lets nine of ten charges wait is silent, and tried', async (t) => {
  const stand = standIns()
  const { dependencies, clock, charges } = stand
  chargeOfTenOne(stand, 1_000)

  t.equal(charges.length, 17, 'as many as were sent until four of them were overdue')
  t.match(circuitNow(dependencies, 'default'), { isSilent: true, expectedMs: 800 })
  clock.increment(400)
  t.match(circuitNow(dependencies, 'default'), { isSilent: false, expectedMs: 0, inFlight: 16 })
  sendCharge(dependencies, sampleContext(trying('default')), { send: () => undefined })
  t.match(circuitNow(dependencies, 'default'), { isSilent: true })
  clock.increment(251)
  charges.at(-1)?.({ kind: 'inDoubt', detail: 'timeout' })
  t.match(circuitNow(dependencies, 'default'), { isSilent: true })
  clock.increment(1_000)
  sendCharge(dependencies, sampleContext(trying('default')), { send: () => undefined })
  charges.at(-1)?.({ kind: 'settled', detail: '' })
  t.match(circuitNow(dependencies, 'default'), { isSilent: false }, 'it works again')
})

t.test('where few payments come, few of them are sent into a silence, none twice', async (t) => {
  const stand = standIns()
  const { dependencies, clock } = stand
  charge(stand, 'default', false)
  clock.increment(2_000)
  const mayTry = (): boolean => letsThrough(circuitNow(dependencies, 'default'))
  const mayTryAgain = (): boolean => letsThrough(circuitNow(dependencies, 'default', HUNG))
  t.same([mayTry(), mayTryAgain()], [true, false])
  charge(stand, 'default', false)
  clock.increment(2_000)
  charge(stand, 'fallback', true)
  t.equal(mayTry(), false, 'two of the next ones go elsewhere')
  charge(stand, 'fallback', true)
  t.same([mayTry(), mayTryAgain()], [true, false])

  charge(stand, 'default', false)
  clock.increment(2_000)
  t.same([mayTry(), mayTryAgain()], [false, false])
  charge(stand, 'fallback', false)
  clock.increment(300)
  t.same([mayTry(), mayTryAgain()], [true, true], 'the other one is silent as well')
})

t.test('a payment is sent into a silence again while the other circuit is open', async (t) => {
  const stand = standIns()
  const { dependencies, clock } = stand
  charge(stand, 'default', false)
  clock.increment(2_000)
  const mayTryAgain = (): boolean => letsThrough(circuitNow(dependencies, 'default', HUNG))
  t.equal(mayTryAgain(), false)
  const getSnapshot = () => ({ value: 'open', context: CIRCUIT })
  Object.assign(dependencies.health, { fallback: { getSnapshot, send: () => undefined } })

  t.equal(mayTryAgain(), true)
})

t.test('a payment that has hung at both may be sent into a silence', async (t) => {
  const stand = standIns()
  const { dependencies, clock } = stand
  charge(stand, 'default', false)
  clock.increment(2_000)
  const [hung] = HUNG

  t.equal(letsThrough(circuitNow(dependencies, 'default', HUNG)), false)
  const atBoth = [hung, { ...hung, processor: 'fallback' as const }]
  t.equal(letsThrough(circuitNow(dependencies, 'default', atBoth)), true)
})

t.test('time-outs and announcements change no patience with what it settles', async (t) => {
  const stand = standIns()
  const { dependencies, clock, charges } = stand
  for (let number = 0; number < 30; number += 1) {
    sendCharge(dependencies, sampleContext(trying('default')), { send: () => undefined })
    clock.increment(400)
    charges.at(-1)?.({ kind: 'settled', detail: '' })
  }
  // Smoothed, the 400 ms that it takes are a little less.
  for (const [measuredMs, announcedMs, silentAfterMs] of [
    [8000, 0, 1198],
    [0, 0, 1198],
    [0, 700, 2100],
  ] as const) {
    const context = { ...CIRCUIT, measuredMs, announcedMs }
    const getSnapshot = () => ({ value: 'closed', context })
    Object.assign(dependencies.health, { default: { getSnapshot, send: () => undefined } })
    sendCharge(dependencies, sampleContext(trying('default')), { send: () => undefined })
    clock.increment(silentAfterMs)
    t.match(circuitNow(dependencies, 'default', HUNG), { isSilent: false })
    clock.increment(1)
    const { isSilent, expectedMs } = circuitNow(dependencies, 'default', HUNG)
    t.same([isSilent, expectedMs], [true, Math.max(measuredMs, silentAfterMs + 1)])
    charges.at(-1)?.({ kind: 'failed', detail: '' })
  }
})

t.test('a trial expects an answer as soon as usual, whatever timed out before', async (t) => {
  const { dependencies, clock } = standIns()
  const context = { ...CIRCUIT, measuredMs: 8000, announcedMs: 7 }
  const getSnapshot = () => ({ value: 'closed', context })
  Object.assign(dependencies.health, { default: { getSnapshot, send: () => undefined } })
  sendCharge(dependencies, sampleContext(trying('default')), { send: () => undefined })
  clock.increment(1_000)

  const trial = { isSilent: false, expectedMs: 7, isTrialDue: true }
  t.match(circuitNow(dependencies, 'default'), trial)
})

t.test('where few payments come, few of them are trials of a half-open circuit', async (t) => {
  const stand = standIns()
  const { dependencies, clock } = stand
  const { inFlight } = dependencies
  const { getSnapshot: asBefore } = dependencies.health.fallback
  const context = { ...CIRCUIT, ramp: null, failedTrials: 2 }
  const halfOpen = () => ({ value: 'halfOpen', context })
  Object.assign(dependencies.health.default, { getSnapshot: halfOpen })
  Object.assign(dependencies.health, { fallback: { getSnapshot: asBefore, send: () => undefined } })
  const mayTry = (): boolean => letsThrough(circuitNow(dependencies, 'default'))
  charge(stand, 'default', true)
  for (const charged of [0, 1, 2, 3]) {
    t.match(circuitNow(dependencies, 'default'), { state: 'open' }, `${charged} of 4 elsewhere`)
    charge(stand, 'fallback', true)
  }
  t.match(circuitNow(dependencies, 'default'), { state: 'halfOpen' })
  charge(stand, 'default', true)
  t.equal(mayTry(), false)

  clock.increment(29_996)
  t.equal(mayTry(), false)
  clock.increment(1)
  t.equal(mayTry(), true, 'after 30 s in any case')
  charge(stand, 'default', true)
  context.usableAt = clock.now() - 3
  t.equal(mayTry(), false, 'it said that it works, and was tried since')
  context.usableAt += 1
  t.equal(mayTry(), true, 'it says that it works')
  charge(stand, 'default', true)
  context.failedTrials = 0
  t.equal(mayTry(), true, 'no trial has failed since the last good news')
  context.failedTrials = 9
  for (let number = 0; number < 16; number += 1) charge(stand, 'fallback', true)
  t.equal(mayTry(), true, 'sixteen at most')

  charge(stand, 'default', true)
  t.equal(mayTry(), false)
  inFlight.fallback = dependencies.settings.concurrency
  t.equal(mayTry(), true, 'the other one takes no more')
  inFlight.fallback = 0
  for (const value of ['open', 'halfOpen']) {
    const getSnapshot = () => ({ value, context: { ...CIRCUIT, ramp: null } })
    Object.assign(dependencies.health.fallback, { getSnapshot })
    t.equal(mayTry(), true, `the other one is ${value}`)
  }
  Object.assign(dependencies.health.fallback, { getSnapshot: asBefore })
  t.equal(mayTry(), false)
  charge(stand, 'fallback', false)
  clock.increment(300)
  t.equal(mayTry(), true, 'the other one is silent')
})

t.test('a circuit that is half-open has room whatever hangs from before', async (t) => {
  const stand = standIns()
  const { dependencies, clock } = stand
  for (let number = 0; number < 5; number += 1) charge(stand, 'default', false)
  const context = { ...CIRCUIT, triedFrom: clock.now(), ramp: null }
  const getSnapshot = () => ({ value: 'halfOpen', context })
  Object.assign(dependencies.health, { default: { getSnapshot, send: () => undefined } })

  t.match(circuitNow(dependencies, 'default'), { inFlight: 0, concurrencyLimit: 1 })
  charge(stand, 'default', false)
  t.match(circuitNow(dependencies, 'default'), { inFlight: 1, concurrencyLimit: 1 })
})

t.test(
  'as many as may be out that wait for long are a silence, whatever else is heard',
  async (t) => {
    const stand = standIns()
    const { dependencies, clock, charges } = stand
    const context = { ...CIRCUIT, concurrencyLimit: 2 }
    const circuit = { getSnapshot: () => ({ value: 'closed', context }), send: () => undefined }
    Object.assign(dependencies.health, { default: circuit })
    charge(stand, 'default', false)
    charge(stand, 'default', false)
    charge(stand, 'default', false)
    charges.at(-1)?.({ kind: 'refused', detail: 'http 429', isLimited: true })
    const now = () => circuitNow(dependencies, 'default')

    t.match(now(), { isSilent: false, inFlight: 2, concurrencyLimit: 2 })
    clock.increment(300)
    t.match(now(), { isSilent: true })
    context.concurrencyLimit = 3
    t.match(now(), { isSilent: false }, 'one more may be sent')
    context.concurrencyLimit = 2
    Object.assign(circuit, { getSnapshot: () => ({ value: 'heldClosed', context }) })
    t.match(now(), { isSilent: false })
  },
)

t.test('where the other one is full, trials go by time alone', async (t) => {
  const stand = standIns()
  const { dependencies, clock } = stand
  charge(stand, 'default', false)
  clock.increment(1_000)
  charge(stand, 'default', false)
  clock.increment(1_000)
  const context = { ...CIRCUIT, concurrencyLimit: 1 }
  const getSnapshot = () => ({ value: 'closed', context })
  Object.assign(dependencies.health, { fallback: { getSnapshot, send: () => undefined } })

  t.equal(letsThrough(circuitNow(dependencies, 'default')), false, 'the other one takes one more')
  charge(stand, 'fallback', false)
  t.equal(letsThrough(circuitNow(dependencies, 'default')), true)
})

t.test('what an operator holds closed is charged, however silent', async (t) => {
  const stand = standIns()
  const settings = { ...CIRCUIT.settings, concurrency: WORK.concurrency }
  const context = { ...CIRCUIT, settings, failedTrials: 9 }
  const getSnapshot = () => ({ value: 'heldClosed', context })
  Object.assign(stand.dependencies.health, { default: { getSnapshot, send: () => undefined } })

  chargeOfTenOne(stand, 2_000)

  t.equal(stand.charges.length, 100)
})

t.test('charges from before a circuit was last open are no silence of now', async (t) => {
  const stand = standIns()
  const { dependencies, clock } = stand
  chargeOfTenOne(stand, 1_000)
  const context = { ...CIRCUIT, triedFrom: clock.now(), ramp: null }
  const getSnapshot = () => ({ value: 'halfOpen', context })
  Object.assign(dependencies.health, { default: { getSnapshot, send: () => undefined } })

  t.match(circuitNow(dependencies, 'default'), { isSilent: false })
})

t.test('what hangs takes up no room once another one is answered', async (t) => {
  const { dependencies, clock, charges } = standIns()
  const send = (): void =>
    sendCharge(dependencies, sampleContext(trying('default')), { send: () => undefined })
  send()
  clock.increment(1_000)
  send()
  charges[1]?.({ kind: 'settled', detail: '' })
  send()

  t.match(circuitNow(dependencies, 'default'), { state: 'closed', inFlight: 1, isSilent: false })
})

t.test('of a silent processor not more is out than may be in flight', async (t) => {
  const { dependencies, clock } = standIns()
  dependencies.inFlight.default = dependencies.settings.concurrency - 1
  sendCharge(dependencies, sampleContext(trying('default')), { send: () => undefined })
  clock.increment(60_000)

  t.match(circuitNow(dependencies, 'default'), { isSilent: true })
  t.equal(letsThrough(circuitNow(dependencies, 'default')), false)
})
