// Reads for the edge: one payment, a summary, and the purge. Each request is answered once.

import type { Archive } from './archive.ts'
import { itemsOf } from './backlog.ts'
import type { PaymentRequested, PurgeRequested, SummaryRequested } from './events.ts'
import { boardFailureOf, ledgerFailureOf } from './ledger-failure.ts'
import { settledOf } from './outcome-lane.ts'
import type { OutcomeLaneContext } from './outcome-lane.machine.ts'
import type { SettledPayment } from './payment.ts'

export async function findPayment(archive: Archive, request: PaymentRequested): Promise<void> {
  try {
    const value = await archive.ledger.find(request.correlationId)
    request.replyTo(value === undefined ? { kind: 'missing' } : { kind: 'found', value })
  } catch (error) {
    request.replyTo({ kind: 'unavailable', cause: ledgerFailureOf(error) })
  }
}

/**
 * The ledger's totals plus what is settled but not in the ledger yet: this instance's own lane, and
 * what the others put on the board. The board is read first, then the lane, then the ledger, so that a
 * payment flushed in between is in the ledger's snapshot and counted there, once.
 */
export async function summarize(
  archive: Archive,
  laneNow: () => OutcomeLaneContext,
  request: SummaryRequested,
): Promise<void> {
  const { ledger, settledBoard } = archive
  const others = await settledBoard.read().catch((error: unknown) => {
    boardFailureOf(error)
    return []
  })
  const lane = laneNow()
  const own = settledOf([...lane.batch, ...itemsOf(lane.pending)])
  try {
    const { summary, flushed } = await ledger.summarize(request.window, union(own, others))
    request.replyTo({ kind: 'found', value: summary })
    if (flushed.length > 0) settledBoard.remove(flushed).catch(boardFailureOf)
  } catch (error) {
    request.replyTo({ kind: 'unavailable', cause: ledgerFailureOf(error) })
  }
}

export async function purgeLedger(archive: Archive, request: PurgeRequested): Promise<void> {
  try {
    await archive.ledger.purge()
    await archive.settledBoard.clear().catch(boardFailureOf)
    request.replyTo({ kind: 'found', value: null })
  } catch (error) {
    request.replyTo({ kind: 'unavailable', cause: ledgerFailureOf(error) })
  }
}

function union(
  own: readonly SettledPayment[],
  others: readonly SettledPayment[],
): readonly SettledPayment[] {
  const ids = new Set(own.map((payment) => payment.correlationId))
  return [...own, ...others.filter((payment) => !ids.has(payment.correlationId))]
}
