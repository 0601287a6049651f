// The actor that obeys operators' commands, with a ledger that answers as a spec says, and circuits that
// say what they are told.

import type { CircuitState, HealthEvent } from '../../../src/actors/circuit/context.ts'
import { commandsMachine } from '../../../src/actors/commands/commands.machine.ts'
import { ONE_HISTORY } from '../../../src/actors/model/ledger-history.ts'
import type { ProcessorName } from '../../../src/actors/model/payment.ts'
import type { Clock } from '../../../src/actors/model/ports.ts'
import type { Hold, Orders } from '../../../src/actors/model/operator.ts'
import { settled, startActorSystem } from '../../support/actor-system.ts'

export const BY_ANA = { by: 'ana', reason: 'late' }
export const NO_PAYMENT = { heldTo: null, correlationId: null }
const PAUSED = {
  processor: 'default',
  kind: 'pause',
  to: 'open',
  endsInMs: null,
  ...BY_ANA,
} as const

export function orders(last: number, change: Partial<Orders> = {}): Orders {
  return { last, holds: [], pending: [], ...change }
}

export function start(change: (clock: Clock) => Clock = (clock) => clock) {
  const system = startActorSystem()
  const history = { ...ONE_HISTORY, epoch: 0 }
  const told: [string, HealthEvent][] = []
  const sentBefore: number[] = []
  const circuits: Record<ProcessorName, CircuitState> = { default: 'closed', fallback: 'halfOpen' }
  const circuit = (name: ProcessorName) => ({
    send: (event: HealthEvent) => {
      told.push([name, event])
      sentBefore.push(system.sentEvents.length)
    },
    getSnapshot: () => ({ value: circuits[name] }),
  })
  let reads = 0
  const actor = system.start(commandsMachine, {
    ports: { ...system.ports, history, clock: change(system.ports.clock) },
    health: { default: circuit('default'), fallback: circuit('fallback') },
    instanceId: 'here',
    onRead: () => void (reads += 1),
  })
  const { ledger, clock } = system
  return {
    ...system,
    actor,
    circuits,
    history,
    reads: () => reads,
    /** How many events other actors had been sent each time that a circuit was told something. */
    sentBefore,
    /** What circuits were told since the last call. */
    told: () =>
      told.splice(0).map(([name, event]) => {
        const { held } = event as Extract<HealthEvent, { type: 'hold.changed' }>
        return held === null ? `${name} is free` : `${name} ${held.to}: ${held.cause}`
      }),
    count: (last: number) => actor.send({ type: 'commands.counted', last }),
    async answer(value: Orders) {
      const call = await ledger.called('readOrders')
      call.answer(value)
      await settled()
      return call.args
    },
    async pass(ms: number) {
      clock.increment(ms)
      await settled()
    },
  }
}

export const held = (command: number, change: Partial<Hold> = {}): Hold => ({
  ...PAUSED,
  command,
  ...change,
})
