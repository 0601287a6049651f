// Lives in the real parent of payments: queue, routing, slots, circuits, telemetry, outcomes.

import { createActor, type ActorLogic, type AnyActorRef, type Snapshot } from 'xstate'
import { paymentsLogic } from '../../src/actors/payments/payments.ts'
import {
  createHealth,
  type HealthActor,
} from '../../src/actors/circuit/processor-health.machine.ts'
import type { PitParts } from '../../src/actors/supervisor/supervisor.ts'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import { LIVES_PER_TURN, nextPayment, turn, type Lives } from './lives.ts'
import { createMemoryParts } from './memory-parts.ts'

const FOR_EVER = Number.POSITIVE_INFINITY

/** Payments that one event hands over, as the accept batcher does it. */
const BATCH = 50

export function openParentLives(alive: number): Lives {
  const memory = createMemoryParts(alive)
  const { parts } = memory
  parts.fence.extend({ id: 1, validUntil: FOR_EVER, wallAheadMs: 0, strayMs: FOR_EVER })
  const root = createActor(quietLogic).start()
  // Where payments report their outcomes.
  createActor(quietLogic, { parent: root, id: 'outcomes', systemId: 'outcomeBatcher' }).start()
  const health = {
    default: startHealth(parts, root, 'default'),
    fallback: startHealth(parts, root, 'fallback'),
  }
  const { ports, work: settings, random, quotaUsed, processors } = parts
  const payments = createActor(paymentsLogic, {
    parent: root,
    id: 'payments',
    systemId: 'payments',
    input: { ...ports, settings, random, quotaUsed, processors, health },
  }).start()
  let told = 0
  const tell = (): void => {
    const batch = Array.from({ length: BATCH }, nextPayment)
    payments.send({ type: 'payments.accepted', batch, leaseId: 1, purges: 0 })
    told += BATCH
  }
  return {
    async live(lives) {
      const from = memory.settled
      while (memory.settled - from < lives) {
        const before = memory.settled
        const until = Math.min(from + lives, before + LIVES_PER_TURN)
        // Some always wait, so that the next begins as soon as one has ended.
        while (told < until + alive + BATCH) tell()
        while (memory.settled < until && memory.charges.size > 0) memory.settleOldest()
        await turn(memory.clock, Math.max(1, memory.settled - before))
      }
      return memory.settled - from
    },
    async rest() {
      while (memory.settled < told) {
        memory.settleOldest()
        await turn(memory.clock, 1)
      }
    },
  }
}

function startHealth(parts: PitParts, parent: AnyActorRef, processor: ProcessorName): HealthActor {
  const input = { processor, settings: parts.circuit, now: parts.ports.clock.now() }
  return createHealth(parts, { parent, id: `processorHealth.${processor}`, input }).start()
}

const quietLogic: ActorLogic<Snapshot<undefined>, { readonly type: string }> = {
  transition: (snapshot) => snapshot,
  getInitialSnapshot: () => ({ status: 'active', output: undefined, error: undefined }),
  getPersistedSnapshot: (snapshot) => snapshot,
}
