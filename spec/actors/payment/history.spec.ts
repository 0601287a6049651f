// Which attempts of a payment are kept, and which processor has denied it.

import t from 'tap'
import {
  countAttempts,
  type Attempt,
  type ProcessorName,
} from '../../../src/actors/model/payment.ts'
import {
  ATTEMPTS_KEPT_MAX,
  deniedBy,
  hasHungAt,
  lastAt,
  roundedMs,
  withAttempt,
} from '../../../src/actors/payment/history.ts'
import { seeded } from '../../support/seeded.ts'

function attempt(processor: ProcessorName, changes: Partial<Attempt> = {}): Attempt {
  const reason = 'cheaper' as const
  return { processor, requestedAt: 1, reason, outcome: 'refused', tookMs: 1, ...changes }
}

function denial(processor: ProcessorName, requestedAt = 1): Attempt {
  return attempt(processor, { outcome: 'denied', requestedAt })
}

/** As many attempts as are kept, each with its number as its instant. */
function many(each: (requestedAt: number) => Attempt): readonly Attempt[] {
  return Array.from({ length: ATTEMPTS_KEPT_MAX }, (_, index) => each(index))
}

t.test('attempts are kept in order, the newest last', async (t) => {
  const [first, second] = [attempt('default'), attempt('fallback')]

  t.same(withAttempt(withAttempt([], first), second), [first, second])
})

t.test('how long an attempt took is kept to the microsecond', async (t) => {
  t.equal(roundedMs(12.3454), 12.345)
  t.equal(roundedMs(12.3456), 12.346)
})

t.test('a denial is kept when older attempts are dropped', async (t) => {
  const newest = attempt('fallback', { requestedAt: 99 })
  const others = many((requestedAt) => attempt('default', { requestedAt }))
  const attempts = [denial('default', 50), ...others.slice(1)]

  const numbered = { ...newest, number: ATTEMPTS_KEPT_MAX + 1 }
  t.same(withAttempt(attempts, newest), [denial('default', 50), ...others.slice(2), numbered])
})

t.test('the number of a payment’s attempts is known when older ones are dropped', async (t) => {
  let attempts: readonly Attempt[] = []

  for (let number = 1; number <= 40; number += 1) {
    attempts = withAttempt(attempts, attempt('default', { requestedAt: number }))
    t.equal(countAttempts(attempts), number)
  }

  t.equal(attempts.length, ATTEMPTS_KEPT_MAX)
  t.same(
    attempts.map(({ number }) => number),
    attempts.map(({ requestedAt }) => requestedAt),
  )
  const underWay = attempt('default', { outcome: 'inFlight' })
  t.equal(countAttempts([...attempts, underWay]), 41, 'with the one under way')
  t.equal(countAttempts([underWay]), 1)
  t.equal(countAttempts([]), 0)
})

t.test('the oldest denial is dropped when nothing but denials is kept', async (t) => {
  const newest = denial('default', 99)
  const denials = many((requestedAt) => denial('default', requestedAt))

  const numbered = { ...newest, number: ATTEMPTS_KEPT_MAX + 1 }
  t.same(withAttempt(denials, newest), [...denials.slice(1), numbered])
})

t.test('who has denied a payment stays known while older attempts are dropped', async (t) => {
  const random = seeded(1)
  for (let walk = 0; walk < 200; walk += 1) {
    const all: Attempt[] = []
    let kept: readonly Attempt[] = []
    for (let number = 1; number <= 60; number += 1) {
      // Mostly in turn: two denials by the same one say as much as one.
      const isTurn = (number % 2 === 0) !== random.onceIn(30)
      const processor = isTurn ? 'default' : 'fallback'
      const next = random.onceIn(4) ? attempt(processor) : denial(processor, number)
      all.push(next)
      kept = withAttempt(kept, next)
      if (deniedBy(kept) !== deniedBy(all)) t.fail(`after ${number} attempts of walk ${walk}`)
    }
    t.equal(kept.at(-1)?.requestedAt, all.at(-1)?.requestedAt)
  }
})

t.test('a payment is denied by one processor, or begins anew after both', async (t) => {
  const [atDefault, atFallback] = [denial('default'), denial('fallback')]

  t.equal(deniedBy([attempt('default'), attempt('fallback', { outcome: 'known' })]), null)
  t.equal(deniedBy([atFallback, attempt('default')]), 'fallback')
  t.equal(deniedBy([atDefault, atDefault]), 'default')
  t.equal(deniedBy([atDefault, atFallback]), null)
  t.equal(deniedBy([atDefault, atFallback, atFallback]), 'fallback', 'once more after that')
})

t.test('a payment was charged last where its newest attempt was', async (t) => {
  t.equal(lastAt([]), null)
  t.equal(lastAt([attempt('default'), attempt('fallback')]), 'fallback')
})

t.test('a payment has hung where a charge of it had no answer that tells', async (t) => {
  const attempts = [attempt('default'), attempt('fallback', { outcome: 'inDoubt' })]

  t.same([hasHungAt(attempts, 'default'), hasHungAt(attempts, 'fallback')], [false, true])
  t.equal(hasHungAt([attempt('default', { outcome: 'failed' })], 'default'), false)
})
