// One payment's life at this instance: it is tried at one processor at a time, and a request whose
// outcome is unknown pins it to that processor until the outcome is found out.

import { assign, setup } from 'xstate'
import {
  contradicted,
  withUnknownOutcome,
  withoutUnknownOutcome,
  endedAttempt,
  foundBy,
  initialContext,
  isDeniedForGood,
  mayResend,
  pinnedAttempt,
  provesMissing,
  refusedByCurrent,
  takenRoute,
  type PaymentContext,
  type PaymentEvent,
  type PaymentInput,
  type PaymentStep,
} from './context.ts'

/** How the payment left its actor: its parent has that written, or keeps the payment waiting. */
export interface PaymentOutput {
  readonly kind: 'settled' | 'rejected' | 'parked'
  readonly context: PaymentContext
}

const unprovided = (name: string) => (): never => {
  throw new Error(`payment machine: effect ${name} was not provided`)
}

const machineSetup = setup({
  types: {
    context: {} as PaymentContext,
    input: {} as PaymentInput,
    events: {} as PaymentEvent,
    output: {} as PaymentOutput,
  },
  actions: {
    // Effects, provided by logic.ts; each answer comes back as an event.
    sendCharge: unprovided('sendCharge'),
    planLookUp: unprovided('planLookUp'),
    sendLookUp: unprovided('sendLookUp'),
    planBackoff: unprovided('planBackoff'),

    takeRoute: assign((step: PaymentStep) => takenRoute(step)),
    takePinned: assign((step: PaymentStep) => pinnedAttempt(step)),
    keepAttempt: assign((step: PaymentStep) => endedAttempt(step)),
    noteRefusal: assign((step: PaymentStep) => refusedByCurrent(step)),
    noteUnknownOutcome: assign((step: PaymentStep) => withUnknownOutcome(step)),
    clearUnknownOutcome: assign((step: PaymentStep) => withoutUnknownOutcome(step)),
    noteContradiction: assign((step: PaymentStep) => contradicted(step)),
    countLookUp: assign(({ context }) => ({ lookUps: context.lookUps + 1 })),
    countTry: assign(({ context }) => ({ tries: context.tries + 1, refusedBy: [] })),
    markDeferred: assign({ deferred: true }),
    markRejected: assign({ rejected: true }),
    settleByCharge: assign(({ context }) => ({ settlement: context.attempt })),
    settleByLookUp: assign((step: PaymentStep) => foundBy(step)),
  },
  guards: {
    isInDoubt: ({ context }) => context.unknownOutcomes.length > 0,
    isForDefault: ({ context }) => context.attempt?.processor === 'default',
    isForFallback: ({ context }) => context.attempt?.processor === 'fallback',
    nextIsDefault: ({ event }) => nextOf(event) === 'default',
    nextIsFallback: ({ event }) => nextOf(event) === 'fallback',
    provesDefaultNext: (step) => provesAllMissing(step) && nextOf(step.event) === 'default',
    provesFallbackNext: (step) => provesAllMissing(step) && nextOf(step.event) === 'fallback',
    provesAllMissing: (step) => provesAllMissing(step),
    provesOneMissing: (step) => provesMissing(step),
    mayResendDefault: (step) => mayResend(step, 'default'),
    mayResendFallback: (step) => mayResend(step, 'fallback'),
    isDeniedForGood: (step) => isDeniedForGood(step),
    triesAreSpent: ({ context }) => context.tries >= context.triesMax,
  },
})

const chargeEnds = {
  'charge.settled': { target: 'settled', actions: ['keepAttempt', 'settleByCharge'] },
  'charge.known': { target: 'confirming', actions: ['keepAttempt', 'noteUnknownOutcome'] },
  'charge.failed': {
    target: 'confirming',
    actions: ['keepAttempt', 'noteRefusal', 'noteUnknownOutcome'],
  },
  'charge.doubted': {
    target: 'confirming',
    actions: ['keepAttempt', 'noteRefusal', 'noteUnknownOutcome'],
  },
  'payment.recalled': { target: 'parked', actions: ['keepAttempt', 'noteUnknownOutcome'] },
} as const

/** What becomes of a denied payment: looked at first, and if no other transition takes it. */
const denied = {
  first: [
    // An earlier request to it may have been recorded, whatever it says of this one.
    { guard: 'isInDoubt', target: 'confirming', actions: ['keepAttempt', 'noteRefusal'] },
    { guard: 'isDeniedForGood', target: 'rejected', actions: ['keepAttempt', 'markRejected'] },
  ],
  // The retry queue's pace: who has denied it may be asked again only from there.
  last: { target: 'parked', actions: ['keepAttempt', 'noteRefusal'] },
} as const

export const paymentMachine = machineSetup.createMachine({
  id: 'payment',
  context: ({ input }) => initialContext(input),
  initial: 'pending',
  states: {
    pending: {
      always: [
        { guard: 'isInDoubt', target: 'confirming' },
        { guard: 'isForDefault', target: 'tryingDefault' },
        { guard: 'isForFallback', target: 'tryingFallback' },
        { target: 'parked', actions: 'markDeferred' },
      ],
    },
    tryingDefault: {
      tags: ['trying'],
      entry: 'sendCharge',
      on: {
        ...chargeEnds,
        'charge.refused': [
          { guard: 'isInDoubt', target: 'confirming', actions: ['keepAttempt', 'noteRefusal'] },
          {
            guard: 'nextIsFallback',
            target: 'tryingFallback',
            actions: ['keepAttempt', 'noteRefusal', 'takeRoute'],
          },
          { target: 'retry', actions: ['keepAttempt', 'noteRefusal'] },
        ],
        'charge.denied': [
          ...denied.first,
          {
            guard: 'nextIsFallback',
            target: 'tryingFallback',
            actions: ['keepAttempt', 'noteRefusal', 'takeRoute'],
          },
          denied.last,
        ],
      },
    },
    tryingFallback: {
      tags: ['trying'],
      entry: 'sendCharge',
      on: {
        ...chargeEnds,
        'charge.refused': [
          { guard: 'isInDoubt', target: 'confirming', actions: ['keepAttempt', 'noteRefusal'] },
          {
            guard: 'nextIsDefault',
            target: 'tryingDefault',
            actions: ['keepAttempt', 'noteRefusal', 'takeRoute'],
          },
          { target: 'retry', actions: ['keepAttempt', 'noteRefusal'] },
        ],
        'charge.denied': [
          ...denied.first,
          {
            guard: 'nextIsDefault',
            target: 'tryingDefault',
            actions: ['keepAttempt', 'noteRefusal', 'takeRoute'],
          },
          denied.last,
        ],
      },
    },
    confirming: {
      entry: 'planLookUp',
      on: {
        'lookup.due': [
          { guard: 'mayResendDefault', target: 'tryingDefault', actions: 'takePinned' },
          { guard: 'mayResendFallback', target: 'tryingFallback', actions: 'takePinned' },
          { actions: ['sendLookUp'] },
        ],
        'lookup.found': { target: 'settled', actions: 'settleByLookUp' },
        'lookup.missing': [
          {
            guard: 'provesDefaultNext',
            target: 'tryingDefault',
            actions: ['clearUnknownOutcome', 'takeRoute'],
          },
          {
            guard: 'provesFallbackNext',
            target: 'tryingFallback',
            actions: ['clearUnknownOutcome', 'takeRoute'],
          },
          { guard: 'provesAllMissing', target: 'retry', actions: 'clearUnknownOutcome' },
          {
            guard: 'provesOneMissing',
            actions: ['clearUnknownOutcome', 'countLookUp', 'planLookUp'],
          },
          { actions: ['countLookUp', 'planLookUp'] },
        ],
        'lookup.contradicted': { actions: ['noteContradiction', 'countLookUp', 'planLookUp'] },
        'lookup.failed': { actions: ['countLookUp', 'planLookUp'] },
        'payment.recalled': { target: 'parked' },
      },
    },
    retry: {
      entry: ['countTry', 'planBackoff'],
      on: {
        'backoff.elapsed': { target: 'pending', actions: 'takeRoute' },
        'payment.recalled': { target: 'parked' },
      },
      always: {
        guard: 'triesAreSpent',
        target: 'parked',
      },
    },
    settled: { type: 'final' },
    parked: { type: 'final' },
    rejected: { type: 'final' },
  },
  output: ({ context }) => ({ kind: leftAs(context), context }),
})

function leftAs(context: PaymentContext): PaymentOutput['kind'] {
  if (context.settlement !== null) return 'settled'
  return context.rejected ? 'rejected' : 'parked'
}

function nextOf(event: PaymentEvent): string | null {
  return 'next' in event ? event.next.to : null
}

function provesAllMissing(step: PaymentStep): boolean {
  return step.context.unknownOutcomes.length === 1 && provesMissing(step)
}
