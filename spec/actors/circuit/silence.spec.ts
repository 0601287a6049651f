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

t.test('it is a silence when it is long, for this processor', async (t) => {
  t.equal(isSilence(250, 5), false)
  t.equal(isSilence(251, 5), true)
  t.equal(isSilence(3000, 1000), false)
  t.equal(isSilence(3001, 1000), true)
})
