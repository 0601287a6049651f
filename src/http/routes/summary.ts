// GET /payments-summary: what was settled in a window, per processor.

import type { HttpRequest, HttpResponse } from 'uWebSockets.js'
import { formatCents } from '../../actors/model/money.ts'
import type { ProcessorTotal, Summary } from '../../actors/model/payment.ts'
import { ask } from './ask.ts'
import type { Edge } from '../edge.ts'
import { Responder } from '../responder.ts'
import { json, problem, UNAVAILABLE } from '../problem.ts'
import type { Reply } from '../problem.ts'
import { parseWindow } from '../request/window.ts'

/** Sums up a window (see `parseWindow`): 200, 400 for a window that cannot be read, 503. */
export function summarize(edge: Edge, response: HttpResponse, request: HttpRequest): void {
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
    onMissing: UNAVAILABLE,
  })
}

function renderSummary(summary: Summary): Reply {
  if (!isExact(summary.default) || !isExact(summary.fallback)) return INEXACT
  const totals = `"default":${render(summary.default)},"fallback":${render(summary.fallback)}`
  return json(`{${totals}}`)
}

/** Sums past 2^53 cents are no longer whole numbers: better no answer than a wrong one. */
function isExact(total: ProcessorTotal): boolean {
  return Number.isSafeInteger(total.cents)
}

function render({ payments, cents }: ProcessorTotal): string {
  return `{"totalRequests":${payments},"totalAmount":${formatCents(cents)}}`
}

const INEXACT = problem({
  status: 500,
  detail: 'The sum of this window is too large to be told exactly; ask for a shorter one.',
})
