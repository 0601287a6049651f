// POST /payments: decode, send, answer.

import assert from 'node:assert'
import type { HttpRequest, HttpResponse } from '../../server/web-server.ts'
import type { AcceptAnswer } from '../../actors/messages.ts'
import { type Edge, hasCapacity } from './edge.ts'
import { problem, type Reply, UNAVAILABLE } from '../problem.ts'
import { onceEnded, readBody, type Framing } from '../request/body.ts'
import { decodePayment } from '../request/payment-body.ts'
import { Responder } from '../responder.ts'

/**
 * Takes one payment. 202 with its location once it is committed (with LOSE_ACCEPTED_PAYMENTS_ON_CRASH: once it is
 * taken), 409 for a known id with another amount, 503 when it could not be committed; 400, 413 and
 * 415 for what is not a payment. This is the hot path: there are no promises, and an edge that is
 * full or draining answers before it reads the body.
 */
export function postPayment(
  edge: Edge,
  response: HttpResponse,
  request: HttpRequest,
  framing: Framing,
): void {
  const responder = new Responder(response, 'post', edge)
  if (!isJson(request)) {
    responder.answer(NOT_JSON)
    return
  }
  if (edge.draining) {
    edge.refused += 1
    responder.answer(UNAVAILABLE)
    return
  }
  if (!hasCapacityFor(edge, responder)) return
  readBody(response, {
    bytesMax: edge.limits.bodyBytesMax,
    onWhole: (bytes) => {
      if (framing === 'length') acceptBody(edge, responder, bytes)
      else acceptChunked(edge, responder, bytes)
    },
    onTooLarge: (rest) => {
      if (rest === 'read') responder.answer(TOO_LARGE)
      else responder.answerAndClose(TOO_LARGE)
    },
  })
}

const JSON_TYPE = /^application\/(?:[\w.!#$&^-]+\+)?json[ \t]*(?:;|$)/i

/**
 * Parameters are ignored, because JSON is always UTF-8. A missing type counts as JSON, but not from
 * a page in a browser: without one a page of any site may post to any other.
 */
function isJson(request: HttpRequest): boolean {
  const contentType = request.getHeader('content-type')
  if (contentType === '') return request.getHeader('origin') === ''
  return contentType === 'application/json' || JSON_TYPE.test(contentType)
}

function acceptChunked(edge: Edge, responder: Responder, bytes: Buffer): void {
  const kept = Buffer.from(bytes)
  onceEnded(responder, () => acceptBody(edge, responder, kept))
}

function acceptBody(edge: Edge, responder: Responder, bytes: Buffer): void {
  const body = decodePayment(bytes)
  if (body.kind === 'fault') {
    responder.answer(problem({ ...body, status: 400, type: 'urn:pit:problem:invalid-payment' }))
    return
  }
  // The capacity may have been used up while the body came in.
  if (!hasCapacityFor(edge, responder)) return

  const decodedAt = performance.now()
  let isReplied = false
  edge.inFlight += 1
  edge.supervisor.send({
    type: 'payment.received',
    correlationId: body.correlationId,
    amountCents: body.amountCents,
    replyTo: (answer) => {
      assert(!isReplied, 'a payment is replied to once')
      isReplied = true
      edge.inFlight -= 1
      if (answer === 'unavailable') edge.refused += 1
      if (!responder.isOpen) return
      const reply = REPLIES[answer]
      if (reply === ACCEPTED) responder.answer(reply, `/payments/${body.correlationId}`)
      else responder.answer(reply)
      edge.latency.record((performance.now() - decodedAt) * 1000)
    },
  })
}

function hasCapacityFor(edge: Edge, responder: Responder): boolean {
  const fits = hasCapacity(edge, responder)
  if (!fits) edge.refused += 1
  return fits
}

const ACCEPTED: Reply = { status: '202 Accepted', headers: [], body: '' }

const REPLIES: Readonly<Record<AcceptAnswer, Reply>> = {
  accepted: ACCEPTED,
  known: ACCEPTED,
  conflicting: problem({
    status: 409,
    type: 'urn:pit:problem:conflicting-payment',
    detail: 'This correlationId is known with another amount.',
    field: 'amount',
  }),
  unavailable: UNAVAILABLE,
}

const NOT_JSON = problem({ status: 415, detail: 'A payment is sent as application/json.' })
const TOO_LARGE = problem({ status: 413, detail: 'The body is longer than a payment may be.' })
