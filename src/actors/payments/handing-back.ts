// A payment in doubt that an operator resolves is handed back to the ledger first: what this instance
// knows of it decides nothing any more, and a charge of it that is under way is in doubt there.

import type { HandedBack } from '../messages.ts'
import type { PaymentsInMemory } from './queries.ts'
import { doubtDelayMs } from './records.ts'
import { reportParked, type ReportParts } from './reports.ts'

interface Resolved {
  readonly correlationId: string
  /** Until when a charge that is under way is in doubt, monotonic ms. */
  readonly endsAt: number
}

/** Due after the pause of a payment in doubt, in which the order is carried out. */
export function handBack(
  { slots, waiting }: PaymentsInMemory,
  reports: ReportParts,
  { correlationId, endsAt }: Resolved,
): HandedBack {
  const found = slots.find(correlationId)
  if (found !== undefined) {
    const { actor } = found
    if (actor.getSnapshot().context.unknownOutcomes.length === 0) return 'busy'
    actor.send({ type: 'payment.recalled', endsAt })
    return 'parked'
  }
  const record = waiting.takeInDoubt(correlationId)
  if (record === undefined) {
    const isReady = waiting.ready.find((each) => each.correlationId === correlationId) !== undefined
    return isReady ? 'busy' : 'absent'
  }
  const delayMs = doubtDelayMs(record.unknownOutcomes, reports.dependencies)
  reportParked(reports, record, { delayMs, rounds: record.rounds })
  return 'parked'
}
