// The answers that a charge gets when it meets a fault. The ledger is told before the client is.

import type { Responder } from './responder.ts'
import type { ChargeFaultKind, Fault } from './faults.ts'
import type { LedgerEntry } from './payment-ledger.ts'
import { answerRightly, record, SUCCESS } from './record.ts'
import type { SimulatorState } from './state.ts'

/** Bytes of a huge answer: valid JSON, far more than any client should read. */
export const HUGE_ANSWER_BYTES = 8_388_608

let hugeAnswer: Buffer | undefined

export interface FaultyCharge {
  readonly responder: Responder
  readonly entry: LedgerEntry
  readonly fault: Fault<ChargeFaultKind>
}

/** Ends a charge that met a fault, after its delay; `limited` has been answered before that. */
export function answerFaulty(state: SimulatorState, { responder, entry, fault }: FaultyCharge) {
  const { kind, delayMs = 0, status = 500 } = fault
  switch (kind) {
    case 'failBeforeRecord':
      state.tally.count('failed')
      return responder.answer({ status })
    case 'resetBeforeRecord':
      state.tally.count('dropped')
      return responder.drop()
    case 'resetThenRecord':
      responder.drop()
      state.clock.setTimeout(() => {
        if (!state.closed) record(state, entry)
      }, delayMs)
      return
    case 'slow': // its delay is over
    case 'limited':
      return answerRightly(state, responder, entry)
    default:
      record(state, entry)
      return answerRecorded(state, responder, { kind, delayMs, status })
  }
}

interface RecordedFault {
  readonly kind:
    | 'failAfterRecord'
    | 'resetAfterRecord'
    | 'cutAnswer'
    | 'dripAnswer'
    | 'emptyAnswer'
    | 'hugeAnswer'
    | 'notJsonAnswer'
  readonly delayMs: number
  readonly status: number
}

/** A known id gets the same: such an answer tells nothing of the ledger. */
function answerRecorded(state: SimulatorState, responder: Responder, fault: RecordedFault): void {
  switch (fault.kind) {
    case 'failAfterRecord':
      return responder.answer({ status: fault.status })
    case 'resetAfterRecord':
      return responder.drop()
    case 'cutAnswer':
      return responder.cut(SUCCESS)
    case 'dripAnswer':
      return responder.drip(SUCCESS, { clock: state.clock, intervalMs: fault.delayMs })
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
