import t from 'tap'
import {
  emptyWindow,
  failureDetailsOf,
  ratesOf,
  withEvidence,
} from '../../../src/actors/circuit/window.ts'

t.test('a window knows the share of what failed', async (t) => {
  let window = emptyWindow(0)
  t.same(ratesOf(window), { calls: 0, failureRate: 0, limitedRate: 0 })
  for (const failed of [true, false, true, false]) {
    window = withEvidence(window, { failed, detail: 'said', at: 1 }, 1000)
  }

  t.same(ratesOf(window), { calls: 4, failureRate: 0.5, limitedRate: 0 })
  const tooMany = { failed: true, isLimited: true, detail: 'http 429', at: 1 }
  window = withEvidence(window, tooMany, 1000)
  t.same(ratesOf(window), { calls: 5, failureRate: 0.4, limitedRate: 0.2 })
  window = withEvidence(window, { ...tooMany, at: 600 }, 1000)
  t.match(ratesOf(window), { calls: 6, limitedRate: 2 / 6 }, 'in both halves')
})

t.test('evidence leaves the window after half to all of its length', async (t) => {
  const bad = { failed: true, detail: 'said', at: 0 }
  const good = { failed: false, detail: 'said' }
  const seenAt = (...ats: readonly number[]): number => {
    const first = withEvidence(emptyWindow(0), bad, 1000)
    const window = ats.reduce((window, at) => withEvidence(window, { ...good, at }, 1000), first)
    return ratesOf(window).failureRate
  }

  t.equal(seenAt(499), 1 / 2)
  t.equal(seenAt(999), 1 / 2, 'still in the half before')
  t.equal(seenAt(1000), 0, 'a window of silence is forgotten whole')
  t.equal(seenAt(500, 999), 1 / 3)
  t.equal(seenAt(500, 1000), 0, 'two halves on')
  t.equal(seenAt(600, 1000), 0, 'halves begin by the clock, not by what comes')
  t.equal(seenAt(500, 499), 1 / 3, 'what comes late counts as of now')
})

t.test(
  'evidence stays in the window for half of its length, however old the window is',
  async (t) => {
    const failure = { failed: true, detail: 'said', at: 600 }
    const begun = withEvidence(emptyWindow(0), failure, 1000)

    const later = withEvidence(begun, { ...failure, failed: false, at: 1001 }, 1000)

    t.equal(ratesOf(later).failureRate, 1 / 2)
  },
)

t.test('a window keeps what its latest failures said, the latest last', async (t) => {
  let window = emptyWindow(0)
  for (let number = 1; number <= 30; number += 1) {
    const detail = `http ${500 + number}`
    window = withEvidence(window, { failed: number % 2 === 1, detail, at: number }, 40)
  }

  const kept = [511, 513, 515, 517, 519, 521, 523, 525, 527, 529].map((status) => `http ${status}`)
  t.same(failureDetailsOf(window), kept)
  const later = withEvidence(window, { failed: false, detail: 'http 200', at: 90 }, 40)
  t.same(failureDetailsOf(later), [], 'no longer than they count')
})
