// What a processor may say of a payment that cannot be true.

import type { Contradiction, ContradictionKind, ProcessorName } from '../model/payment.ts'
import type { LookUpAnswer } from '../model/ports.ts'
import { ATTEMPTS_KEPT_MAX } from './history.ts'
import type { PaymentContext } from './context.ts'

/**
 * How far the instant of a charge by another instance may lie outside of the payment's life, ms.
 * Clocks of machines may differ by hours; a day is nothing that a clock is off by.
 */
const INSTANT_TOLERANCE_MS = 86_400_000

export type Found = Extract<LookUpAnswer, { kind: 'found' }>

/** An answered look-up: by which processor, and when on both clocks, ms. */
interface Asked {
  readonly processor: ProcessorName
  readonly now: number
  readonly wallNow: number
  /** Purges so far: each has forgotten charges, and their ids may be posted again. */
  readonly purges: number
  /** Whether the ledger may have forgotten charges, however old, of a payment posted again since. */
  readonly isRewound: boolean
}

/** What is wrong with the payment as it was found there; undefined when it is ours. */
export function contradictionIn(
  context: PaymentContext,
  found: Found,
  at: Asked,
): Contradiction | undefined {
  const kind = contradictionKind(context, found, at)
  if (kind === undefined) return undefined
  const { amountCents, requestedAt, foreignId } = found
  const seen = { kind, amountCents, requestedAt }
  return foreignId === undefined ? seen : { ...seen, correlationId: foreignId }
}

function contradictionKind(
  context: PaymentContext,
  found: Found,
  at: Asked,
): ContradictionKind | undefined {
  if (found.foreignId !== undefined) return 'id'
  if (found.amountCents !== context.record.amountCents) return 'amount'
  return mayBeOurs(context, found.requestedAt, at) ? undefined : 'instant'
}

/** Whether a charge with this `requestedAt` may have been sent there for the payment. */
function mayBeOurs(
  { record, attempts }: PaymentContext,
  requestedAt: number,
  { now, wallNow, processor, purges, isRewound }: Asked,
): boolean {
  if (attempts.some((each) => each.processor === processor && each.requestedAt === requestedAt)) {
    return true
  }
  if (isRewound) return requestedAt <= wallNow + INSTANT_TOLERANCE_MS
  // Never owned by another instance and nothing dropped: each instant that was sent is known.
  const isComplete = record.fencingToken === 0 && attempts.length < ATTEMPTS_KEPT_MAX
  if (isComplete && purges === 0) return false
  const acceptedAt = wallNow - (now - record.acceptedAt)
  return (
    requestedAt >= acceptedAt - INSTANT_TOLERANCE_MS &&
    requestedAt <= wallNow + INSTANT_TOLERANCE_MS
  )
}
