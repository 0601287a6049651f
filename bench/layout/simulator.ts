// One simulated processor in a process of its own, outside of all limits: it belongs to the world.

import type { ProcessorName } from '../../src/actors/model/payment.ts'
import { createPart, type Part } from './part.ts'
import { compiled } from './project.ts'
import { accepts } from './wait.ts'

export interface SimulatorPart extends Part {
  readonly url: string
}

export function simulatorPart(place: {
  readonly processor: ProcessorName
  readonly dir: string
  readonly port: number
  /** Share of an amount, 0 to 1. */
  readonly fee: string
}): SimulatorPart {
  const options = ['--port', String(place.port), '--fee', place.fee]
  const part = createPart({
    name: `payment-processor-${place.processor}`,
    command: process.execPath,
    args: [compiled('simulator/main.js'), ...options],
    env: { PATH: process.env['PATH'] ?? '' },
    dir: place.dir,
    stopSignal: 'SIGTERM',
    ready: () => accepts(place.port),
  })
  return Object.assign(part, { url: `http://127.0.0.1:${place.port}` })
}
