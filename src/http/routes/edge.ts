// What the routes of the payment port share: the supervisor, the limits, and how a question off the
// hot path is put to the supervisor.

import assert from 'node:assert'
import type { EdgeRequest, Read, Refused } from '../../actors/messages.ts'
import { DAMAGED, UNAVAILABLE, UNAVAILABLE_AS, refusedByDatabase, type Reply } from '../problem.ts'
import type { Connections, Responder } from '../responder.ts'

/** The supervisor as the edge knows it. Replies may come within `send`. */
export interface Supervisor {
  send(request: EdgeRequest): void
}

export interface HttpLimits {
  /** Longest request body, bytes. */
  readonly bodyBytesMax: number
  /** Requests that may wait for the supervisor at one time; further ones get 503. */
  readonly inFlightMax: number
}

export interface Edge extends Connections {
  readonly supervisor: Supervisor
  readonly limits: HttpLimits
  /** Whether `POST /purge-payments` may forget everything. */
  readonly allowPurge: boolean
  /** Takes the time from a decoded payment to its written answer, µs. */
  readonly latency: { record(us: number): void }
  /** Requests sent to the supervisor and not yet replied to, also those whose client has gone. */
  inFlight: number
  /** Posts of payments answered 503 since the start. */
  refused: number
}

/**
 * Whether one more request may wait for the supervisor. False: `limits.inFlightMax` already do, and
 * the responder has been answered 503.
 */
export function hasCapacity(edge: Edge, responder: Responder): boolean {
  if (edge.inFlight < edge.limits.inFlightMax) return true
  responder.answer(UNAVAILABLE)
  return false
}

/** Something to be read or done that the supervisor answers once. */
export interface Question<Value> {
  /** The request to send, given where its answer goes. */
  readonly request: (replyTo: (answer: Read<Value> | Refused) => void) => EdgeRequest
  readonly onFound: (value: Value) => Reply
  /** Absent where there is always something to find. */
  readonly onMissing?: Reply
}

/** Asks the supervisor and answers the responder: 503 without capacity or without an answer. */
export function ask<Value>(edge: Edge, responder: Responder, question: Question<Value>): void {
  if (!hasCapacity(edge, responder)) return

  let isReplied = false
  const replyTo = (answer: Read<Value> | Refused): void => {
    assert(!isReplied, 'a request is replied to once')
    isReplied = true
    edge.inFlight -= 1
    if (responder.isOpen) responder.answer(replyFor(question, answer))
  }
  edge.inFlight += 1
  edge.supervisor.send(question.request(replyTo))
}

function replyFor<Value>(question: Question<Value>, answer: Read<Value> | Refused): Reply {
  switch (answer.kind) {
    case 'found':
      return question.onFound(answer.value)
    case 'missing':
      assert(question.onMissing, 'only what may be missing is answered so')
      return question.onMissing
    case 'damaged':
      return DAMAGED
    case 'refused':
      return refusedByDatabase(answer.words)
    case 'unavailable':
      return UNAVAILABLE_AS[answer.why]
  }
}
