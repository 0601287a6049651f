import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { CLOCK_DRIFT, outlasting } from '../../src/actors/work-settings.ts'

t.test('a horizon is waited out by a clock that runs fast', async (t) => {
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
