// POST /purge-payments: forgets everything, where that is allowed.

import type { HttpResponse } from 'uWebSockets.js'
import { ask, type Edge } from './edge.ts'
import { problem, type Reply } from '../problem.ts'
import { Responder } from '../responder.ts'

/** Answers 200 once all is forgotten, 403 unless `ALLOW_PURGE` is set, 503. A body is not read. */
export function purgePayments(edge: Edge, response: HttpResponse): void {
  const responder = new Responder(response, 'post', edge)
  if (!edge.allowPurge) {
    responder.answer(FORBIDDEN)
    return
  }
  ask<null>(edge, responder, {
    request: (replyTo) => ({ type: 'purge.requested', replyTo }),
    onFound: () => PURGED,
  })
}

const PURGED: Reply = { status: '200 OK', headers: [], body: '' }

const FORBIDDEN = problem({
  status: 403,
  detail: 'Purging is switched off; ALLOW_PURGE switches it on.',
})
