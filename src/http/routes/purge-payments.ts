// POST /purge-payments: forgets everything, where that is allowed.

import type { HttpRequest, HttpResponse } from '../../server/web-server.ts'
import { ask, type Edge } from './edge.ts'
import { problem, type Reply } from '../problem.ts'
import { onceEnded, readBody, type Framing } from '../request/body.ts'
import { Responder } from '../responder.ts'

/**
 * Answers 200 once all is forgotten, 403 unless `ALLOW_PURGE` is set and no page in a browser asks,
 * 413, 503. Whatever its body is, nothing is forgotten before its end.
 */
export function purgePayments(
  edge: Edge,
  response: HttpResponse,
  request: HttpRequest,
  framing: Framing,
): void {
  const responder = new Responder(response, 'post', edge)
  if (!edge.allowPurge) {
    responder.answer(FORBIDDEN)
    return
  }
  // Browsers let a page of any site post to any other, and name the page's.
  if (request.getHeader('origin') !== '') {
    responder.answer(FROM_A_PAGE)
    return
  }
  const purge = (): void =>
    ask<null>(edge, responder, {
      request: (replyTo) => ({ type: 'purge.requested', replyTo }),
      onFound: () => PURGED,
    })
  readBody(response, {
    bytesMax: edge.limits.bodyBytesMax,
    onWhole: () => (framing === 'chunked' ? onceEnded(responder, purge) : purge()),
    onTooLarge: (rest) => {
      if (rest === 'read') responder.answer(TOO_LARGE)
      else responder.answerAndClose(TOO_LARGE)
    },
  })
}

const PURGED: Reply = { status: '200 OK', headers: [], body: '' }

const FORBIDDEN = problem({
  status: 403,
  detail: 'Purging is switched off; ALLOW_PURGE switches it on.',
})

const FROM_A_PAGE = problem({ status: 403, detail: 'No page in a browser may purge.' })

const TOO_LARGE = problem({ status: 413, detail: 'A purge needs no body, and no such long one.' })
