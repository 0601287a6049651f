// The shapes of what the API takes and answers, and the words that a payment's status is given in.

import { AMOUNT_CENTS_MAX } from '../../actors/model/money.ts'
import type {
  AttemptOutcome,
  ContradictionKind,
  PaymentState,
  ProcessorName,
  RouteReason,
  WaitReason,
} from '../../actors/model/payment.ts'
import type { Schema } from './document.ts'

const STATE = words<PaymentState>('Where it is.', {
  pending: 'committed, not being charged',
  tryingDefault: 'a charge is under way at the default processor',
  tryingFallback: 'a charge is under way at the fallback processor',
  confirming: 'in doubt: a processor is asked what came of a charge',
  retry: 'refused everywhere, about to be tried again',
  settled: 'a processor has recorded it: final',
  rejected: 'both processors have denied it with 400: final',
  parked: 'waiting in the retry queue',
})

const REASON = openWords<RouteReason>('Why this processor.', {
  cheaper: 'the cheaper processor is up and fast enough',
  cheaperOpen: 'the cheaper one’s circuit is open',
  cheaperSlow: 'the cheaper one is too slow',
  cheaperBusy: 'the cheaper one is at its concurrency limit',
  cheaperRefused: 'the cheaper one has just refused it',
  cheaperDenied: 'the cheaper one has denied it with 400',
  resend: 'in doubt: the same request again, to the same processor',
  waitingForCheaper: 'no charge: it waits for the cheaper one',
  noneAvailable: 'no charge: no processor can be charged',
})

const OUTCOME = openWords<AttemptOutcome>('How it ended.', {
  other: 'in a word of another version of Pit, which stands in `detail`',
  inFlight: 'under way',
  settled: 'recorded',
  refused: 'certainly not processed',
  failed: 'answered 500: a look-up decides whether it counts as refused',
  known: 'answered 422: the processor has seen the id before',
  inDoubt: 'unknown: it may have been processed',
  denied: 'answered 400: this processor will never take it',
})

const CONTRADICTED = openWords<ContradictionKind>('How an answer contradicts the payment.', {
  amount: 'it was found with another amount',
  id: 'another payment was found under its id',
  instant: 'it was found with an instant that was never sent',
  absence: 'it is certainly missing where a 422 said that it is known',
  settlement: 'it is settled at another processor or instant',
  rejection: 'it is rejected, and was recorded',
})

const WAIT = words<WaitReason>('What it waits for; absent when it waits for nothing.', {
  route: 'a processor that may be charged',
  lookUp: 'the next look-up at the processor where its outcome is unknown',
  backoff: 'the next quick try',
  retryQueue: 'its due time, and a circuit that lets it through, or with `doubts` a look-up',
  owner: 'the instance in `ownedBy`, which knows more',
})

function words<Word extends string>(lead: string, meanings: Record<Word, string>): Schema {
  return { ...openWords(lead, meanings), enum: Object.keys(meanings) }
}

/** Words of attempts, which another version of Pit may have written: there may be others. */
function openWords<Word extends string>(lead: string, meanings: Record<Word, string>): Schema {
  const defined = Object.entries<string>(meanings).map(
    ([word, meaning]) => `\`${word}\`: ${meaning}`,
  )
  return { type: 'string', description: `${lead} ${defined.join('; ')}.` }
}

const PROCESSOR: Schema = {
  type: 'string',
  enum: ['default', 'fallback'] satisfies ProcessorName[],
  description: 'One of the two processors.',
}

const INSTANT: Schema = { type: 'string', format: 'date-time' }

const CONTRADICTION: Schema = {
  type: 'object',
  description: 'What a processor said of the payment that cannot be true.',
  properties: {
    kind: CONTRADICTED,
    amount: { type: 'number', description: 'As it was found.' },
    requestedAt: { ...INSTANT, description: 'As it was found.' },
    correlationId: { type: 'string', description: 'The id that was found, if another one.' },
  },
  required: ['kind'],
  additionalProperties: false,
}

const ATTEMPT: Schema = {
  type: 'object',
  description: 'One request sent to a processor.',
  properties: {
    processor: PROCESSOR,
    requestedAt: { ...INSTANT, description: 'Instant that the request carries.' },
    reason: REASON,
    outcome: OUTCOME,
    tookMs: { type: 'number', minimum: 0, description: 'Time to the outcome, ms.' },
    detail: { type: 'string', description: 'What the processor or the network said.' },
    contradiction: { $ref: '#/components/schemas/Contradiction' },
    number: {
      type: 'integer',
      minimum: 1,
      description: 'Which one it was, from 1; only of a payment whose older ones are not kept.',
    },
  },
  required: ['processor', 'requestedAt', 'reason', 'outcome', 'tookMs'],
  additionalProperties: false,
}

const ATTEMPTS = [
  'Oldest first. Of more than 16 that have ended the newest are kept, and those by which it is known',
  'who has denied the payment.',
].join(' ')

const UNKNOWN_OUTCOME: Schema = {
  type: 'object',
  description: 'A processor that may still record the payment from an earlier request.',
  properties: {
    processor: PROCESSOR,
    requestedAt: { ...INSTANT, description: 'Of that request; absent when it is not known.' },
    remainingMs: {
      type: 'integer',
      minimum: 0,
      description: 'How long that request can still be processed, ms; 0: no longer.',
    },
    contradiction: { $ref: '#/components/schemas/Contradiction' },
  },
  required: ['processor', 'remainingMs'],
  additionalProperties: false,
}

const ID: Schema = {
  type: 'string',
  format: 'uuid',
  description: 'Identifies the payment, for ever.',
}

const TOTAL: Schema = {
  type: 'object',
  properties: {
    totalRequests: { type: 'integer', minimum: 0, description: 'Settled payments.' },
    totalAmount: { type: 'number', minimum: 0, description: 'Their amounts, exact, two decimals.' },
  },
  required: ['totalRequests', 'totalAmount'],
  additionalProperties: false,
}

/** By the name under which they stand in `components`. */
export const SCHEMAS: Readonly<Record<string, Schema>> = {
  Payment: {
    type: 'object',
    description: 'Further members are ignored.',
    properties: {
      correlationId: ID,
      amount: {
        type: 'number',
        exclusiveMinimum: 0,
        maximum: AMOUNT_CENTS_MAX / 100,
        // No `multipleOf`: to a program that divides, 19.9 is no multiple of 0.01.
        description: 'At most two decimals.',
      },
    },
    required: ['correlationId', 'amount'],
  },
  PaymentStatus: {
    type: 'object',
    description: 'Everything that is known of one payment.',
    properties: {
      correlationId: ID,
      amount: { type: 'number', exclusiveMinimum: 0 },
      state: STATE,
      acceptedAt: { ...INSTANT, description: 'Absent once it is reduced.' },
      processor: {
        ...PROCESSOR,
        description: 'Who settled it; only once settled, until it is reduced.',
      },
      requestedAt: { ...INSTANT, description: 'Inside the request that settled it.' },
      waitsFor: WAIT,
      dueInMs: {
        type: 'integer',
        minimum: 0,
        description: 'When that wait ends, ms from now, if known; 0: it is due.',
      },
      ownedBy: { type: 'string', description: 'Instance that works on it, if another one.' },
      doubts: { type: 'array', items: { $ref: '#/components/schemas/UnknownOutcome' } },
      attemptsTotal: {
        type: 'integer',
        minimum: 0,
        description:
          'How many attempts are known of, also those that are not kept; 0 once reduced.',
      },
      attempts: {
        type: 'array',
        items: { $ref: '#/components/schemas/Attempt' },
        description: ATTEMPTS,
      },
      attemptsKnownTo: {
        type: 'string',
        description:
          'Instance that alone knows what it has attempted so far: what is told here is older. Ask it.',
      },
      reduced: {
        type: 'boolean',
        description: 'Settled so long ago that only id, amount and `requestedAt` are kept.',
      },
    },
    required: ['correlationId', 'amount', 'state', 'attemptsTotal', 'attempts'],
    dependentRequired: { processor: ['requestedAt'] },
    additionalProperties: false,
  },
  Attempt: ATTEMPT,
  Contradiction: CONTRADICTION,
  UnknownOutcome: UNKNOWN_OUTCOME,
  Summary: {
    type: 'object',
    description: 'What was settled in a window, per processor.',
    properties: { default: TOTAL, fallback: TOTAL },
    required: ['default', 'fallback'],
    additionalProperties: false,
  },
  Problem: {
    type: 'object',
    description: 'Problem details as of RFC 9457.',
    properties: {
      type: {
        type: 'string',
        enum: [
          'about:blank',
          'urn:pit:problem:invalid-payment',
          'urn:pit:problem:conflicting-payment',
          'urn:pit:problem:damaged-payment',
          'urn:pit:problem:invalid-window',
        ],
      },
      title: { type: 'string', description: 'The status in words.' },
      status: { type: 'integer', minimum: 400, maximum: 599 },
      detail: { type: 'string', description: 'One sentence for a person.' },
      field: { type: 'string', description: 'The member or parameter at fault.' },
    },
    required: ['type', 'title', 'status', 'detail'],
    additionalProperties: false,
  },
}
