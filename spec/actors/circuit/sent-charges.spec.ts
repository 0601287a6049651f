// A processor that becomes slow is noticed by what it leaves unanswered.

import t from 'tap'
import { patienceMs, SentCharges } from '../../../src/actors/circuit/sent-charges.ts'

t.test('charges is as long as the oldest charge has waited', async (t) => {
  const charges = new SentCharges(4)
  t.equal(charges.lengthAt(50), 0)

  charges.sent(100, 0)
  charges.sent(130, 0)

  t.equal(charges.lengthAt(100), 0)
  t.equal(charges.lengthAt(400), 300)
})

t.test('an answer ends the charges of what was sent before it, and of nothing later', async (t) => {
  const charges = new SentCharges(4)
  const [first, second, third] = [100, 130, 170].map((at) => charges.sent(at, 0))

  charges.answered(second ?? 0, true)
  t.equal(charges.lengthAt(400), 230, 'a lost charge says nothing once a later one is answered')
  charges.answered(first ?? 0, true)
  t.equal(charges.lengthAt(400), 230, 'nor does its late answer')
  charges.answered(third ?? 0, false)
  t.equal(charges.lengthAt(400), 230, 'a charge that timed out was not heard of')
  charges.answered(charges.sent(200, 0), true)
  t.equal(charges.lengthAt(400), 0)
})

t.test('charges is known for as many charges as may be in flight, over and over', async (t) => {
  const charges = new SentCharges(3)
  for (let at = 0; at < 20; at += 1) {
    const number = charges.sent(at, 0)
    charges.sent(at + 0.25, 0)
    const last = charges.sent(at + 0.5, 0)
    t.equal(charges.lengthAt(at + 1), 1)
    charges.answered(number, true)
    t.equal(charges.lengthAt(at + 1), 0.75)
    charges.answered(last, true)
    t.equal(charges.lengthAt(at + 1), 0)
    charges.answered(number + 1, true)
  }
})

/** When trials are due of a silence since 0, until 12 s later; charges elsewhere come at this rate. */
function trialsOf(charges: SentCharges, perSecond: number): readonly number[] {
  const trials: number[] = []
  for (let at = 250; at <= 12_000; at += 50) {
    const elsewhere = (perSecond * at) / 1000
    if (!charges.isTrialDue(at, elsewhere)) continue
    trials.push(at)
    charges.tried(at, Math.min(elsewhere, 1000))
  }
  return trials
}

/** One that has not answered what was sent at 0 and 250. */
function silent(): SentCharges {
  const charges = new SentCharges(16)
  charges.sent(0, 0)
  charges.sent(250, 0)
  return charges
}

t.test('a silence is tried a second after the last charge, then more seldom', async (t) => {
  const every = [1250, 2500, 4500, 6500, 8500, 10_500]
  t.same(trialsOf(silent(), Number.POSITIVE_INFINITY), every)
  t.same(trialsOf(silent(), 100), every)
})

t.test('where few payments come, fewer and fewer of them are sent into a silence', async (t) => {
  t.same(trialsOf(silent(), 1), [1250, 3250, 7250])
  t.same(trialsOf(silent(), 0.1), [1250])
  const charges = silent()
  for (let trial = 0; trial < 10; trial += 1) charges.tried(10_000, 0)
  t.equal(charges.isTrialDue(20_000, 15), false)
  t.equal(charges.isTrialDue(20_000, 16), true, 'but one of so many')
})

t.test('whoever is heard of, the next charges is tried as soon', async (t) => {
  const charges = silent()
  const trial = charges.tried(1250, 0)
  charges.tried(3250, 5)
  t.equal(charges.isTrialDue(9000, 5), false)

  charges.answered(trial, true)
  charges.sent(7000, 0)

  t.equal(charges.isTrialDue(8000, 5), true)
})

t.test('what is out when a silence is tried hangs until it is answered', async (t) => {
  const charges = new SentCharges(16)
  const first = charges.sent(0, 0)
  const second = charges.sent(0, 0)
  t.equal(charges.hanging, 0)
  const trial = charges.tried(1500, 0)
  t.equal(charges.hanging, 2)

  charges.answered(first, true)
  t.equal(charges.hanging, 1)
  charges.answered(trial, true)
  const next = charges.sent(1600, 0)
  t.equal(charges.hanging, 1, 'nor does it end with the charges')
  charges.answered(next, true)
  charges.answered(second, true)
  t.equal(charges.hanging, 0)
})

t.test('what is out when a circuit becomes half-open hangs as well', async (t) => {
  const charges = new SentCharges(16)
  charges.answered(charges.sent(0, 0), true)
  charges.sent(1, 0)
  charges.sent(2, 0)

  charges.forget(400)

  t.equal(charges.hanging, 2)
  charges.sent(401, 0)
  t.equal(charges.hanging, 2)
})

t.test('what is usual is the smoothed time of what was settled', async (t) => {
  const charges = new SentCharges(16)
  t.equal(charges.usualMs, 0)

  for (const tookMs of [100, 200]) {
    const number = charges.sent(0, 0)
    charges.settled(number, tookMs, charges.orderOf(number, 0))
  }

  t.equal(charges.usualMs, 20 + 0.2 * 180)
})

t.test('what was answered before does not hang', async (t) => {
  const charges = new SentCharges(16)
  charges.answered(charges.sent(0, 0), true)
  t.equal(charges.hanging, 0)

  charges.sent(100, 0)
  charges.tried(1500, 0)

  t.equal(charges.hanging, 1)
})

t.test('at least what is out beyond what was just sent is overdue', async (t) => {
  const charges = new SentCharges(8)
  t.equal(charges.overdueAt(100, 250), 0)
  const numbers = [0, 10, 20, 30, 300, 310].map((at) => charges.sent(at, 0))

  t.equal(charges.overdueAt(250, 250), 0)
  t.equal(charges.overdueAt(251, 250), 1)
  t.equal(charges.overdueAt(281, 250), 4)
  t.equal(charges.overdueAt(320, 250), 4)
  charges.answered(numbers[0] ?? 0, true)
  t.equal(charges.overdueAt(320, 250), 3)
  charges.answered(numbers[5] ?? 0, true)
  t.equal(charges.overdueAt(320, 250), 2, 'one of those just sent may be out')
  t.equal(charges.overdueAt(561, 250), 4)
  t.equal(charges.overdueAt(561, 600), 0)
})

t.test('of charges on and on, as many as the processor lets wait are overdue', async (t) => {
  const charges = new SentCharges(8)
  for (let at = 0; at < 1000; at += 10) {
    const number = charges.sent(at, 0)
    if (at >= 60) charges.answered(number, true)
  }

  t.equal(charges.overdueAt(1000, 20), 6 - 2, 'two of them may have been sent in the last 20 ms')
  t.equal(charges.overdueAt(1000, 200), 0, 'all of them may have been')
  t.equal(charges.overdueAt(1100, 20), 6)
})

t.test('what hung is overdue no more once a trial is heard', async (t) => {
  const charges = new SentCharges(16)
  const hung = [0, 1, 2].map((at) => charges.sent(at, 0))
  const lost = charges.tried(1500, 0)
  charges.answered(lost, false)
  t.equal(charges.overdueAt(2000, 250), 3, 'a trial that timed out says nothing')
  charges.tried(2500, 0)
  const trial = charges.tried(4500, 0)
  t.equal(charges.overdueAt(5000, 250), 5)

  charges.answered(trial, true)

  t.same([charges.overdueAt(5000, 250), charges.lengthAt(5000)], [0, 0])
  charges.answered(hung[0] ?? 0, false)
  t.equal(charges.overdueAt(5000, 250), 0)
  const next = charges.sent(5000, 0)
  t.same([charges.overdueAt(6000, 250), charges.lengthAt(6000)], [1, 1000])
  charges.sent(6000, 0)
  charges.answered(next, true)
  t.equal(charges.overdueAt(7000, 250), 1, 'an answer to no trial forgives nothing')
})

t.test('each charges has its own trials', async (t) => {
  const charges = new SentCharges(16)
  charges.answered(charges.tried(1000, 0), true)
  const hung = charges.sent(2000, 0)
  charges.sent(2001, 0)

  charges.answered(hung, true)

  t.equal(charges.overdueAt(3000, 250), 1)
})

t.test('what was sent before a circuit was last open says nothing', async (t) => {
  const charges = new SentCharges(16)
  const hung = charges.sent(0, 0)
  charges.sent(1, 0)
  charges.forget(0)
  t.same([charges.overdueAt(500, 250), charges.lengthAt(500)], [2, 500])

  charges.forget(400)

  t.same([charges.overdueAt(500, 250), charges.lengthAt(500)], [0, 0])
  charges.sent(600, 0)
  charges.forget(400)
  charges.answered(hung, true)
  t.same([charges.overdueAt(1000, 250), charges.lengthAt(1000)], [1, 400])
})

t.test('a silence of more charges than are remembered is at least as old as those', async (t) => {
  const charges = new SentCharges(2)
  for (let at = 0; at < 5; at += 1) charges.answered(charges.sent(at, 0), false)

  t.equal(charges.count, 5)
  t.equal(charges.lengthAt(10), 10 - 3)
})

t.test('a processor has the more patience the longer it takes otherwise', async (t) => {
  t.equal(patienceMs(5), 250)
  t.equal(patienceMs(1000), 3000)
})
