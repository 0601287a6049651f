// POST /payments: decode → send → answer.

import assert from 'node:assert'
import type { HttpRequest, HttpResponse } from 'uWebSockets.js'
import type { AcceptAnswer } from '../../actors/messages.ts'
import { readBody } from '../request/body.ts'
import { hasRoom } from '../edge.ts'
import type { Edge } from '../edge.ts'
import { Responder } from '../responder.ts'
import { decodePayment } from '../request/payment-body.ts'
import { problem, UNAVAILABLE } from '../problem.ts'
import type { Reply } from '../problem.ts'

/**
 * Takes one payment. 202 once it is committed (LOSE_ACCEPTED_PAYMENTS_ON_CRASH: once it is taken),
 * 409 for a known id with another amount, 503 when it could not be committed; 400, 413 and 415 for what is no payment. The hot path: no promises, and
 * a full or draining edge answers before it reads the body.
 */
export function receivePayment(edge: Edge, response: HttpResponse, request: HttpRequest): void {
  const responder = new Responder(response, 'post', edge)
  if (!isJson(request.getHeader('content-type'))) {
    responder.answer(NOT_JSON)
    return
  }
  if (edge.draining) {
    edge.refused += 1
    responder.answer(UNAVAILABLE)
    return
  }
  if (!hasRoomFor(edge, responder)) return
  readBody(response, {
    bytesMax: edge.limits.bodyBytesMax,
    onWhole: (bytes) => {
      acceptBody(edge, responder, bytes)
    },
    onTooLarge: (rest) => {
      if (rest === 'read') responder.answer(TOO_LARGE)
      else responder.answerAndClose(TOO_LARGE)
    },
  })
}

const JSON_TYPE = /^application\/(?:[\w.!#$&^-]+\+)?json[ \t]*(?:;|$)/i

/** A missing type passes for JSON; parameters are ignored, since JSON is UTF-8 whatever they say. */
function isJson(contentType: string): boolean {
  return contentType === 'application/json' || contentType === '' || JSON_TYPE.test(contentType)
}

function acceptBody(edge: Edge, responder: Responder, bytes: Buffer): void {
  const body = decodePayment(bytes)
  if (body.kind === 'fault') {
    responder.answer(problem({ ...body, status: 400, type: 'urn:pit:problem:invalid-payment' }))
    return
  }
  // The room may have gone while the body came in.
  if (!hasRoomFor(edge, responder)) return

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
      responder.answer(REPLIES[answer])
      edge.latency.record((performance.now() - decodedAt) * 1000)
    },
  })
}

function hasRoomFor(edge: Edge, responder: Responder): boolean {
  const fits = hasRoom(edge, responder)
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
