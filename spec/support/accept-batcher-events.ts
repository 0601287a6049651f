// One event of each kind that the accept batcher receives, for the specs of its chart.

import type {
  AcceptBatcherContext,
  AcceptBatcherEvent,
} from '../../src/actors/persistence/accept-batcher.machine.ts'
import { itemsOf } from '../../src/actors/persistence/pending-queue.ts'
import { LeaseLost, LedgerUnavailable } from '../../src/actors/model/errors.ts'
import type { PaymentReceived } from '../../src/actors/messages.ts'

export const AT_ONCE = { batchMax: 2, windowMs: 0, commitsMax: 500, pendingMax: 3 }
export const GATHERING = { ...AT_ONCE, windowMs: 2 }

export function received(correlationId: string): PaymentReceived {
  return { type: 'payment.received', correlationId, amountCents: 1990, replyTo: () => undefined }
}

export const A = received('a')
export const B = received('b')
export const C = received('c')
export const D = received('d')
export const E = received('e')
export const WRITTEN: AcceptBatcherEvent = {
  type: 'batch.written',
  accepted: { results: ['accepted'], purges: 0 },
  tookMs: 1,
  spacingMs: 0,
  leaseId: 7,
}
export const WRITTEN_DENSELY: AcceptBatcherEvent = { ...WRITTEN, spacingMs: 1 }
export const UNKNOWN: AcceptBatcherEvent = failed(new LedgerUnavailable('accept', 'unknown'))
export const NONE: AcceptBatcherEvent = failed(new LedgerUnavailable('accept', 'none'))
export const LOST: AcceptBatcherEvent = failed(new LeaseLost('accept'))
export const PAUSED: AcceptBatcherEvent = { type: 'pause.elapsed' }
export const WINDOW: AcceptBatcherEvent = { type: 'window.elapsed' }
export const SPACING: AcceptBatcherEvent = { type: 'spacing.elapsed' }
export const CLOSE: AcceptBatcherEvent = { type: 'intake.closed' }
export const PARK: AcceptBatcherEvent = { type: 'intake.changed', parks: true }
export const KEEP: AcceptBatcherEvent = { type: 'intake.changed', parks: false }

function failed(error: LedgerUnavailable | LeaseLost): AcceptBatcherEvent {
  return { type: 'batch.failed', error }
}

export const EVENTS = {
  received: E,
  window: WINDOW,
  spacing: SPACING,
  written: WRITTEN,
  dense: WRITTEN_DENSELY,
  failed: UNKNOWN,
  paused: PAUSED,
  parks: PARK,
  close: CLOSE,
}

/** Ids of all payments in the pool. */
export function idsOf({ batch, pending }: AcceptBatcherContext): readonly string[] {
  return [...batch, ...itemsOf(pending)].map(({ correlationId }) => correlationId)
}
