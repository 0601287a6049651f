// Requests to the supervisor that are answered with something read or done, off the hot path.

import assert from 'node:assert'
import type { EdgeRequest, Read } from '../../actors/messages.ts'
import { hasRoom } from '../edge.ts'
import type { Edge } from '../edge.ts'
import type { Responder } from '../responder.ts'
import { UNAVAILABLE } from '../problem.ts'
import type { Reply } from '../problem.ts'

export interface Question<Value> {
  /** The request to send, given where its answer goes. */
  readonly request: (replyTo: (answer: Read<Value>) => void) => EdgeRequest
  readonly onFound: (value: Value) => Reply
  readonly onMissing: Reply
}

/** Asks the supervisor and answers the responder: 503 when it has no answer or no room. */
export function ask<Value>(edge: Edge, responder: Responder, question: Question<Value>): void {
  if (!hasRoom(edge, responder)) return

  let isReplied = false
  const replyTo = (answer: Read<Value>): void => {
    assert(!isReplied, 'a request is replied to once')
    isReplied = true
    edge.inFlight -= 1
    if (responder.isOpen) responder.answer(replyFor(question, answer))
  }
  edge.inFlight += 1
  edge.supervisor.send(question.request(replyTo))
}

function replyFor<Value>(question: Question<Value>, answer: Read<Value>): Reply {
  switch (answer.kind) {
    case 'found':
      return question.onFound(answer.value)
    case 'missing':
      return question.onMissing
    case 'unavailable':
      return UNAVAILABLE
  }
}
