// A payment-like chart: five states, an assign on each step, no effects.

import { assign, setup } from 'xstate'

export type StepEvent =
  | { readonly type: 'payment.dispatched'; readonly at: number }
  | { readonly type: 'charge.settled'; readonly tookMs: number }
  | { readonly type: 'charge.refused'; readonly tookMs: number }
  | { readonly type: 'outcome.recorded' }

export interface StepContext {
  /** Slot of the parent's table, given at birth. */
  readonly slot: number
  /** Instant of the attempt, written on each. */
  readonly requestedAt: number
  /** Time to the answer, ms, written with it. */
  readonly tookMs: number
  readonly attempts: number
  readonly recorded: boolean
}

/** pending → trying → settling → settled, and refused back to pending at most twice. */
export const stepChart = setup({
  types: {
    context: {} as StepContext,
    input: {} as { readonly slot: number },
    output: {} as { readonly slot: number },
    events: {} as StepEvent,
  },
  guards: { hasAttemptsLeft: ({ context }) => context.attempts < 3 },
  actions: {
    stampAttempt: assign(({ context, event }) => ({
      requestedAt: event.type === 'payment.dispatched' ? event.at : 0,
      attempts: context.attempts + 1,
    })),
    noteAnswer: assign(({ event }) => ({ tookMs: 'tookMs' in event ? event.tookMs : 0 })),
    noteRecord: assign(() => ({ recorded: true })),
  },
}).createMachine({
  id: 'step',
  context: ({ input }) => ({
    slot: input.slot,
    requestedAt: 0,
    tookMs: 0,
    attempts: 0,
    recorded: false,
  }),
  initial: 'pending',
  states: {
    pending: { on: { 'payment.dispatched': { target: 'trying', actions: 'stampAttempt' } } },
    trying: {
      on: {
        'charge.settled': { target: 'settling', actions: 'noteAnswer' },
        'charge.refused': [
          { guard: 'hasAttemptsLeft', target: 'pending', actions: 'noteAnswer' },
          { target: 'failed', actions: 'noteAnswer' },
        ],
      },
    },
    settling: { on: { 'outcome.recorded': { target: 'settled', actions: 'noteRecord' } } },
    settled: { type: 'final' },
    failed: { type: 'final' },
  },
  output: ({ context }) => ({ slot: context.slot }),
})
