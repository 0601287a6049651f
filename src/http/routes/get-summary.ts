// GET /payments-summary: what was settled in a window, per processor.

import type { HttpRequest, HttpResponse } from 'uWebSockets.js'
import { formatCents } from '../../actors/model/money.ts'
import type { ProcessorTotal, Summary } from '../../actors/model/payment.ts'
import { ask, type Edge } from './edge.ts'
import { json, problem, type Reply } from '../problem.ts'
import { parseWindow } from '../request/time-window.ts'
import { Responder } from '../responder.ts'

/**
 * Answers 200 with the totals of a window (see `parseWindow`), 400 for a window that cannot be
 * read, 500 for totals that are too large to be exact, 503.
 */
export function getSummary(edge: Edge, response: HttpResponse, request: HttpRequest): void {
  const responder = new Responder(response, 'get', edge)
  // uWebSockets gives undefined for a URL without a query, against its own types.
  const query = (request.getQuery() as string | undefined) ?? ''
  const asked = parseWindow(query)
  if (asked.kind === 'fault') {
    responder.answer(problem({ ...asked, status: 400, type: 'urn:pit:problem:invalid-window' }))
    return
  }
  ask<Summary>(edge, responder, {
    request: (replyTo) => ({ type: 'summary.requested', window: asked.window, replyTo }),
    onFound: renderSummary,
  })
}

function renderSummary(summary: Summary): Reply {
  if (!isExact(summary.default) || !isExact(summary.fallback)) return INEXACT
  const totals = `"default":${render(summary.default)},"fallback":${render(summary.fallback)}`
  return json(`{${totals}}`)
}

/** Sums above 2^53 cents are no longer whole numbers: no answer is better than a wrong one. */
function isExact(total: ProcessorTotal): boolean {
  return Number.isSafeInteger(total.cents)
}

function render({ payments, cents }: ProcessorTotal): string {
  return `{"totalRequests":${payments},"totalAmount":${formatCents(cents)}}`
}

const INEXACT = problem({
  status: 500,
  detail: 'The sum of this window is too large to be exact; ask for a shorter one.',
})
