// A circuit that has met some events.

import { initialTransition, transition } from 'xstate'
import type { HealthEvent } from '../../src/actors/circuit/context.ts'
import { processorHealthMachine } from '../../src/actors/circuit/processor-health.machine.ts'
import { SETTINGS } from './circuit-settings.ts'

/** The circuit of `default`, started at 0, after these events. */
export function circuitAfter(...events: readonly HealthEvent[]) {
  const input = { processor: 'default', settings: SETTINGS, now: 0 } as const
  let [snapshot] = initialTransition(processorHealthMachine, input)
  for (const event of events) [snapshot] = transition(processorHealthMachine, snapshot, event)
  return snapshot
}
