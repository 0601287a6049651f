// What clients read, one payment or a summary, the purge, and what a control asks for. Each request
// is answered once.

import {
  tell,
  type ControlRequested,
  type Directory,
  type PaymentRequested,
  type PurgeRequested,
  type SummaryRequested,
  type Unavailable,
} from '../messages.ts'
import type { SharedPorts } from '../model/ports.ts'
import { itemsOf } from './pending-queue.ts'
import {
  cacheFailureOf,
  DamagedPayment,
  isRefused,
  ledgerFailureOf,
  troubleOf,
} from '../model/errors.ts'
import { settledOf } from './outcome-batcher.ts'
import type { OutcomeBatcherContext } from './outcome-batcher.machine.ts'
import type { Outcome, PaymentStatus, SettledPayment } from '../model/payment.ts'

/**
 * What the ledger knows of a payment. While this instance has settled or rejected it and not yet
 * written that, it is added: a payment that a summary counts is never shown as open. The batcher is
 * read before the ledger, so that what is written in between is found there.
 */
export async function findPayment(
  ports: SharedPorts,
  outcomesNow: () => OutcomeBatcherContext,
  request: PaymentRequested,
): Promise<void> {
  const { correlationId } = request
  const own = unwrittenOf(outcomesNow()).filter((each) => each.correlationId === correlationId)
  try {
    const found = await ports.ledger.find(correlationId)
    const value = found === undefined ? undefined : withEnd(found, own)
    request.replyTo(value === undefined ? { kind: 'missing' } : { kind: 'found', value })
  } catch (error) {
    if (error instanceof DamagedPayment) {
      request.replyTo({ kind: 'damaged' })
      return
    }
    request.replyTo(unavailable(ports, { operation: 'find', error }))
  }
}

/**
 * The ledger's totals plus what is settled but not in the ledger yet: in this instance's own
 * batcher, and in the settled set, which has that of the others. The settled set is read first,
 * then the batcher, then the ledger, so that a payment written in between is in the ledger's
 * snapshot and is counted there, once. What the snapshot does not hold as open is counted nowhere
 * else: a settlement of a purged payment may be published after the purge, and would stay in the
 * set for an hour.
 */
export async function summarize(
  ports: SharedPorts,
  outcomesNow: () => OutcomeBatcherContext,
  request: SummaryRequested,
): Promise<void> {
  const { ledger, settledSet } = ports
  const others = await settledSet.read().catch((error: unknown) => {
    cacheFailureOf(error)
    return []
  })
  const own = settledOf(unwrittenOf(outcomesNow()))
  try {
    const { summary, stale } = await ledger.summarize(request.window, union(own, others))
    request.replyTo({ kind: 'found', value: summary })
    if (stale.length > 0) settledSet.remove(stale).catch(cacheFailureOf)
  } catch (error) {
    request.replyTo(unavailable(ports, { operation: 'summarize', error }))
  }
}

export async function findControl(
  ports: SharedPorts,
  { processor, replyTo }: ControlRequested,
): Promise<void> {
  try {
    replyTo(await ports.ledger.findControl(processor))
  } catch (error) {
    replyTo(unavailable(ports, { operation: 'findControl', error }))
  }
}

/** Drops the payments in memory once the ledger has deleted them: a failed purge loses none. */
export async function purgeLedger(
  { ports, system }: { readonly ports: SharedPorts; readonly system: Directory },
  request: PurgeRequested,
): Promise<void> {
  try {
    const { purges } = await ports.ledger.purge()
    tell(system, 'payments', { type: 'purges.counted', purges })
    ports.telemetry.emit({ type: 'payments.purged' })
    await ports.settledSet.clear().catch(cacheFailureOf)
    request.replyTo({ kind: 'found', value: null })
  } catch (error) {
    const answer = unavailable(ports, { operation: 'purge', error })
    request.replyTo(isRefused(error) ? { kind: 'refused', words: error.refusal.words } : answer)
  }
}

/** The answer to a read that failed, which is told. A bug is thrown on, and ends the process. */
function unavailable(
  { telemetry }: SharedPorts,
  { operation, error }: { readonly operation: string; readonly error: unknown },
): Unavailable {
  const failure = ledgerFailureOf(error)
  telemetry.emit({ type: 'ledger.failed', operation, cause: failure.message })
  return { kind: 'unavailable', why: troubleOf(failure) }
}

/** The outcomes that this instance has not written, those that PostgreSQL refused among them. */
export function unwrittenOf(batcher: OutcomeBatcherContext): readonly Outcome[] {
  return [...batcher.batch, ...itemsOf(batcher.pending), ...batcher.aside]
}

/**
 * The status with the end that this instance has not written yet. What the ledger has as final
 * stands, and a settlement counts more than a decision. The batcher has the last attempts.
 */
function withEnd(found: PaymentStatus, own: readonly Outcome[]): PaymentStatus {
  if (found.state === 'settled' || found.state === 'rejected') return found
  const ends = own.filter((outcome) => outcome.kind !== 'parked')
  const end = ends.find(({ kind }) => kind === 'settled') ?? ends[0]
  if (end === undefined) return found
  const { correlationId, amountCents, acceptedAt } = found
  const known = { correlationId, amountCents, acceptedAt, attempts: end.attempts }
  if (end.kind === 'rejected') return { ...known, state: 'rejected' }
  return { ...known, state: 'settled', processor: end.processor, requestedAt: end.requestedAt }
}

function union(
  own: readonly SettledPayment[],
  others: readonly SettledPayment[],
): readonly SettledPayment[] {
  const ids = new Set(own.map((payment) => payment.correlationId))
  return [...own, ...others.filter((payment) => !ids.has(payment.correlationId))]
}
