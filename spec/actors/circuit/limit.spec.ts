// Processors that take only so many charges at a time, and refuse what is beyond by 429.

import t from 'tap'
import type { HealthEvent } from '../../../src/actors/circuit/context.ts'
import { limitAt } from '../../../src/actors/circuit/limit.ts'
import { ratesOf } from '../../../src/actors/circuit/window.ts'
import { circuitAfter } from '../../support/circuit-after.ts'
import { SETTINGS } from '../../support/circuit-settings.ts'

const GOOD: HealthEvent = {
  type: 'attempt.reported',
  failed: false,
  detail: 'http 200',
  tookMs: 1,
  at: 20,
}

/** Refused as one too many, with so many others out. */
function tooMany(beside: number, at = 20): HealthEvent {
  return { type: 'attempt.reported', failed: true, detail: 'http 429', tookMs: 1, at, beside }
}

function after(...events: readonly HealthEvent[]) {
  const snapshot = circuitAfter(...events)
  return {
    state: snapshot.value,
    limit: limitAt(snapshot.value, snapshot.context, 20),
    context: snapshot.context,
  }
}

function times(count: number, event: HealthEvent): readonly HealthEvent[] {
  return Array.from({ length: count }, () => event)
}

const HALF_OPEN: readonly HealthEvent[] = [
  { type: 'probe.answered', failing: true, minResponseMs: 1, at: 1 },
  { type: 'cooldown.elapsed', opening: 1, at: 10 },
]

t.test('a closed circuit lets through as many as are out beside one too many', async (t) => {
  const { callsMin, concurrency } = SETTINGS
  t.match(after(...times(callsMin - 1, tooMany(3))), { state: 'closed', limit: concurrency })
  t.match(after(...times(callsMin, tooMany(3))), { state: 'closed', limit: 3 })
  const wider = after(...times(callsMin, tooMany(3)), tooMany(7))
  t.match(wider, { state: 'closed', limit: 3 }, 'never more than before')
  t.match(after(...times(callsMin, tooMany(3)), tooMany(1)), { state: 'closed', limit: 1 })
})

t.test('few refusals of one too many change nothing', async (t) => {
  const { concurrency } = SETTINGS
  t.match(after(...times(10, GOOD), tooMany(3)), { limit: concurrency }, 'one of eleven')
  t.match(after(...times(9, GOOD), tooMany(3)), { limit: 3 }, 'one of ten')
})

t.test('refusals of one too many are no failures, whatever others are', async (t) => {
  const { callsMin } = SETTINGS
  const { state, context } = after(...times(200, tooMany(3)))
  t.same([state, context.failedInARow, context.measuredMs], ['closed', 0, 0])
  t.match(ratesOf(context.window), { calls: 200, failureRate: 0, limitedRate: 1 })

  const failed: HealthEvent = { ...GOOD, failed: true }
  const mixed = after(...times(callsMin - 1, failed), tooMany(3), failed)
  t.equal(mixed.state, 'open', 'nor do they end a row of them')
  t.equal(after(...times(callsMin, failed)).state, 'open')
})

t.test('a single charge that is refused as one too many has failed', async (t) => {
  const { state, context } = after(...times(SETTINGS.callsMin, tooMany(0)))

  t.equal(state, 'open')
  t.match(context.cause, /http 429/)
  t.equal(after(...HALF_OPEN, tooMany(0)).state, 'open')
})

t.test('a narrowed circuit takes one more per answer of as many as may be out', async (t) => {
  const { callsMin, concurrency } = SETTINGS
  const narrow = times(callsMin, tooMany(2))
  t.equal(after(...narrow, GOOD).limit, 2)
  t.equal(after(...narrow, GOOD, GOOD).limit, 2)
  t.equal(after(...narrow, ...times(3, GOOD)).limit, 3)
  const failed: HealthEvent = { ...GOOD, failed: true }
  t.equal(after(...narrow, ...times(3, failed)).limit, 2, 'failures widen nothing')
  t.equal(after(...narrow, ...times(500, GOOD)).limit, concurrency)
})

t.test('a narrowed circuit takes as many as were taken in a row', async (t) => {
  const { callsMin } = SETTINGS
  const narrow = times(callsMin, tooMany(2))
  t.match(after(...narrow, ...times(6, GOOD)), { limit: 6, context: { takenInARow: 6 } })
  t.equal(after(...narrow, ...times(7, GOOD)).limit, 7)
  const refused = after(...narrow, ...times(7, GOOD), tooMany(5), GOOD)
  t.match(refused, { limit: 5, context: { takenInARow: 1 } })
  const failed = after(...narrow, ...times(6, GOOD), { ...GOOD, failed: true }, GOOD)
  t.match(failed, { limit: 7, context: { takenInARow: 7 } }, 'failures end no row')
})

t.test(
  'as many as were out with one that was settled are not too many, unless it is old',
  async (t) => {
    const { callsMin, concurrency } = SETTINGS
    const narrow = times(callsMin, tooMany(2))
    const order = { isPast: false, overtakenBy: 15, among: 6, ahead: 0 }
    t.equal(after(...narrow, { ...GOOD, order }).limit, 6)
    t.equal(after(...narrow, { ...GOOD, order: { ...order, overtakenBy: 16 } }).limit, 2)
    t.equal(after(...narrow, { ...GOOD, order: { ...order, among: 1 } }).limit, 2)
    t.equal(after(...narrow, { ...GOOD, order: { ...order, among: 99 } }).limit, concurrency)
    t.equal(after(...narrow, { ...GOOD, failed: true, order }).limit, 2)
  },
)

t.test('a half-open circuit whose processor takes some is closed, for so many', async (t) => {
  const works = [...HALF_OPEN, GOOD]
  t.match(after(...works), { state: 'halfOpen', limit: 2 })
  const { callsMin } = SETTINGS
  const still = after(...works, ...times(callsMin - 2, tooMany(5)))
  t.match(still, { state: 'halfOpen', limit: 2 })
  const closed = after(...works, ...times(callsMin - 1, tooMany(2)))
  t.match(closed, { state: 'closed', limit: 2 })
  t.match(ratesOf(closed.context.window), { calls: callsMin }, 'and knows why')
  t.match(closed.context, { cause: 'attempts succeed', failedTrials: 0 })
})
