// GET /payments/{correlationId}: everything that is known of one payment.

import type { HttpRequest, HttpResponse } from 'uWebSockets.js'
import { formatCents } from '../../actors/model/money.ts'
import type { Attempt, Doubt, PaymentStory } from '../../actors/model/payment.ts'
import { ask } from './ask.ts'
import type { Edge } from '../edge.ts'
import { Exchange } from '../responder.ts'
import { parseUuid } from '../request/payment-body.ts'
import { json, problem } from '../problem.ts'

/** Tells a payment's story: 200, 400 for an id that is no UUID, 404 for one unknown, 503. */
export function tellPayment(edge: Edge, response: HttpResponse, request: HttpRequest): void {
  const exchange = new Exchange(response, 'get', edge)
  const correlationId = parseUuid(request.getParameter(0))
  if (correlationId === undefined) {
    exchange.answer(NO_UUID)
    return
  }
  ask<PaymentStory>(edge, exchange, {
    request: (replyTo) => ({ type: 'payment.requested', correlationId, replyTo }),
    onFound: (story) => json(renderStory(story)),
    onMissing: UNKNOWN_PAYMENT,
  })
}

const UNKNOWN_PAYMENT = problem({ status: 404, detail: 'No payment has this correlationId.' })
const NO_UUID = problem({
  status: 400,
  type: 'urn:pit:problem:invalid-payment',
  detail: 'A payment is named by a UUID.',
  field: 'correlationId',
})

/** The amount is spliced in as text, so that it keeps its two decimals. */
function renderStory(story: PaymentStory): string {
  const { correlationId, amountCents, state, processor, waitsFor, dueInMs, ownedBy } = story
  const rest = JSON.stringify({
    state,
    acceptedAt: renderInstant(story.acceptedAt),
    processor,
    requestedAt: story.requestedAt === undefined ? undefined : renderInstant(story.requestedAt),
    waitsFor,
    dueInMs,
    ownedBy,
    doubts: story.doubts?.map(renderDoubt),
    attempts: story.attempts.map(renderAttempt),
  })
  return `{"correlationId":"${correlationId}","amount":${formatCents(amountCents)},${rest.slice(1)}`
}

function renderAttempt(attempt: Attempt): unknown {
  return { ...attempt, requestedAt: renderInstant(attempt.requestedAt) }
}

/** Without an instant when a dead instance sent the request: nobody knows it. */
function renderDoubt({ processor, requestedAt, remainingMs }: Doubt): unknown {
  const known = requestedAt === null ? {} : { requestedAt: renderInstant(requestedAt) }
  return { processor, ...known, remainingMs }
}

function renderInstant(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
