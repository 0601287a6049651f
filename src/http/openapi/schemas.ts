// The shapes of what the API takes and answers.

import { AMOUNT_CENTS_MAX } from '../../actors/model/money.ts'
import type { ProcessorName } from '../../actors/model/payment.ts'
import type { Schema } from './document.ts'
import { OUTCOME, REASON, STATE, WAIT } from './words.ts'

const PROCESSOR: Schema = {
  type: 'string',
  enum: ['default', 'fallback'] satisfies ProcessorName[],
  description: 'One of the two processors.',
}

const INSTANT: Schema = { type: 'string', format: 'date-time' }

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
  },
  required: ['processor', 'requestedAt', 'reason', 'outcome', 'tookMs'],
  additionalProperties: false,
}

const DOUBT: Schema = {
  type: 'object',
  description: 'A processor that may still record the payment from an earlier request.',
  properties: {
    processor: PROCESSOR,
    requestedAt: { ...INSTANT, description: 'Of that request; absent when it is not known.' },
    remainingMs: {
      type: 'integer',
      description: 'How long that request can still land, ms; 0 or less: no longer.',
    },
  },
  required: ['processor', 'remainingMs'],
  additionalProperties: false,
}

const ID: Schema = { type: 'string', format: 'uuid', description: 'Names the payment for ever.' }

const TOTAL: Schema = {
  type: 'object',
  properties: {
    totalRequests: { type: 'integer', minimum: 0, description: 'Settled payments.' },
    totalAmount: { type: 'number', minimum: 0, description: 'Their amounts, two decimals.' },
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
        multipleOf: 0.01,
        description: 'At most two decimals.',
      },
    },
    required: ['correlationId', 'amount'],
  },
  Story: {
    type: 'object',
    description: 'Everything that is known of one payment.',
    properties: {
      correlationId: ID,
      amount: { type: 'number', exclusiveMinimum: 0 },
      state: STATE,
      acceptedAt: INSTANT,
      processor: { ...PROCESSOR, description: 'Who settled it; only once settled.' },
      requestedAt: { ...INSTANT, description: 'Inside the request that settled it.' },
      waitsFor: WAIT,
      dueInMs: { type: 'integer', description: 'When that wait ends, ms from now, if known.' },
      ownedBy: { type: 'string', description: 'Instance that works on it, if another one.' },
      doubts: { type: 'array', items: { $ref: '#/components/schemas/Doubt' } },
      attempts: { type: 'array', items: { $ref: '#/components/schemas/Attempt' } },
    },
    required: ['correlationId', 'amount', 'state', 'acceptedAt', 'attempts'],
    dependentRequired: { processor: ['requestedAt'], requestedAt: ['processor'] },
    additionalProperties: false,
  },
  Attempt: ATTEMPT,
  Doubt: DOUBT,
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
