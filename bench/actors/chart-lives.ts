// Lives of the payment chart alone, under a parent that has nothing but slots: compiled, and as
// XState interprets it.

import { createActor, type ActorLogic, type AnyActorRef, type Snapshot } from 'xstate'
import { acceptedRecord } from '../../src/actors/payments/records.ts'
import { paymentLogicOf, providedPayment } from '../../src/actors/payment/logic.ts'
import { nextRoute, type PaymentDependencies } from '../../src/actors/payment/effects.ts'
import type { PaymentOutput } from '../../src/actors/payment/payment.machine.ts'
import { createSuspicion } from '../../src/actors/payment/suspicion.ts'
import { createAskedLag } from '../../src/actors/payments/asked-lag.ts'
import { SentCharges } from '../../src/actors/circuit/sent-charges.ts'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import { Controls } from '../../src/actors/payment/controls.ts'
import { createLookUpPlaces } from '../../src/actors/payments/look-up-places.ts'
import { createStreak } from '../../src/actors/payments/streak.ts'
import { createTimerQueue } from '../../src/actors/payments/timers.ts'
import {
  providedHealth,
  type HealthActor,
} from '../../src/actors/circuit/processor-health.machine.ts'
import type { PitParts } from '../../src/actors/supervisor/supervisor.ts'
import { LIVES_PER_TURN, nextPayment, turn, type Lives } from './lives.ts'
import { createMemoryParts } from './memory-parts.ts'

const FOR_EVER = Number.POSITIVE_INFINITY

export type ChartKind = 'compiled' | 'interpreted'

export function openChartLives(kind: ChartKind, alive: number): Lives {
  const memory = createMemoryParts(alive)
  memory.parts.fence.extend({ id: 1, validUntil: FOR_EVER, wallAheadMs: 0, strayMs: FOR_EVER })
  const dependencies = createDependencies(memory.parts)
  const logic = kind === 'compiled' ? paymentLogicOf(dependencies) : providedPayment(dependencies)
  const free = Array.from({ length: alive }, (_, slot) => slot)
  const parent = createActor(parentLogic((slot) => free.push(slot))).start()
  const { triesMax } = dependencies.settings
  const begin = (slot: number): void => {
    const record = acceptedRecord(nextPayment(), dependencies.clock.now())
    const { acceptedAt } = record
    const payment = { acceptedAt, refusedBy: [], deniedBy: null, lastAt: null, attempts: [] }
    const next = nextRoute(dependencies, payment)
    const input = { record, slot, triesMax, next }
    createActor(logic, { parent, id: 'payment', input }).start()
  }
  return {
    async live(lives) {
      const from = memory.settled
      while (memory.settled - from < lives) {
        const before = memory.settled
        const until = Math.min(from + lives, before + LIVES_PER_TURN)
        while (memory.settled < until) {
          for (let slot = free.pop(); slot !== undefined; slot = free.pop()) begin(slot)
          if (memory.charges.size === 0) throw new Error('bench: no payment is charged')
          memory.settleOldest()
        }
        await turn(memory.clock, memory.settled - before)
      }
      return memory.settled - from
    },
    rest() {
      while (memory.charges.size > 0) memory.settleOldest()
      return turn(memory.clock, 1)
    },
  }
}

function createDependencies(parts: PitParts): PaymentDependencies {
  const { ports, work: settings, random, quotaUsed, processors } = parts
  return {
    ...ports,
    settings,
    random,
    quotaUsed,
    processors,
    health: { default: startHealth(parts, 'default'), fallback: startHealth(parts, 'fallback') },
    inFlight: { default: 0, fallback: 0 },
    askedLag: createAskedLag(settings.slowMs),
    charges: { default: new SentCharges(1), fallback: new SentCharges(1) },
    controls: { default: controlsOf(parts, 'default'), fallback: controlsOf(parts, 'fallback') },
    fruitless: { default: createStreak(settings), fallback: createStreak(settings) },
    suspicion: { default: createSuspicion(), fallback: createSuspicion() },
    // Nothing is ever in doubt here, so nothing is ever due.
    due: createTimerQueue(ports.clock, () => undefined),
    purges: () => 0,
    settledLate: () => undefined,
    wasSettledLate: () => false,
    generationOf: () => 0,
    lookUpPlaces: createLookUpPlaces({ slots: 1, max: 1 }),
    isPlaceAwaited: () => false,
    isDraining: () => false,
  }
}

function startHealth(parts: PitParts, processor: 'default' | 'fallback'): HealthActor {
  const input = { processor, settings: parts.circuit, now: parts.ports.clock.now() }
  return createActor(providedHealth(parts), { input }).start()
}

type Done = { readonly type: string; readonly output?: PaymentOutput }

function parentLogic(onDone: (slot: number) => void): ActorLogic<Snapshot<undefined>, Done> {
  return {
    transition(snapshot, event: Done, _scope: { readonly self: AnyActorRef }) {
      if (event.output !== undefined) onDone(event.output.context.slot)
      return snapshot
    },
    getInitialSnapshot: () => ({ status: 'active', output: undefined, error: undefined }),
    getPersistedSnapshot: (snapshot) => snapshot,
  }
}

function controlsOf({ ports, processors, random, work }: PitParts, name: ProcessorName): Controls {
  const { lookUpLagMs, settleByMs: mixedUpMs } = work
  const bounds = { lookUpLagMs, mixedUpMs }
  const { clock } = ports
  const nothing = (): void => undefined
  const asks = { askLedger: nothing, onMissing: nothing, onFailed: nothing }
  return new Controls({ clock, random, processor: processors[name], ...bounds, ...asks })
}
