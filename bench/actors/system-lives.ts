// Lives in the whole system of actors, as the edge starts them: supervisor, accept batcher, payments,
// outcome batcher, lease, circuits, retry queue, all with their timers.

import { createSupervisor, type SupervisorActor } from '../../src/actors/supervisor/supervisor.ts'
import { BUSY, LIVES_PER_TURN, nextPayment, turn, type Lives, type Pace } from './lives.ts'
import { createMemoryParts } from './memory-parts.ts'
import type { VirtualClock } from './virtual-clock.ts'

const READY_WITHIN_MS = 5_000
/** Far longer than outcomes gather before they are written. */
const TURNS_TO_FLUSH = 50

export interface SystemLives extends Lives {
  readonly supervisor: SupervisorActor
  readonly clock: VirtualClock
}

export async function openSystemLives(alive: number, pace: Pace = BUSY): Promise<SystemLives> {
  const memory = createMemoryParts(alive)
  const supervisor = createSupervisor(memory.parts)
  supervisor.start()
  await becomesReady(supervisor, memory.clock)
  let posted = 0
  const replyTo = (answer: string): void => {
    if (answer !== 'accepted') throw new Error(`bench: a payment was answered ${answer}`)
  }
  const post = (): void => {
    posted += 1
    supervisor.send({ type: 'payment.received', ...nextPayment(), replyTo })
  }
  return {
    supervisor,
    clock: memory.clock,
    async live(lives) {
      const from = memory.settled
      while (memory.settled - from < lives) {
        const before = memory.settled
        const until = Math.min(from + lives, before + pace.livesPerTurn)
        while (posted < until + alive + pace.livesPerTurn) post()
        while (memory.settled < until && memory.charges.size > 0) memory.settleOldest()
        await turn(memory.clock, Math.max(1, memory.settled - before), pace)
      }
      return memory.settled - from
    },
    async rest() {
      while (memory.settled < posted) {
        memory.settleOldest()
        await turn(memory.clock, 1)
      }
      for (let last = 0; last < TURNS_TO_FLUSH; last += 1) await turn(memory.clock, LIVES_PER_TURN)
    },
  }
}

async function becomesReady(supervisor: SupervisorActor, clock: VirtualClock): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS
  while (!supervisor.getSnapshot().hasTag('ready')) {
    if (performance.now() > deadline) throw new Error('bench: the supervisor is not ready')
    await turn(clock, 1)
  }
}
