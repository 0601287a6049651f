import t from 'tap'
import { initialTransition } from 'xstate'
import { processorHealthMachine } from '../../../src/actors/circuit/processor-health.machine.ts'
import { circuitOf, weighed, type HealthContext } from '../../../src/actors/circuit/context.ts'
import { chooseRoute } from '../../../src/actors/model/route.ts'
import { SETTINGS } from '../../support/circuit-settings.ts'

interface Ended {
  readonly failed: boolean
  readonly tookMs: number
}

/** What a circuit knows after attempts that ended like this. */
function circuitAfter(processor: 'default' | 'fallback', ends: readonly Ended[]): HealthContext {
  const input = { processor, settings: SETTINGS, now: 0 }
  const [{ context }] = initialTransition(processorHealthMachine, input)
  return ends.reduce<HealthContext>((known, { failed, tookMs }) => {
    const event = { type: 'attempt.reported', failed, tookMs, at: 1 } as const
    return { ...known, ...weighed({ context: known, event }) }
  }, context)
}

function times(count: number, end: Ended): readonly Ended[] {
  return Array.from({ length: count }, () => end)
}

const SLOW = times(30, { failed: false, tookMs: 200 })
const QUICK_FAILURES = times(30, { failed: true, tookMs: 1 })
const TIMEOUTS = times(30, { failed: true, tookMs: 800 })

t.test('quick failures do not make a slow processor look fast', async (t) => {
  const before = circuitAfter('default', SLOW)
  const after = circuitAfter('default', [...SLOW, ...QUICK_FAILURES])
  const circuit = (context: HealthContext) => ({ ...circuitOf('closed', context), inFlight: 0 })
  const fallback = circuit(circuitAfter('fallback', times(30, { failed: false, tookMs: 5 })))
  const circuits = { default: circuit(after), fallback }
  const question = { circuits, ageMs: 0, refusedBy: [], deniedBy: null }
  const fees = { default: 0.05, fallback: 0.15 }

  t.equal(after.measuredMs, before.measuredMs)
  t.match(chooseRoute(question, { fees, slowMs: 100, waitMaxMs: 0 }), { to: 'fallback' })
})

t.test('timeouts make a processor look as slow as they took', async (t) => {
  const { measuredMs } = circuitAfter('default', [...SLOW, ...TIMEOUTS])

  t.ok(measuredMs > 790 && measuredMs <= 800, `${measuredMs} ms`)
})
