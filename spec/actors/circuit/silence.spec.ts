// A processor that becomes slow is noticed by what it leaves unanswered.

import t from 'tap'
import { patienceMs, Silence } from '../../../src/actors/circuit/silence.ts'

t.test('silence is as long as the oldest charge has waited', async (t) => {
  const silence = new Silence(4)
  t.equal(silence.lengthAt(50), 0)

  silence.sent(100, 0)
  silence.sent(130, 0)

  t.equal(silence.lengthAt(100), 0)
  t.equal(silence.lengthAt(400), 300)
})

t.test('an answer ends the silence of what was sent before it, and of nothing later', async (t) => {
  const silence = new Silence(4)
  const [first, second, third] = [100, 130, 170].map((at) => silence.sent(at, 0))

  silence.answered(second ?? 0, true)
  t.equal(silence.lengthAt(400), 230, 'a lost charge says nothing once a later one is answered')
  silence.answered(first ?? 0, true)
  t.equal(silence.lengthAt(400), 230, 'nor does its late answer')
  silence.answered(third ?? 0, false)
  t.equal(silence.lengthAt(400), 230, 'a charge that timed out was not heard of')
  silence.answered(silence.sent(200, 0), true)
  t.equal(silence.lengthAt(400), 0)
})

t.test('silence is known for as many charges as may be in flight, over and over', async (t) => {
  const silence = new Silence(3)
  for (let at = 0; at < 20; at += 1) {
    const number = silence.sent(at, 0)
    silence.sent(at + 0.25, 0)
    const last = silence.sent(at + 0.5, 0)
    t.equal(silence.lengthAt(at + 1), 1)
    silence.answered(number, true)
    t.equal(silence.lengthAt(at + 1), 0.75)
    silence.answered(last, true)
    t.equal(silence.lengthAt(at + 1), 0)
    silence.answered(number + 1, true)
  }
})

/** When trials are due of a silence since 0, until 12 s later; charges elsewhere come at this rate. */
function trialsOf(silence: Silence, perSecond: number): readonly number[] {
  const trials: number[] = []
  for (let at = 250; at <= 12_000; at += 50) {
    const elsewhere = (perSecond * at) / 1000
    if (!silence.isTrialDue(at, elsewhere)) continue
    trials.push(at)
    silence.tried(at, Math.min(elsewhere, 1000))
  }
  return trials
}

/** One that has not answered what was sent at 0 and 250. */
function silent(): Silence {
  const silence = new Silence(16)
  silence.sent(0, 0)
  silence.sent(250, 0)
  return silence
}

t.test('a silence is tried a second after the last charge, then more seldom', async (t) => {
  const every = [1250, 2500, 4500, 6500, 8500, 10_500]
  t.same(trialsOf(silent(), Number.POSITIVE_INFINITY), every)
  t.same(trialsOf(silent(), 100), every)
})

t.test('where few payments come, fewer and fewer of them are sent into a silence', async (t) => {
  t.same(trialsOf(silent(), 1), [1250, 3250, 7250])
  t.same(trialsOf(silent(), 0.1), [1250])
  const silence = silent()
  for (let trial = 0; trial < 10; trial += 1) silence.tried(10_000, 0)
  t.equal(silence.isTrialDue(20_000, 15), false)
  t.equal(silence.isTrialDue(20_000, 16), true, 'but one of so many')
})

t.test('whoever is heard of, the next silence is tried as soon', async (t) => {
  const silence = silent()
  const trial = silence.tried(1250, 0)
  silence.tried(3250, 5)
  t.equal(silence.isTrialDue(9000, 5), false)

  silence.answered(trial, true)
  silence.sent(7000, 0)

  t.equal(silence.isTrialDue(8000, 5), true)
})

t.test('what is out when a silence is tried hangs until it is answered', async (t) => {
  const silence = new Silence(16)
  const first = silence.sent(0, 0)
  const second = silence.sent(0, 0)
  t.equal(silence.hanging, 0)
  const trial = silence.tried(1500, 0)
  t.equal(silence.hanging, 2)

  silence.answered(first, true)
  t.equal(silence.hanging, 1)
  silence.answered(trial, true)
  const next = silence.sent(1600, 0)
  t.equal(silence.hanging, 1, 'nor does it end with the silence')
  silence.answered(next, true)
  silence.answered(second, true)
  t.equal(silence.hanging, 0)
})

t.test('what is out when a circuit becomes half-open hangs as well', async (t) => {
  const silence = new Silence(16)
  silence.answered(silence.sent(0, 0), true)
  silence.sent(1, 0)
  silence.sent(2, 0)

  silence.forget(400)

  t.equal(silence.hanging, 2)
  silence.sent(401, 0)
  t.equal(silence.hanging, 2)
})

t.test('what is usual is the smoothed time of what was settled', async (t) => {
  const silence = new Silence(16)
  t.equal(silence.usualMs, 0)

  for (const tookMs of [100, 200]) {
    const number = silence.sent(0, 0)
    silence.settled(number, tookMs, silence.orderOf(number))
  }

  t.equal(silence.usualMs, 20 + 0.2 * 180)
})

t.test('what was answered before does not hang', async (t) => {
  const silence = new Silence(16)
  silence.answered(silence.sent(0, 0), true)
  t.equal(silence.hanging, 0)

  silence.sent(100, 0)
  silence.tried(1500, 0)

  t.equal(silence.hanging, 1)
})

t.test('at least what is out beyond what was just sent is overdue', async (t) => {
  const silence = new Silence(8)
  t.equal(silence.overdueAt(100, 250), 0)
  const numbers = [0, 10, 20, 30, 300, 310].map((at) => silence.sent(at, 0))

  t.equal(silence.overdueAt(250, 250), 0)
  t.equal(silence.overdueAt(251, 250), 1)
  t.equal(silence.overdueAt(281, 250), 4)
  t.equal(silence.overdueAt(320, 250), 4)
  silence.answered(numbers[0] ?? 0, true)
  t.equal(silence.overdueAt(320, 250), 3)
  silence.answered(numbers[5] ?? 0, true)
  t.equal(silence.overdueAt(320, 250), 2, 'one of those just sent may be out')
  t.equal(silence.overdueAt(561, 250), 4)
  t.equal(silence.overdueAt(561, 600), 0)
})

t.test('of charges on and on, as many as the processor lets wait are overdue', async (t) => {
  const silence = new Silence(8)
  for (let at = 0; at < 1000; at += 10) {
    const number = silence.sent(at, 0)
    if (at >= 60) silence.answered(number, true)
  }

  t.equal(silence.overdueAt(1000, 20), 6 - 2, 'two of them may have been sent in the last 20 ms')
  t.equal(silence.overdueAt(1000, 200), 0, 'all of them may have been')
  t.equal(silence.overdueAt(1100, 20), 6)
})

t.test('what hung is overdue no more once a trial is heard', async (t) => {
  const silence = new Silence(16)
  const hung = [0, 1, 2].map((at) => silence.sent(at, 0))
  const lost = silence.tried(1500, 0)
  silence.answered(lost, false)
  t.equal(silence.overdueAt(2000, 250), 3, 'a trial that timed out says nothing')
  silence.tried(2500, 0)
  const trial = silence.tried(4500, 0)
  t.equal(silence.overdueAt(5000, 250), 5)

  silence.answered(trial, true)

  t.same([silence.overdueAt(5000, 250), silence.lengthAt(5000)], [0, 0])
  silence.answered(hung[0] ?? 0, false)
  t.equal(silence.overdueAt(5000, 250), 0)
  const next = silence.sent(5000, 0)
  t.same([silence.overdueAt(6000, 250), silence.lengthAt(6000)], [1, 1000])
  silence.sent(6000, 0)
  silence.answered(next, true)
  t.equal(silence.overdueAt(7000, 250), 1, 'an answer to no trial forgives nothing')
})

t.test('each silence has its own trials', async (t) => {
  const silence = new Silence(16)
  silence.answered(silence.tried(1000, 0), true)
  const hung = silence.sent(2000, 0)
  silence.sent(2001, 0)

  silence.answered(hung, true)

  t.equal(silence.overdueAt(3000, 250), 1)
})

t.test('what was sent before a circuit was last open says nothing', async (t) => {
  const silence = new Silence(16)
  const hung = silence.sent(0, 0)
  silence.sent(1, 0)
  silence.forget(0)
  t.same([silence.overdueAt(500, 250), silence.lengthAt(500)], [2, 500])

  silence.forget(400)

  t.same([silence.overdueAt(500, 250), silence.lengthAt(500)], [0, 0])
  silence.sent(600, 0)
  silence.forget(400)
  silence.answered(hung, true)
  t.same([silence.overdueAt(1000, 250), silence.lengthAt(1000)], [1, 400])
})

t.test('a silence of more charges than are remembered is at least as old as those', async (t) => {
  const silence = new Silence(2)
  for (let at = 0; at < 5; at += 1) silence.answered(silence.sent(at, 0), false)

  t.equal(silence.count, 5)
  t.equal(silence.lengthAt(10), 10 - 3)
})

t.test('a processor has the more patience the longer it takes otherwise', async (t) => {
  t.equal(patienceMs(5), 250)
  t.equal(patienceMs(1000), 3000)
})
