// How many payments have gone along each transition of their chart, counted as they go.

import type { AnyActorScope, AnyEventObject, AnyMachineSnapshot, AnyStateMachine } from 'xstate'
import type { PaymentState } from '../model/payment.ts'

/** Payments by the state that they left and the one that they came to; only ever counted up. */
export type TransitionCounts = Readonly<
  Record<PaymentState, Readonly<Record<PaymentState, number>>>
>

type Counts = Record<PaymentState, Record<PaymentState, number>>

/** A table, so that the compiler asks for a new state. */
const STATE_NAMES: Readonly<Record<PaymentState, true>> = {
  pending: true,
  tryingDefault: true,
  tryingFallback: true,
  confirming: true,
  retry: true,
  settled: true,
  rejected: true,
  parked: true,
}
const STATES = Object.keys(STATE_NAMES) as PaymentState[]

export function createTransitionCounts(): Counts {
  const none = (): Record<PaymentState, number> => byState(() => 0)
  return byState(none)
}

/**
 * The same logic, with its transitions counted in `counts`. That is an addition per event; an
 * observer in the actor system would cost each payment more than its own work.
 */
export function countingTransitions<Machine extends AnyStateMachine>(
  logic: Machine,
  counts: Counts,
): Machine {
  const counted: Machine = Object.create(logic, {
    transition: {
      value: (snapshot: AnyMachineSnapshot, event: AnyEventObject, scope: AnyActorScope) => {
        const next = logic.transition(snapshot, event, scope)
        if (next.value !== snapshot.value) count(counts, snapshot.value, next.value, event.type)
        return next
      },
    },
    getInitialSnapshot: {
      value: (scope: AnyActorScope, input: never) => {
        const snapshot = logic.getInitialSnapshot(scope, input)
        if (snapshot.value !== 'pending') count(counts, 'pending', snapshot.value, 'xstate.init')
        return snapshot
      },
    },
  })
  return counted
}

/** Events that park a payment without another try. */
const PARKS_AT_ONCE = ['payment.recalled', 'charge.denied']

/** A step may pass through a state that is left at once: `pending` always is, `retry` by a park. */
function count(counts: Counts, from: PaymentState, to: PaymentState, type: string): void {
  if (type === 'backoff.elapsed') {
    counts[from].pending += 1
    counts.pending[to] += 1
    return
  }
  const isPassing = from !== 'pending' && from !== 'retry' && !PARKS_AT_ONCE.includes(type)
  if (to === 'parked' && isPassing) {
    counts[from].retry += 1
    counts.retry.parked += 1
    return
  }
  counts[from][to] += 1
}

function byState<Value>(make: () => Value): Record<PaymentState, Value> {
  return Object.fromEntries(STATES.map((state) => [state, make()])) as Record<PaymentState, Value>
}
