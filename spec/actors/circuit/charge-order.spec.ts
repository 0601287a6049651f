// What an answer says of now, by when its charge was sent.

import t from 'tap'
import {
  expectedMsOf,
  smoothingOf,
  type ChargeOrder,
  type HealthEvent,
} from '../../../src/actors/circuit/context.ts'
import { SentCharges } from '../../../src/actors/circuit/sent-charges.ts'
import { circuitAfter } from '../../support/circuit-after.ts'
import { SETTINGS } from '../../support/circuit-settings.ts'

const IN_ORDER: ChargeOrder = { isPast: false, overtakenBy: 0, among: 0, ahead: 0 }

function answered(tookMs: number, order: Partial<ChargeOrder>, failed = false): HealthEvent {
  const at = 10_000
  const said = { failed, detail: 'said', tookMs, at, order: { ...IN_ORDER, ...order } }
  return { type: 'attempt.reported', ...said }
}

const ANNOUNCED: HealthEvent = {
  type: 'probe.answered',
  failing: false,
  minResponseMs: 3000,
  at: 1,
}

t.test('what has been overtaken weighs as if it had come in its turn', async (t) => {
  t.same([0, 1, 2].map(smoothingOf), [0.2, 0.2 * 0.8, 0.2 * 0.8 * 0.8])
  t.equal(circuitAfter(answered(1000, {})).context.measuredMs, 200)
  t.equal(
    circuitAfter(answered(1000, { overtakenBy: 1 })).context.measuredMs,
    1000 * smoothingOf(1),
  )
  const all = Array.from({ length: SETTINGS.callsMin - 1 }, () => answered(1000, {}, true))
  const failed = (overtakenBy: number) =>
    circuitAfter(...all, answered(5000, {}), answered(9000, { overtakenBy }, true)).context
      .measuredMs
  const before = circuitAfter(...all, answered(5000, {})).context.measuredMs
  t.ok(Math.abs(failed(1) - before - 0.8 * (failed(0) - before)) < 1e-9, 'a time-out as well')
})

t.test('what was sent before a silence that has ended changes nothing', async (t) => {
  const known = circuitAfter(answered(5, {}))
  for (const failed of [true, false]) {
    const late = Array.from({ length: 50 }, () => answered(8000, { isPast: true }, failed))
    const { value, context } = circuitAfter(answered(5, {}), ...late)
    t.same([value, context], ['closed', known.context])
  }
})

t.test('what is quicker than announced, and was sent later, refutes it', async (t) => {
  const quick = answered(3, {})
  const announcedMs = (...events: readonly HealthEvent[]) =>
    circuitAfter(...events).context.announcedMs
  t.equal(expectedMsOf(circuitAfter(ANNOUNCED).context), 3000)
  t.equal(announcedMs(ANNOUNCED, quick), 3)
  t.ok(Math.abs(expectedMsOf(circuitAfter(ANNOUNCED, quick).context) - (3000 - 0.2 * 2997)) < 1e-9)
  t.equal(announcedMs(ANNOUNCED, answered(3500, {})), 3000)
  t.equal(announcedMs({ ...ANNOUNCED, at: 9_998 }, quick), 3000, 'it was sent before')
  t.equal(announcedMs({ ...ANNOUNCED, at: 9_997 }, quick), 3)
})

t.test('an announcement that says the same as the last one is no news', async (t) => {
  const quick = Array.from({ length: 30 }, () => answered(3, {}))
  const again = { ...ANNOUNCED, at: 20_000 }
  const other = { ...again, minResponseMs: 2999 }
  t.ok(expectedMsOf(circuitAfter(ANNOUNCED, ...quick, again).context) < 10, 'it was refuted')
  t.equal(expectedMsOf(circuitAfter(ANNOUNCED, ...quick, other).context), 2999)

  const none = { ...ANNOUNCED, minResponseMs: 0 }
  const slow = Array.from({ length: 30 }, () => answered(4000, {}))
  const known = circuitAfter(none, ...slow).context
  t.equal(circuitAfter(none, ...slow, { ...none, at: 20_000 }).context.measuredMs, known.measuredMs)
  t.equal(circuitAfter(ANNOUNCED, ...slow, { ...none, at: 20_000 }).context.measuredMs, 0)
  t.match(circuitAfter(none, { ...none, at: 20_000 }).context, {
    probedAt: 20_000,
    usableAt: 20_000,
  })
})

t.test('no announcement is believed beyond ten seconds', async (t) => {
  const { context } = circuitAfter({ ...ANNOUNCED, minResponseMs: 1e308 })
  t.match(context, { announcedMs: 10_000, measuredMs: 10_000 })
})

t.test('charges know what has overtaken them, and what is past', async (t) => {
  const charges = new SentCharges(16)
  const [first, second, third, fourth] = [1000, 1010, 1015, 1020].map((at) => charges.sent(at, 0))
  const order = (number = 0) => charges.orderOf(number, 1021)
  const settle = (number = 0): void => {
    const known = order(number)
    charges.answered(number, true)
    charges.settled(number, 5, known)
  }

  t.match(order(first), { isPast: false, overtakenBy: 0 })
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
  t.match(order(trial), { isPast: false })
  settle(trial)
  t.equal(order(first).isPast, true)
})

t.test('charges know how many were out with them, without what hangs', async (t) => {
  const charges = new SentCharges(4)
  const [first = 0, second = 0] = [1000, 1010].map((at) => charges.sent(at, 0))
  const amongOf = (number: number): number => charges.orderOf(number, 1020).among
  t.same([amongOf(first), amongOf(second)], [1, 2])

  charges.answered(second, true)
  t.same([amongOf(first), amongOf(second)], [1, 2], 'then, whatever is out now')
  t.equal(amongOf(charges.sent(1020, 0)), 2)
  t.equal(amongOf(charges.tried(2000, 0)), 1, 'two hang')
  charges.sent(2010, 0)
  t.equal(amongOf(first), 0, 'of the latest ones, as many as may be out')
  t.equal(amongOf(second), 2)
})

t.test('ahead of a charge is what was sent before it and has not waited for long', async (t) => {
  const charges = new SentCharges(4)
  const [first = 0, second = 0, third = 0] = [1000, 1100, 1200].map((at) => charges.sent(at, 0))
  const aheadOf = (number: number, longMs: number, now = 1300): number =>
    charges.orderOf(number, now, longMs).ahead

  t.same([aheadOf(first, 500), aheadOf(second, 500), aheadOf(third, 500)], [0, 1, 2])
  t.same([aheadOf(third, 300), aheadOf(third, 299), aheadOf(third, 199)], [2, 1, 0])
  t.equal(charges.orderOf(third, 1300).ahead, 0)
  charges.answered(second, true)
  t.equal(aheadOf(third, 500), 1)
  const trial = charges.tried(1300, 0)
  charges.answered(trial, true)
  t.equal(aheadOf(charges.sent(1310, 0), 500, 1310), 0, 'nor is what is past')
})

t.test('ahead of a charge is nothing that is not known any more', async (t) => {
  const charges = new SentCharges(2)
  for (const at of [1000, 1001, 1002]) charges.sent(at, 0)

  t.equal(charges.orderOf(3, 1003, 500).ahead, 1)
})

t.test('a settlement from before a silence ended says nothing of what is usual', async (t) => {
  const charges = new SentCharges(16)
  const hung = charges.sent(0, 0)
  const trial = charges.tried(1500, 0)
  const known = charges.orderOf(trial, 2000)
  charges.answered(trial, true)
  charges.settled(trial, 5, known)
  t.equal(charges.usualMs, 1)

  charges.settled(hung, 8000, charges.orderOf(hung, 2000))
  t.equal(charges.usualMs, 1)
})

t.test('what was overtaken by sixteen is overtaken by all', async (t) => {
  const charges = new SentCharges(64)
  const first = charges.sent(0, 0)
  for (let number = 0; number < 40; number += 1) {
    const later = charges.sent(0, 0)
    charges.settled(later, 5, charges.orderOf(later, 2000))
  }

  t.equal(charges.orderOf(first, 2000).overtakenBy, 16)
  t.equal(charges.orderOf(20, 2000).overtakenBy, 16, 'the last ones are known')
})

t.test('a late processor is tried once it had time to answer, one of five', async (t) => {
  const charges = new SentCharges(16)
  t.equal(charges.isLateTrialDue(0, 100, 3), false)
  t.equal(charges.isLateTrialDue(0, 100, 4), true, 'one that was never charged')
  charges.sent(1000, 10)
  t.equal(charges.isLateTrialDue(1999, 100, 14), false)
  t.equal(charges.isLateTrialDue(2000, 100, 14), true)
  t.equal(charges.isLateTrialDue(2000, 100, 13), false)
  t.equal(charges.isLateTrialDue(2499, 1500, 99), false)
  t.equal(charges.isLateTrialDue(2500, 1500, 99), true)
  t.equal(charges.isLateTrialDue(2999, 10_000, 99), false)
  t.equal(charges.isLateTrialDue(3000, 10_000, 99), true)
})

/** Ten charges a second until `now`, of which each n-th is still out, and one from before them. */
function lately(now: number, out: number): { readonly charges: SentCharges; readonly old: number } {
  const charges = new SentCharges(256)
  const old = charges.sent(now - 5000, 0)
  for (let at = now - 4000; at <= now; at += 100) {
    const number = charges.sent(at, 0)
    if (number % out === 0) continue
    charges.answered(number, true)
    charges.settled(number, 3, IN_ORDER)
  }
  return { charges, old }
}

t.test(
  'what was overtaken counts in full while some that were sent lately wait as well',
  async (t) => {
    const overtakenBy = (out: number): number => {
      const { charges, old } = lately(10_000, out)
      return charges.orderOf(old, 10_000).overtakenBy
    }
    t.equal(overtakenBy(2), 0, 'every second one')
    t.equal(overtakenBy(5), 0)
    t.equal(overtakenBy(1000), 16, 'none')
  },
)

t.test(
  'only what was sent a quarter of a second to a second before that counts as late',
  async (t) => {
    for (const [sentAgoMs, overtakenBy] of [
      [240, 2],
      [250, 2],
      [251, 0],
      [1250, 0],
      [1251, 2],
    ] as const) {
      const charges = new SentCharges(256)
      const old = charges.sent(0, 0)
      charges.sent(10_000 - sentAgoMs, 0)
      for (let number = 3; number < 5; number += 1) {
        charges.sent(9_900, 0)
        charges.answered(number, true)
        charges.settled(number, 3, IN_ORDER)
      }
      t.equal(charges.orderOf(old, 10_000).overtakenBy, overtakenBy, `${sentAgoMs} ms ago`)
    }
  },
)

t.test('once a late processor was quick the next trial is due, one at a time', async (t) => {
  const charges = new SentCharges(16)
  const settle = (number: number, tookMs: number): void => {
    charges.answered(number, true)
    charges.settled(number, tookMs, IN_ORDER)
  }
  const isDue = () => charges.isLateTrialDue(1100, 3000, 0)
  const first = charges.sent(1000, 0)
  t.equal(isDue(), false)
  settle(first, 1499)
  t.equal(isDue(), true)
  const second = charges.sent(1050, 0)
  t.equal(isDue(), false, 'one at a time')
  settle(first, 3)
  t.equal(isDue(), false, 'the last one decides')
  settle(second, 1500)
  t.equal(isDue(), false)
})

/** A charge each 10 ms until 260 ms ago; of the latest so many are out, of those before all. */
function crowd(kept: number, lateOut: number): SentCharges {
  const charges = new SentCharges(kept)
  const now = 10_000
  for (let number = 1; number <= 100; number += 1) {
    charges.sent(now - 260 - 10 * (100 - number), 0)
    if (number <= 84 || number > 100 - lateOut) continue
    charges.answered(number, true)
    charges.settled(number, 3, IN_ORDER)
  }
  return charges
}

t.test(
  'the sixteen that were sent last, as far as they are known, show what is late',
  async (t) => {
    for (const [kept, lateOut, overtakenBy] of [
      [256, 0, 16],
      [256, 1, 15],
      [256, 2, 0],
      [16, 1, 15],
      [16, 2, 0],
      [8, 1, 0],
    ] as const) {
      const order = crowd(kept, lateOut).orderOf(1, 10_000)
      t.equal(order.overtakenBy, overtakenBy, `${lateOut} of the last, ${kept} known`)
    }
  },
)

t.test('what a single one has overtaken counts in full as well while others wait', async (t) => {
  const charges = new SentCharges(16)
  const old = charges.sent(9_000, 0)
  charges.sent(9_700, 0)
  const later = charges.sent(9_900, 0)
  charges.answered(later, true)
  charges.settled(later, 3, IN_ORDER)

  t.equal(charges.orderOf(old, 10_000).overtakenBy, 0)
})

t.test('what ends after it has been forgotten changes nothing of what is known', async (t) => {
  const charges = crowd(16, 2)
  charges.answered(83, true)
  charges.answered(84, true)
  t.equal(charges.orderOf(1, 10_000).overtakenBy, 0)
})
