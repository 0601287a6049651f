import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  backoff,
  CLOCK_DRIFT,
  doubled,
  jittered,
  LOOK_UP_PAUSE_MAX_MS,
  LOOK_UP_PAUSE_MS,
  outlasting,
  TICK_MS,
} from '../../../src/actors/model/settings.ts'

t.test('a settle-by deadline is waited out by a clock that runs fast', async (t) => {
  const durations = fc.integer({ min: 0, max: 600_000 })
  const rates = fc.double({ min: 0.9, max: 1 + CLOCK_DRIFT, noNaN: true })

  fc.assert(
    fc.property(durations, rates, (durationMs, rate) => {
      const passedMs = outlasting(durationMs) / rate
      assert.ok(passedMs >= durationMs - 1e-6, `${passedMs} of ${durationMs}`)
    }),
  )
  t.ok(Number.isInteger(outlasting(1_001)), 'the ledger takes whole milliseconds')
})

t.test('a jittered delay never exceeds its maximum', async (t) => {
  const scattered = (delayMs: number): readonly number[] =>
    [0, 0.5, 1].map((random) => jittered({ delayMs, maxMs: 300 }, () => random))
  const grown = [0, 1, 2, 3, 99].map((step) =>
    backoff({ firstMs: 50, step, maxMs: 300 }, () => 1 - Number.EPSILON),
  )

  t.same(scattered(100), [50, 100, 150])
  t.same(scattered(250), [125, 212.5, 300])
  t.same(scattered(300), [150, 225, 300])
  t.same(grown.map(Math.round), [75, 150, 300, 300, 300])
})

t.test('delays double up to their bound', async (t) => {
  t.same(
    [0, 1, 2, 3, 99].map((step) => doubled(50, step, 300)),
    [50, 100, 200, 300, 300],
  )
  t.equal(doubled(50, Number.MAX_SAFE_INTEGER, 300), 300)
})

t.test('look-ups of a payment in doubt begin 50 ms apart and end 2 s apart', async (t) => {
  t.same(
    [0, 1, 99].map((step) => doubled(LOOK_UP_PAUSE_MS, step, LOOK_UP_PAUSE_MAX_MS)),
    [50, 100, 2_000],
  )
})

t.test('the scheduler runs twenty times a second while nothing else happens', async (t) => {
  t.equal(1_000 / TICK_MS, 20)
})
