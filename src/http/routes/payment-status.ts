// GET /payments/{correlationId}: everything that is known of one payment.

import type { HttpRequest, HttpResponse } from 'uWebSockets.js'
import { formatCents } from '../../actors/model/money.ts'
import type { Attempt, UnknownOutcome, PaymentStatus } from '../../actors/model/payment.ts'
import { ask } from './ask.ts'
import type { Edge } from '../edge.ts'
import { Responder } from '../responder.ts'
import { parseUuid } from '../request/payment-body.ts'
import { json, problem } from '../problem.ts'

/** Tells a payment's status: 200, 400 for an id that is no UUID, 404 for one unknown, 503. */
export function tellPayment(edge: Edge, response: HttpResponse, request: HttpRequest): void {
  const responder = new Responder(response, 'get', edge)
  const correlationId = parseUuid(request.getParameter(0))
  if (correlationId === undefined) {
    responder.answer(NO_UUID)
    return
  }
  ask<PaymentStatus>(edge, responder, {
    request: (replyTo) => ({ type: 'payment.requested', correlationId, replyTo }),
    onFound: (paymentStatus) => json(renderPaymentStatus(paymentStatus)),
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
function renderPaymentStatus(paymentStatus: PaymentStatus): string {
  const { correlationId, amountCents, state, processor, waitsFor, dueInMs, ownedBy } = paymentStatus
  const rest = JSON.stringify({
    state,
    acceptedAt: renderInstant(paymentStatus.acceptedAt),
    processor,
    requestedAt:
      paymentStatus.requestedAt === undefined
        ? undefined
        : renderInstant(paymentStatus.requestedAt),
    waitsFor,
    dueInMs,
    ownedBy,
    doubts: paymentStatus.unknownOutcomes?.map(renderDoubt),
    attempts: paymentStatus.attempts.map(renderAttempt),
  })
  return `{"correlationId":"${correlationId}","amount":${formatCents(amountCents)},${rest.slice(1)}`
}

function renderAttempt(attempt: Attempt): unknown {
  return { ...attempt, requestedAt: renderInstant(attempt.requestedAt) }
}

/** Without an instant when a dead instance sent the request: nobody knows it. */
function renderDoubt({ processor, requestedAt, remainingMs }: UnknownOutcome): unknown {
  const known = requestedAt === null ? {} : { requestedAt: renderInstant(requestedAt) }
  return { processor, ...known, remainingMs }
}

function renderInstant(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
