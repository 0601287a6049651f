// What an answer says of now, by when its charge was sent.

import t from 'tap'
import { initialTransition, transition } from 'xstate'
import {
  expectedMsOf,
  smoothingOf,
  type ChargeOrder,
  type HealthEvent,
} from '../../../src/actors/circuit/context.ts'
import { processorHealthMachine } from '../../../src/actors/circuit/processor-health.machine.ts'
import { SentCharges } from '../../../src/actors/circuit/sent-charges.ts'
import { SETTINGS } from '../../support/circuit-settings.ts'

const IN_ORDER: ChargeOrder = { isPast: false, overtakenBy: 0, isAfterPause: false }

function answered(tookMs: number, order: Partial<ChargeOrder>, failed = false): HealthEvent {
  const at = 10_000
  const said = { failed, detail: 'said', tookMs, at, order: { ...IN_ORDER, ...order } }
  return { type: 'attempt.reported', ...said }
}

function after(...events: readonly HealthEvent[]) {
  const input = { processor: 'default', settings: SETTINGS, now: 0 } as const
  let [snapshot] = initialTransition(processorHealthMachine, input)
  for (const event of events) [snapshot] = transition(processorHealthMachine, snapshot, event)
  return snapshot
}

const ANNOUNCED: HealthEvent = {
  type: 'probe.answered',
  failing: false,
  minResponseMs: 3000,
  at: 1,
}

t.test('what has been overtaken weighs as if it had come in its turn', async (t) => {
  t.same([0, 1, 2].map(smoothingOf), [0.2, 0.2 * 0.8, 0.2 * 0.8 * 0.8])
  t.equal(after(answered(1000, {})).context.measuredMs, 200)
  t.equal(after(answered(1000, { overtakenBy: 1 })).context.measuredMs, 1000 * smoothingOf(1))
  const all = Array.from({ length: SETTINGS.callsMin - 1 }, () => answered(1000, {}, true))
  const failed = (overtakenBy: number) =>
    after(...all, answered(5000, {}), answered(9000, { overtakenBy }, true)).context.measuredMs
  const before = after(...all, answered(5000, {})).context.measuredMs
  t.ok(Math.abs(failed(1) - before - 0.8 * (failed(0) - before)) < 1e-9, 'a time-out as well')
})

t.test('what was sent before a silence that has ended changes nothing', async (t) => {
  const known = after(answered(5, {}))
  for (const failed of [true, false]) {
    const late = Array.from({ length: 50 }, () => answered(8000, { isPast: true }, failed))
    const { value, context } = after(answered(5, {}), ...late)
    t.same([value, context], ['closed', known.context])
  }
})

t.test('the first charge after a pause that is quicker says how quick it is now', async (t) => {
  const slow = Array.from({ length: 30 }, () => answered(4000, {}))
  const quick = after(...slow, answered(3, { isAfterPause: true }))
  t.equal(quick.context.measuredMs, 3)
  const slower = after(answered(3, { isAfterPause: true }), answered(4000, { isAfterPause: true }))
  t.ok(slower.context.measuredMs < 1000, 'a slow one is one of many')
})

t.test('what is quicker than announced, and was sent later, is believed', async (t) => {
  const trial = answered(3, { isAfterPause: true })
  t.equal(expectedMsOf(after(ANNOUNCED).context), 3000)
  t.equal(expectedMsOf(after(ANNOUNCED, trial).context), 3)
  t.equal(after(ANNOUNCED, answered(3, {})).context.announcedMs, 3)
  t.equal(after(ANNOUNCED, answered(3500, {})).context.announcedMs, 3000)
  const sentBefore = { ...ANNOUNCED, at: 9_998 }
  t.equal(after(sentBefore, trial).context.announcedMs, 3000, 'it was sent before')
  t.equal(after({ ...ANNOUNCED, at: 9_997 }, trial).context.announcedMs, 3)
})

t.test('no announcement is believed beyond ten seconds', async (t) => {
  const { context } = after({ ...ANNOUNCED, minResponseMs: 1e308 })
  t.match(context, { announcedMs: 10_000, measuredMs: 10_000 })
})

t.test('charges know what has overtaken them, a pause before them, and what is past', async (t) => {
  const charges = new SentCharges(16)
  const [first, second, third, fourth] = [0, 10, 20, 1020].map((at) => charges.sent(at, 0))
  const order = (number = 0) => charges.orderOf(number)
  const settle = (number = 0): void => {
    const known = order(number)
    charges.answered(number, true)
    charges.settled(number, 5, known)
  }

  t.same(order(first), IN_ORDER)
  t.same(order(fourth), { ...IN_ORDER, isAfterPause: true })
  t.equal(order(third).isAfterPause, false)
  settle(third)
  t.same(
    [first, second, fourth].map((number) => order(number).overtakenBy),
    [1, 1, 0],
  )
  settle(fourth)
  settle(second)
  t.equal(order(first).overtakenBy, 3)
  t.equal(order(first).isPast, false)

  const trial = charges.tried(2000, 0)
  t.match(order(trial), { isPast: false, isAfterPause: false })
  settle(trial)
  t.equal(order(first).isPast, true)
})

t.test('a settlement from before a silence ended says nothing of what is usual', async (t) => {
  const charges = new SentCharges(16)
  const hung = charges.sent(0, 0)
  const trial = charges.tried(1500, 0)
  const known = charges.orderOf(trial)
  charges.answered(trial, true)
  charges.settled(trial, 5, known)
  t.equal(charges.usualMs, 1)

  charges.settled(hung, 8000, charges.orderOf(hung))
  t.equal(charges.usualMs, 1)
})

t.test('what was overtaken by sixteen is overtaken by all', async (t) => {
  const charges = new SentCharges(64)
  const first = charges.sent(0, 0)
  for (let number = 0; number < 40; number += 1) {
    const later = charges.sent(0, 0)
    charges.settled(later, 5, charges.orderOf(later))
  }

  t.equal(charges.orderOf(first).overtakenBy, 16)
})

t.test('a late processor is tried once it had time to answer, one of five', async (t) => {
  const charges = new SentCharges(16)
  t.equal(charges.isLateTrialDue(0, 100, 3), false)
  t.equal(charges.isLateTrialDue(0, 100, 4), true, 'one that was never charged')
  charges.sent(1000, 10)
  t.equal(charges.isLateTrialDue(1999, 100, 14), false)
  t.equal(charges.isLateTrialDue(2000, 100, 14), true)
  t.equal(charges.isLateTrialDue(2000, 100, 13), false)
  t.equal(charges.isLateTrialDue(3999, 3000, 99), false)
  t.equal(charges.isLateTrialDue(4000, 3000, 99), true)
})
