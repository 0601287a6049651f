// What comes out late about charges that were sent before a circuit was last open.

import t from 'tap'
import type { HealthEvent } from '../../../src/actors/circuit/context.ts'
import { circuitAfter } from '../../support/circuit-after.ts'

/** When the circuit became half-open, monotonic, ms. */
const TRIED_FROM = 100

const RECOVERED: readonly HealthEvent[] = [
  { type: 'probe.answered', failing: true, minResponseMs: 5, at: 1 },
  { type: 'cooldown.elapsed', opening: 1, at: TRIED_FROM },
  ...[110, 120, 130].map((at) => ({ ...answered(at), failed: false })),
]

function answered(at: number) {
  return { type: 'attempt.reported', failed: true, detail: 'said', tookMs: 1, at } as const
}

const many = (event: HealthEvent): readonly HealthEvent[] => Array.from({ length: 50 }, () => event)

t.test('a recovered circuit is not opened by what failed before it was last open', async (t) => {
  const recovered = circuitAfter(...RECOVERED)
  t.equal(recovered.value, 'closed')

  const slow = { ...answered(900), tookMs: 900 - (TRIED_FROM - 1) }
  const found = { ...answered(900), sentAt: TRIED_FROM - 1 }
  for (const late of [slow, found]) {
    const circuit = circuitAfter(...RECOVERED, ...many(late))
    t.equal(circuit.value, 'closed')
    t.same(circuit.context.window, recovered.context.window)
    t.equal(circuit.context.measuredMs, recovered.context.measuredMs)
  }
})

t.test('what was sent once it was tried again counts, however late it comes', async (t) => {
  const found = { ...answered(900), sentAt: TRIED_FROM }

  t.equal(circuitAfter(...RECOVERED, ...many(found)).value, 'open')
})

t.test('a circuit that was never open takes what comes out late for what it is', async (t) => {
  t.equal(circuitAfter(...many({ ...answered(900), sentAt: 5 })).value, 'open')
})
