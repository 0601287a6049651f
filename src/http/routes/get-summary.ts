// GET /payments-summary: what was settled in a window, per processor.

import type { HttpRequest, HttpResponse } from '../../server/web-server.ts'
import { formatCents, type Cents } from '../../actors/model/money.ts'
import type { ExactSummary, ProcessorTotal } from '../../actors/model/payment.ts'
import { ask, type Edge } from './edge.ts'
import { json, problem, type Reply } from '../problem.ts'
import { parseWindow } from '../request/time-window.ts'
import { Responder } from '../responder.ts'

/**
 * Answers 200 with the totals of a window (see `parseWindow`), 400 for a window that cannot be
 * read, 503.
 */
export function getSummary(edge: Edge, response: HttpResponse, request: HttpRequest): void {
  const responder = new Responder(response, request.getMethod(), edge)
  const query = request.getQuery() ?? ''
  const asked = parseWindow(query)
  if (asked.kind === 'fault') {
    responder.answer(problem({ ...asked, status: 400, type: 'urn:pit:problem:invalid-window' }))
    return
  }
  ask<ExactSummary>(edge, responder, {
    request: (replyTo) => ({ type: 'summary.requested', window: asked.window, replyTo }),
    onFound: renderSummary,
  })
}

function renderSummary(summary: ExactSummary): Reply {
  const totals = `"default":${render(summary.default)},"fallback":${render(summary.fallback)}`
  return json(`{${totals}}`)
}

function render({ payments, cents }: ProcessorTotal<Cents>): string {
  return `{"totalRequests":${payments},"totalAmount":${formatCents(cents)}}`
}
