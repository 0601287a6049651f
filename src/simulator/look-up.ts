// GET /payments/{id} and GET /payments/service-health: neither the delay nor the failure switch
// touches them, each has its limiter.

import type { HttpRequest, HttpResponse } from '../server/web-server.ts'
import { waitMsOf } from './faults.ts'
import { isUuid, printCents, printInstant } from './wire-format.ts'
import { Responder, type Answer } from './responder.ts'
import { type LedgerEntry } from './payment-ledger.ts'
import { RETRY_AFTER_S, type SimulatorState } from './state.ts'
import type { Limiter } from './limiters.ts'

/** 200 with the payment, 404 for an id that is not recorded, 400 for what is no UUID. */
export function receiveLookUp(state: SimulatorState, res: HttpResponse, req: HttpRequest): void {
  const responder = new Responder(res)
  const id = req.getParameter(0)
  enter(state.calls, responder, () => lookUp(state, responder, id))
}

/** 200 with both switches. All callers share one permit. */
export function receiveProbe(state: SimulatorState, res: HttpResponse): void {
  const responder = new Responder(res)
  enter(state.healthCalls, responder, () => {
    const { failing, delayMs } = state.switches
    const body = JSON.stringify({ failing, minResponseTime: delayMs })
    responder.answer({ status: 200, body })
  })
}

function enter(limiter: Limiter, responder: Responder, caller: () => void): void {
  responder.onGone(() => limiter.withdraw(caller))
  if (limiter.enter(caller) === 'refused') {
    responder.answer({ status: 429, retryAfter: RETRY_AFTER_S })
  }
}

function lookUp(state: SimulatorState, responder: Responder, id: string): void {
  const fault = isUuid(id) ? state.switches.drawLookUpFault() : undefined
  if (fault?.kind === 'late') {
    // Read before the wait: at worst a slow answer is outdated when it arrives.
    const answer = describe(state, { id, asOf: Infinity })
    const finish = () => {
      if (state.closed) return
      responder.answer(answer)
      state.calls.leave()
    }
    state.clock.setTimeout(finish, waitMsOf(fault))
    return
  }
  if (fault?.kind === 'fail') {
    responder.answer({ status: fault.status ?? 500 })
  } else {
    const asOf = fault ? state.clock.now() - waitMsOf(fault) : Infinity
    responder.answer(describe(state, { id, asOf }))
  }
  state.calls.leave()
}

function describe(state: SimulatorState, { id, asOf }: { id: string; asOf: number }): Answer {
  if (!isUuid(id)) return { status: 400 }
  const entry = state.ledger.find(id, asOf)
  return entry ? { status: 200, body: print(entry) } : { status: 404 }
}

function print({ correlationId, amountCents, requestedAtMicros }: LedgerEntry): string {
  const requestedAt = printInstant(requestedAtMicros)
  const amount = printCents(amountCents)
  return `{"correlationId":"${correlationId}","amount":${amount},"requestedAt":"${requestedAt}"}`
}
