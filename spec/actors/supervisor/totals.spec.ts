import t from 'tap'
import { createTotals, totalsTelemetry } from '../../../src/actors/supervisor/totals.ts'

t.test('totals move when the gauges are measured and at the end, circuits at once', async (t) => {
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
  telemetry.emit({ ...end, type: 'payment.rejected', detail: 'http 400' })
  telemetry.emit({ type: 'payment.parked', correlationId: 'c', delayMs: 5, doubts: 0 })
  telemetry.emit({ type: 'payments.claimed', payments: 6, from: 'takeover' })
  telemetry.emit({
    type: 'circuit.changed',
    processor: 'fallback',
    from: 'closed',
    to: 'open',
    cause: 'probe says failing',
  })
  const before = store.getSnapshot().context
  t.same([before.accepted, before.processors.fallback.circuit], [0, 'open'])
  telemetry.emit({ type: 'payments.measured', gauges })
  telemetry.emit({ type: 'payments.measured', gauges: { ...gauges, ready: 0 } })
  telemetry.emit({ type: 'payment.parked', correlationId: 'd', delayMs: 5, doubts: 0 })
  telemetry.emit({ type: 'drain.ended' })

  const { processors, ...counts } = store.getSnapshot().context
  t.match(counts, { accepted: 5, known: 2, conflicting: 1 })
  t.match(counts, { rejected: 1, parked: 2, claimed: 6, gauges: { ready: 0 } })
  t.match(processors.default, { settled: 1, settledCents: 1990, failedAttempts: 1 })
  t.match(processors.fallback, { settled: 2, settledCents: 15, failedAttempts: 0, circuit: 'open' })
})
