import t from 'tap'
import { createTotals, totalsTelemetry } from '../../../src/actors/supervisor/totals.ts'

t.test('totals move when the gauges are measured, and circuits at once', async (t) => {
  const store = createTotals()
  const telemetry = totalsTelemetry(store)
  const took = { tookMs: 1 }
  const settled = {
    type: 'payment.settled',
    correlationId: 'a',
    amountCents: 1990,
    ...took,
  } as const
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
  telemetry.emit({ type: 'batch.refused', payments: 4, cause: 'ledger' })
  telemetry.emit({ ...settled, processor: 'default' })
  telemetry.emit({ ...settled, processor: 'fallback', amountCents: 10 })
  telemetry.emit({ ...settled, processor: 'fallback', amountCents: 5 })
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

  const { processors, ...counts } = store.getSnapshot().context
  t.match(counts, { accepted: 5, known: 2, conflicting: 1, refused: 4 })
  t.match(counts, { rejected: 1, parked: 1, claimed: 6, gauges: { ready: 0 } })
  t.match(processors.default, { settled: 1, settledCents: 1990, failedAttempts: 1 })
  t.match(processors.fallback, { settled: 2, settledCents: 15, failedAttempts: 0, circuit: 'open' })
})
