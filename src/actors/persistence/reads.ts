// Reads for the edge: one payment, a summary, and the purge. Each request is answered once.

import { tell, type Directory } from '../addresses.ts'
import type { Archive } from '../model/shared-ports.ts'
import { itemsOf } from './pending-queue.ts'
import type { PaymentRequested, PurgeRequested, SummaryRequested } from '../messages.ts'
import { boardFailureOf, ledgerFailureOf } from '../model/ledger-failure.ts'
import { settledOf, type SettledOutcome } from './outcome-batcher.ts'
import type { OutcomeLaneContext } from './outcome-batcher.machine.ts'
import type { PaymentStory, SettledPayment } from '../model/payment.ts'

/**
 * The ledger's story, or, while this instance has settled the payment and not yet written it, that:
 * a payment that a summary counts is never told as open. The lane is looked at before the ledger,
 * so that what is written in between is found there.
 */
export async function findPayment(
  archive: Archive,
  laneNow: () => OutcomeLaneContext,
  request: PaymentRequested,
): Promise<void> {
  const { correlationId } = request
  const settled = unwrittenOf(laneNow()).find((outcome) => outcome.correlationId === correlationId)
  try {
    const told = await archive.ledger.find(correlationId)
    const value = told === undefined || settled === undefined ? told : withSettlement(told, settled)
    request.replyTo(value === undefined ? { kind: 'missing' } : { kind: 'found', value })
  } catch (error) {
    request.replyTo({ kind: 'unavailable', cause: ledgerFailureOf(error) })
  }
}

/**
 * The ledger's totals plus what is settled but not in the ledger yet: this instance's own lane, and
 * what the others put on the board. The board is read first, then the lane, then the ledger, so that a
 * payment flushed in between is in the ledger's snapshot and counted there, once. What the snapshot
 * does not hold as open is counted nowhere else: a settlement of a purged payment may be announced
 * after the purge, and would stand on the board for an hour.
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
  const own = unwrittenOf(laneNow())
  try {
    const { summary, stale } = await ledger.summarize(request.window, union(own, others))
    request.replyTo({ kind: 'found', value: summary })
    if (stale.length > 0) settledBoard.remove(stale).catch(boardFailureOf)
  } catch (error) {
    request.replyTo({ kind: 'unavailable', cause: ledgerFailureOf(error) })
  }
}

/** Payments in memory are dropped once the ledger has forgotten them, lest a failed purge lose them. */
export async function purgeLedger(
  { archive, system }: { readonly archive: Archive; readonly system: Directory },
  request: PurgeRequested,
): Promise<void> {
  try {
    const { purges } = await archive.ledger.purge()
    tell(system, 'payments', { type: 'purges.counted', purges })
    archive.journal.note({ type: 'payments.purged' })
    await archive.settledBoard.clear().catch(boardFailureOf)
    request.replyTo({ kind: 'found', value: null })
  } catch (error) {
    request.replyTo({ kind: 'unavailable', cause: ledgerFailureOf(error) })
  }
}

function unwrittenOf(lane: OutcomeLaneContext): readonly SettledOutcome[] {
  return settledOf([...lane.batch, ...itemsOf(lane.pending)])
}

/** What the ledger holds as settled stands; the attempts are the lane's, which has the last ones. */
function withSettlement(told: PaymentStory, outcome: SettledOutcome): PaymentStory {
  if (told.state === 'settled') return told
  const { correlationId, amountCents, acceptedAt } = told
  const { processor, requestedAt, attempts } = outcome
  const known = { correlationId, amountCents, acceptedAt, attempts }
  return { ...known, state: 'settled', processor, requestedAt }
}

function union(
  own: readonly SettledPayment[],
  others: readonly SettledPayment[],
): readonly SettledPayment[] {
  const ids = new Set(own.map((payment) => payment.correlationId))
  return [...own, ...others.filter((payment) => !ids.has(payment.correlationId))]
}
