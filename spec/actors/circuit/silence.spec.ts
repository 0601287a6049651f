// A processor that becomes slow is noticed by what it leaves unanswered.

import t from 'tap'
import { createSilence, isSilence } from '../../../src/actors/circuit/silence.ts'

t.test('silence is as long as the oldest charge has waited', async (t) => {
  const silence = createSilence(4)
  t.equal(silence.lengthAt(50), 0)

  silence.sent(100)
  silence.sent(130)

  t.equal(silence.lengthAt(100), 0)
  t.equal(silence.lengthAt(400), 300)
})

t.test('an answer ends the silence of what was sent before it, and of nothing later', async (t) => {
  const silence = createSilence(4)
  const [first, second, third] = [100, 130, 170].map((at) => silence.sent(at))

  silence.answered(second ?? 0)
  t.equal(silence.lengthAt(400), 230, 'a lost charge says nothing once a later one is answered')
  silence.answered(first ?? 0)
  t.equal(silence.lengthAt(400), 230, 'nor does its late answer')
  silence.answered(third ?? 0)
  t.equal(silence.lengthAt(400), 0)
})

t.test('silence is known for as many charges as may be in flight, over and over', async (t) => {
  const silence = createSilence(3)
  for (let at = 0; at < 20; at += 1) {
    const number = silence.sent(at)
    silence.sent(at + 0.25)
    const last = silence.sent(at + 0.5)
    t.equal(silence.lengthAt(at + 1), 1)
    silence.answered(number)
    t.equal(silence.lengthAt(at + 1), 0.75)
    silence.answered(last)
    t.equal(silence.lengthAt(at + 1), 0)
  }
})

t.test('a silence is tried a second after the last charge, then more seldom', async (t) => {
  const silence = createSilence(16)
  t.equal(silence.isTrialDue(5000, 5), false, 'nothing is out')
  silence.sent(0)
  const last = silence.sent(250)
  const trials: number[] = []
  for (let at = 250; at <= 12_000; at += 50) {
    if (!silence.isTrialDue(at, 5)) continue
    trials.push(at)
    silence.sent(at, true)
  }

  t.same(trials, [1250, 2500, 4500, 6500, 8500, 10_500])
  silence.answered(last + trials.length)
  t.equal(silence.isTrialDue(30_000, 5), false, 'an answer ends it')
})

t.test(
  'a processor that usually takes as long is not silent, however seldom it is charged',
  async (t) => {
    const silence = createSilence(16)
    silence.sent(0)

    t.equal(silence.isTrialDue(1500, 500), false)
    t.equal(silence.isTrialDue(1501, 500), true)
  },
)

t.test('what is out when a silence is tried hangs until it is answered', async (t) => {
  const silence = createSilence(16)
  const first = silence.sent(0)
  const second = silence.sent(0)
  t.equal(silence.hanging(), 0)
  const trial = silence.sent(1500, true)
  t.equal(silence.hanging(), 2)

  silence.answered(first)
  t.equal(silence.hanging(), 1)
  silence.answered(trial)
  const next = silence.sent(1600)
  t.equal(silence.hanging(), 1, 'nor does it end with the silence')
  silence.answered(next)
  silence.answered(second)
  t.equal(silence.hanging(), 0)
})

t.test('what was answered before does not hang', async (t) => {
  const silence = createSilence(16)
  silence.answered(silence.sent(0))
  t.equal(silence.hanging(), 0)

  silence.sent(100)
  silence.sent(1500, true)

  t.equal(silence.hanging(), 1)
})

t.test('it is a silence when it is long, for this processor', async (t) => {
  t.equal(isSilence(250, 5), false)
  t.equal(isSilence(251, 5), true)
  t.equal(isSilence(3000, 1000), false)
  t.equal(isSilence(3001, 1000), true)
})
