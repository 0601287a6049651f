// The routes of the payment port, described.

import { namedAnswer, problemAnswer, UNAVAILABLE_ANSWER } from './answers.ts'
import type { Operation, Parameter, PathItem } from './document.ts'

const POST_PAYMENT: Operation = {
  operationId: 'postPayment',
  summary: 'Takes a payment.',
  description: 'Safe to send again, at any time and to any instance: the same id is one payment.',
  tags: ['payments'],
  requestBody: {
    required: true,
    content: {
      'application/json': {
        schema: { $ref: '#/components/schemas/Payment' },
        example: { correlationId: '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3', amount: 19.9 },
      },
    },
  },
  responses: {
    202: { description: 'Committed now, or known already with the same amount.' },
    400: problemAnswer('Not a payment; `field` names the member at fault.', {
      status: 400,
      type: 'invalid-payment',
    }),
    409: problemAnswer('The id is known with another amount.', {
      status: 409,
      type: 'conflicting-payment',
    }),
    413: problemAnswer('The body is too long.', { status: 413 }),
    415: problemAnswer('The body is not sent as JSON.', { status: 415 }),
    503: UNAVAILABLE_ANSWER,
  },
}

const GET_STORY: Operation = {
  operationId: 'getPayment',
  summary: 'Tells everything that is known of a payment.',
  tags: ['payments'],
  parameters: [
    {
      name: 'correlationId',
      in: 'path',
      required: true,
      description: 'In either case.',
      schema: { type: 'string', format: 'uuid' },
    },
  ],
  responses: {
    200: namedAnswer('Its payment status.', 'Story'),
    400: problemAnswer('The id is no UUID.', { status: 400, type: 'invalid-payment' }),
    404: problemAnswer('No payment has this id.', { status: 404 }),
    503: UNAVAILABLE_ANSWER,
  },
}

function bound(name: 'from' | 'to'): Parameter {
  const description = `An instant with offset, inclusive; without it the window has no ${name}.`
  return { name, in: 'query', description, schema: { type: 'string', format: 'date-time' } }
}

const GET_SUMMARY: Operation = {
  operationId: 'getSummary',
  summary: 'Sums up what was settled in a window of `requestedAt`.',
  tags: ['payments'],
  parameters: [bound('from'), bound('to')],
  responses: {
    200: namedAnswer('The totals of all instances.', 'Summary'),
    400: problemAnswer('The window cannot be read.', { status: 400, type: 'invalid-window' }),
    500: problemAnswer('The sum is too large to be told exactly.', { status: 500 }),
    503: UNAVAILABLE_ANSWER,
  },
}

const PURGE: Operation = {
  operationId: 'purgePayments',
  summary: 'Forgets every payment, where `ALLOW_PURGE` allows it.',
  tags: ['payments'],
  responses: {
    200: { description: 'Everything is forgotten.' },
    403: problemAnswer('Purging is switched off.', { status: 403 }),
    503: UNAVAILABLE_ANSWER,
  },
}

export const PAYMENT_PATHS: Readonly<Record<string, PathItem>> = {
  '/payments': { post: POST_PAYMENT },
  '/payments/{correlationId}': { get: GET_STORY },
  '/payments-summary': { get: GET_SUMMARY },
  '/purge-payments': { post: PURGE },
}
