// POST /payments, in the source's order: limiter, validation, delay, failure switch, insert. The
// client's hanging up stops a charge only while it waits at the limiter.

import type { HttpRequest, HttpResponse } from 'uWebSockets.js'
import { field, parseJson, readBody } from './body.ts'
import { roundToCents } from './decimal.ts'
import { Responder } from './responder.ts'
import { answerFaulty } from './faulty-answer.ts'
import { parseInstant } from './instant.ts'
import type { LedgerEntry } from './payment-ledger.ts'
import { answerRightly } from './record.ts'
import { RETRY_AFTER_S, type SimulatorState } from './state.ts'
import { isUuid } from './uuid-table.ts'

export function receiveCharge(state: SimulatorState, res: HttpResponse, req: HttpRequest): void {
  const responder = new Responder(res)
  const isJson = /^application\/(?:[^;]+\+)?json\b/i.test(req.getHeader('content-type'))
  readBody(res, responder, (text) => {
    state.tally.receive()
    const caller = () => {
      if (isJson) charge(state, responder, text)
      else refuse(state, responder, 415)
    }
    responder.onGone(() => {
      if (state.calls.withdraw(caller)) state.tally.count('withdrawn')
    })
    if (state.calls.enter(caller) === 'refused') limit(state, responder)
  })
}

function charge(state: SimulatorState, responder: Responder, text: string): void {
  const entry = parseCharge(text)
  if (!entry) {
    refuse(state, responder, 400)
    return
  }
  const fault = state.switches.drawChargeFault()
  if (fault) state.tally.countFault(fault.kind)
  if (fault?.kind === 'limited') {
    limit(state, responder)
    state.calls.leave()
    return
  }
  const finish = () => {
    if (state.closed) return
    if (state.switches.failing) {
      state.tally.count('failed')
      responder.answer({ status: 500 })
    } else if (fault) {
      answerFaulty(state, { responder, entry, fault })
    } else {
      answerRightly(state, responder, entry)
    }
    state.calls.leave()
  }
  const delayMs = state.switches.delayMs + (fault?.kind === 'slow' ? (fault.delayMs ?? 0) : 0)
  if (delayMs > 0) state.clock.setTimeout(finish, delayMs)
  else finish()
}

function limit(state: SimulatorState, responder: Responder): void {
  state.tally.count('limited')
  responder.answer({ status: 429, retryAfter: RETRY_AFTER_S })
}

function refuse(state: SimulatorState, responder: Responder, status: 400 | 415): void {
  state.tally.count('malformed')
  responder.answer({ status })
  state.calls.leave()
}

/**
 * Stricter than the source in one thing: there a missing field counts as zero, here it is
 * malformed, so that a client that forgets one is noticed.
 */
function parseCharge(text: string): LedgerEntry | undefined {
  const body = parseJson(text)
  const correlationId = field(body, 'correlationId')
  const amount = field(body, 'amount')
  const requestedAt = field(body, 'requestedAt')
  if (typeof correlationId !== 'string' || !isUuid(correlationId)) return undefined
  if (typeof amount !== 'number' || typeof requestedAt !== 'string') return undefined
  const amountCents = roundToCents(amount)
  const requestedAtMicros = parseInstant(requestedAt)
  if (amountCents === undefined || requestedAtMicros === undefined) return undefined
  return { correlationId: correlationId.toLowerCase(), amountCents, requestedAtMicros }
}
