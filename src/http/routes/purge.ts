// POST /purge-payments: forgets everything, where that is allowed.

import type { HttpResponse } from 'uWebSockets.js'
import { ask } from './ask.ts'
import type { Edge } from '../edge.ts'
import { Responder } from '../responder.ts'
import { problem, UNAVAILABLE } from '../problem.ts'
import type { Reply } from '../problem.ts'

/** Purges: 200 once it is done, 403 unless configured, 503. A body is not read. */
export function purge(edge: Edge, response: HttpResponse): void {
  const responder = new Responder(response, 'post', edge)
  if (!edge.allowPurge) {
    responder.answer(FORBIDDEN)
    return
  }
  ask<null>(edge, responder, {
    request: (replyTo) => ({ type: 'purge.requested', replyTo }),
    onFound: () => PURGED,
    onMissing: UNAVAILABLE,
  })
}

const PURGED: Reply = { status: '200 OK', headers: [], body: '' }

const FORBIDDEN = problem({
  status: 403,
  detail: 'Purging is switched off; ALLOW_PURGE switches it on.',
})
