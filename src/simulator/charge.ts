// POST /payments, in the source's order: limiter, validation, delay, failure switch, insert; and
// what a charge is answered when it meets a fault. A client that hangs up stops its charge only
// while it waits at the limiter.

import type { HttpRequest, HttpResponse } from '../server/web-server.ts'
import { field, parseJson, readBody, Responder } from './responder.ts'
import { isUuid, parseInstant, roundToCents } from './wire-format.ts'
import { waitMsOf, type ChargeFaultKind, type Fault } from './faults.ts'
import { type LedgerEntry } from './payment-ledger.ts'
import { RETRY_AFTER_S, type SimulatorState } from './state.ts'

export function receiveCharge(state: SimulatorState, res: HttpResponse, req: HttpRequest): void {
  const responder = new Responder(res)
  const isJson = /^application\/(?:[^;]+\+)?json\b/i.test(req.getHeader('content-type'))
  readBody(res, responder, (text) => {
    state.sends.receive()
    const caller = () => {
      if (isJson) charge(state, responder, text)
      else refuse(state, responder, 415)
    }
    responder.onGone(() => {
      if (state.calls.withdraw(caller)) state.sends.count('withdrawn')
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
  if (fault) state.sends.countFault(fault.kind)
  if (fault?.kind === 'limited') {
    limit(state, responder)
    state.calls.leave()
    return
  }
  const finish = () => {
    if (state.closed) return
    if (state.switches.failing) {
      state.sends.count('failed')
      responder.answer({ status: 500 })
    } else if (fault) {
      answerFaulty(state, { responder, entry, fault })
    } else {
      answerRightly(state, responder, entry)
    }
    state.calls.leave()
  }
  const delayMs = state.switches.delayMs + (fault?.kind === 'slow' ? waitMsOf(fault) : 0)
  if (delayMs > 0) state.clock.setTimeout(finish, delayMs)
  else finish()
}

function limit(state: SimulatorState, responder: Responder): void {
  state.sends.count('limited')
  responder.answer({ status: 429, retryAfter: RETRY_AFTER_S })
}

function refuse(state: SimulatorState, responder: Responder, status: 400 | 415): void {
  state.sends.count('malformed')
  responder.answer({ status })
  state.calls.leave()
}

/**
 * Stricter than the source in one point: there a missing field counts as zero, here it is
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

/** Body of the answer to a charge that was recorded. */
const SUCCESS = '{"message":"payment processed successfully"}'

/** Inserts a charge if its id is new, and counts the result. */
function record(state: SimulatorState, entry: LedgerEntry): 'recorded' | 'known' | 'full' {
  const result = state.ledger.insert(entry, state.clock.now())
  state.sends.count(result === 'full' ? 'failed' : result)
  return result
}

/** Inserts a charge and says how that went: 200, 422 for a known id, 500 for a full ledger. */
function answerRightly(state: SimulatorState, responder: Responder, entry: LedgerEntry): void {
  const result = record(state, entry)
  if (result === 'recorded') {
    responder.answer({ status: 200, body: SUCCESS })
  } else if (result === 'known') {
    const message = `CorrelationId already exists: ${entry.correlationId}`
    responder.answer({ status: 422, body: JSON.stringify({ message }) })
  } else {
    responder.answer({ status: 500, body: '{"message":"the ledger is full"}' })
  }
}

/** Bytes of a huge answer: valid JSON, far more than any client should read. */
const HUGE_ANSWER_BYTES = 8_388_608

let hugeAnswer: Buffer | undefined

interface FaultyCharge {
  readonly responder: Responder
  readonly entry: LedgerEntry
  readonly fault: Fault<ChargeFaultKind>
}

/** Ends a charge that met a fault, after its delay; `limited` has been answered before that. */
function answerFaulty(state: SimulatorState, { responder, entry, fault }: FaultyCharge) {
  const { kind, status = 500 } = fault
  switch (kind) {
    case 'failBeforeRecord':
      state.sends.count('failed')
      return responder.answer({ status })
    case 'resetBeforeRecord':
      state.sends.count('dropped')
      return responder.drop()
    case 'resetThenRecord':
      responder.drop()
      state.clock.setTimeout(() => {
        if (!state.closed) record(state, entry)
      }, waitMsOf(fault))
      return
    case 'slow': // its delay is over
    case 'limited':
      return answerRightly(state, responder, entry)
    default:
      record(state, entry)
      return answerRecorded(state, responder, { ...fault, kind, status })
  }
}

interface RecordedFault extends Fault<ChargeFaultKind> {
  readonly kind: Exclude<
    ChargeFaultKind,
    'failBeforeRecord' | 'resetBeforeRecord' | 'resetThenRecord' | 'slow' | 'limited'
  >
  readonly status: number
}

/** A known id gets the same: such an answer says nothing about the ledger. */
function answerRecorded(state: SimulatorState, responder: Responder, fault: RecordedFault): void {
  switch (fault.kind) {
    case 'failAfterRecord':
      return responder.answer({ status: fault.status })
    case 'resetAfterRecord':
      return responder.drop()
    case 'cutAnswer':
      return responder.cut(SUCCESS)
    case 'dripAnswer':
      return responder.drip(SUCCESS, { clock: state.clock, intervalMs: waitMsOf(fault) })
    case 'emptyAnswer':
      return responder.answer({ status: 200 })
    case 'hugeAnswer':
      return responder.answer({ status: 200, body: huge() })
    case 'notJsonAnswer':
      return responder.answer({
        status: 200,
        body: '<html><body>It works!</body></html>',
        contentType: 'text/html',
      })
  }
}

/** Made once, when it is first needed. */
function huge(): Buffer {
  const frame = '{"message":""}'
  hugeAnswer ??= Buffer.from(`{"message":"${'x'.repeat(HUGE_ANSWER_BYTES - frame.length)}"}`)
  return hugeAnswer
}
