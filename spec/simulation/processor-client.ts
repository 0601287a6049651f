// The `Processor` of one simulated instance: what it sends travels on even if the instance dies,
// and what it is told comes in through its gate or too late.

import type { Charge, Clock, Lease, Processor } from '../../src/actors/model/ports.ts'
import type { Gate } from './gate.ts'
import type { ProcessorServer } from './processor-server.ts'

export interface ProcessorClientParts {
  readonly server: ProcessorServer
  readonly name: Processor['name']
  readonly gate: Gate
  readonly clock: Clock
  readonly lease: Lease
  readonly attemptTimeoutMs: number
  readonly lookUpTimeoutMs: number
  /** Told of each charge at the moment of its sending. */
  readonly onSent: (charge: Charge) => void
}

/** What an answer from inside this process takes, ms: never at once. */
const LOCAL_MS = 0.01

export function createSimulatedProcessor(parts: ProcessorClientParts): Processor {
  const { server, name, gate, clock, lease } = parts
  return {
    name,
    charge(charge, reply) {
      if (!lease.holds(clock.now())) {
        gate.after(LOCAL_MS, () => reply({ kind: 'refused', detail: 'lease lost' }))
        return
      }
      const answer = once(reply)
      parts.onSent(charge)
      server.charge(charge, (got) => gate.enter(() => answer(got)))
      gate.after(parts.attemptTimeoutMs, () => answer({ kind: 'inDoubt', detail: 'timeout' }))
    },
    lookUp(correlationId, reply) {
      const answer = once(reply)
      server.lookUp(correlationId, (got) => gate.enter(() => answer(got)))
      gate.after(parts.lookUpTimeoutMs, () => answer({ kind: 'failed', detail: 'timeout' }))
    },
    probe: () =>
      new Promise((resolve) => {
        server.probe((got) => gate.enter(() => resolve(got)))
        const late = { kind: 'failed', detail: 'timeout' } as const
        gate.after(parts.lookUpTimeoutMs, () => resolve(late))
      }),
    close: () => Promise.resolve(),
  }
}

/** Calls through the first time only. */
function once<Answer>(reply: (answer: Answer) => void): (answer: Answer) => void {
  let isOver = false
  return (answer) => {
    if (isOver) return
    isOver = true
    reply(answer)
  }
}
