// GET /payments/{correlationId}: everything that is known of one payment.

import type { HttpRequest, HttpResponse } from '../../server/web-server.ts'
import { formatCents } from '../../actors/model/money.ts'
import {
  countAttempts,
  type Attempt,
  type Contradiction,
  type PaymentStatus,
  type UnknownOutcome,
} from '../../actors/model/payment.ts'
import { ask, type Edge } from './edge.ts'
import { json, problem } from '../problem.ts'
import { parseUuid } from '../request/payment-body.ts'
import { Responder } from '../responder.ts'

/**
 * Answers 200 with the payment's status, 400 for an id that is no UUID, 404 for an unknown one, 500
 * for one whose row is damaged, 503.
 */
export function getPayment(edge: Edge, response: HttpResponse, request: HttpRequest): void {
  const responder = new Responder(response, request.getMethod(), edge)
  const correlationId = parseUuid(request.getParameter(0))
  if (correlationId === undefined) {
    responder.answer(NO_UUID)
    return
  }
  ask<PaymentStatus>(edge, responder, {
    request: (replyTo) => ({ type: 'payment.requested', correlationId, replyTo }),
    onFound: (status) => json(renderStatus(status)),
    onMissing: UNKNOWN_PAYMENT,
  })
}

const UNKNOWN_PAYMENT = problem({ status: 404, detail: 'No payment has this correlationId.' })
const NO_UUID = problem({
  status: 400,
  type: 'urn:pit:problem:invalid-payment',
  detail: 'A payment is identified by a UUID.',
  field: 'correlationId',
})

/** The amount is inserted as text, so that it keeps its two decimals. */
function renderStatus(status: PaymentStatus): string {
  const { correlationId, amountCents, state, processor, waitsFor, dueInMs, ownedBy } = status
  const rest = JSON.stringify({
    state,
    acceptedAt: renderKept(status.acceptedAt),
    processor,
    requestedAt: renderKept(status.requestedAt),
    waitsFor,
    dueInMs: dueInMs === undefined ? undefined : Math.max(0, dueInMs),
    ownedBy,
    doubts: status.unknownOutcomes?.map(renderUnknownOutcome),
    attemptsTotal: countAttempts(status.attempts),
    attempts: status.attempts.map(renderAttempt),
    attemptsKnownTo: status.attemptsKnownTo,
    reduced: status.reduced,
  })
  return `{"correlationId":"${correlationId}","amount":${formatCents(amountCents)},${rest.slice(1)}`
}

function renderAttempt(attempt: Attempt): unknown {
  const { contradiction } = attempt
  return {
    ...attempt,
    requestedAt: renderInstant(attempt.requestedAt),
    contradiction: contradiction === undefined ? undefined : renderContradiction(contradiction),
  }
}

function renderContradiction({ kind, ...seen }: Contradiction): unknown {
  const { amountCents, requestedAt, correlationId } = seen
  return {
    kind,
    // A number, as the processor wrote it: no double between cents is printed with more digits.
    amount: amountCents === undefined ? undefined : amountCents / 100,
    requestedAt: requestedAt === undefined ? undefined : renderInstant(requestedAt),
    correlationId,
  }
}

/** The instant is left out when a dead instance sent the request: it is not known. */
function renderUnknownOutcome(unknown: UnknownOutcome): unknown {
  const { processor, requestedAt, remainingMs, contradiction } = unknown
  const known = requestedAt === null ? {} : { requestedAt: renderInstant(requestedAt) }
  return {
    processor,
    ...known,
    remainingMs: Math.max(0, remainingMs),
    contradiction: contradiction === undefined ? undefined : renderContradiction(contradiction),
  }
}

function renderKept(epochMs: number | undefined): string | undefined {
  return epochMs === undefined ? undefined : renderInstant(epochMs)
}

function renderInstant(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
