// The circuit chart with its effects: rests that end, and telling others of a change.

import { tell } from '../messages.ts'
import type { SharedPorts } from '../model/shared-ports.ts'
import { compileChart } from '../compiled-chart/compiled-chart.ts'
import { cacheFailureOf } from '../model/ledger-failure.ts'
import type { CircuitCache } from '../model/ports.ts'
import { processorHealthMachine } from './processor-health.machine.ts'
import { jittered } from '../model/settings.ts'

interface Parts {
  readonly ports: SharedPorts
  readonly circuitCache: CircuitCache
  /** 0 to 1, for jitter. */
  readonly random: () => number
}

/** The chart with its effects, compiled: it takes an event per attempt. */
export function providedHealth(parts: Parts): typeof processorHealthMachine {
  const { clock, telemetry } = parts.ports
  let from: string = 'start'
  const provided = processorHealthMachine.provide({
    actions: {
      startRest: ({ context, self }) => {
        const opening = context.openings
        const { restMs: delayMs, settings } = context
        const restMs = jittered({ delayMs, maxMs: settings.openMaxMs }, parts.random)
        clock.setTimeout(
          () => self.send({ type: 'rest.elapsed', opening, at: clock.now() }),
          restMs,
        )
      },
      announceCircuit: ({ context, self }, params) => {
        const { processor, cause } = context
        const { state: to } = params
        if (from !== 'start') {
          telemetry.emit({ type: 'circuit.changed', processor, from, to, cause })
        }
        from = to
        const since = clock.wallNow()
        parts.circuitCache.publishCircuit({ processor, state: to, since }).catch(cacheFailureOf)
        tell(self.system, 'payments', { type: 'circuit.changed' })
      },
    },
  })
  return compileChart(provided)
}
