import t from 'tap'
import { createTotals, totalsTelemetry } from '../../../src/actors/supervisor/totals.ts'

t.test('totals move when the gauges are measured, and at the end', async (t) => {
  const store = createTotals()
  const telemetry = totalsTelemetry(store)
  const took = { tookMs: 1 }
  const recorded = (payments: number, cents: number) => ({ payments, cents })
  const gauges = { ready: 3, inFlight: { default: 1, fallback: 0 }, byState: { pending: 2 } }
  const end = { correlationId: 'a', processor: 'default', reason: 'cheaper', detail: '' } as const

  telemetry.emit({
    type: 'batch.accepted',
    accepted: 5,
    known: 2,
    conflicting: 1,
    parked: false,
    ...took,
  })
  for (const settled of [
    { default: recorded(1, 1990), fallback: recorded(1, 10) },
    { default: recorded(0, 0), fallback: recorded(1, 5) },
  ]) {
    telemetry.emit({ type: 'batch.recorded', outcomes: 9, settled, ...took })
  }
  telemetry.emit({ type: 'attempt.ended', ...end, outcome: 'refused', ...took })
  telemetry.emit({ type: 'attempt.ended', ...end, outcome: 'settled', ...took })
  telemetry.emit({ ...end, type: 'payment.rejected', detail: 'http 400' })
  telemetry.emit({ type: 'payment.parked', correlationId: 'c', delayMs: 5, doubts: 0 })
  const before = store.getSnapshot().context
  t.same([before.accepted, before.processors.fallback.settled], [0, 0])
  telemetry.emit({ type: 'payments.measured', gauges })
  telemetry.emit({ type: 'payments.measured', gauges: { ...gauges, ready: 0 } })
  telemetry.emit({ type: 'payment.parked', correlationId: 'd', delayMs: 5, doubts: 0 })
  telemetry.emit({ type: 'drain.ended' })

  const { processors, ...counts } = store.getSnapshot().context
  t.match(counts, { accepted: 5, rejected: 1, parked: 2 })
  t.match(counts.gauges, { ready: 0, inFlight: { default: 1, fallback: 0 } })
  t.same(processors, {
    default: { settled: 1, failedAttempts: 1 },
    fallback: { settled: 2, failedAttempts: 0 },
  })
})
