// The last step of a charge: the ledger is told, then the client.

import type { Responder } from './responder.ts'
import type { LedgerEntry } from './payment-ledger.ts'
import type { SimulatorState } from './state.ts'

/** Body of the answer to a charge that was recorded. */
export const SUCCESS = '{"message":"payment processed successfully"}'

/** Inserts a charge if its id is new, and counts what came of it. */
export function record(state: SimulatorState, entry: LedgerEntry): 'recorded' | 'known' | 'full' {
  const result = state.ledger.insert(entry, state.clock.now())
  state.tally.count(result === 'full' ? 'failed' : result)
  return result
}

/** Inserts a charge and says how that went: 200, 422 for a known id, 500 for a full ledger. */
export function answerRightly(
  state: SimulatorState,
  responder: Responder,
  entry: LedgerEntry,
): void {
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
