// What the accept lane is told, one of each kind, for the specs of its chart.

import type {
  AcceptLaneContext,
  AcceptLaneEvent,
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
export const WRITTEN: AcceptLaneEvent = {
  type: 'batch.written',
  accepted: { results: ['accepted'], purges: 0 },
  tookMs: 1,
  spacingMs: 0,
  leaseId: 7,
}
export const WRITTEN_DENSELY: AcceptLaneEvent = { ...WRITTEN, spacingMs: 2 }
export const UNKNOWN: AcceptLaneEvent = failed(new LedgerUnavailable('accept', 'unknown'))
export const NONE: AcceptLaneEvent = failed(new LedgerUnavailable('accept', 'none'))
export const LOST: AcceptLaneEvent = failed(new LeaseLost('accept'))
export const PAUSED: AcceptLaneEvent = { type: 'pause.elapsed' }
export const WINDOW: AcceptLaneEvent = { type: 'window.elapsed' }
export const SPACING: AcceptLaneEvent = { type: 'spacing.elapsed' }
export const CLOSE: AcceptLaneEvent = { type: 'intake.closed' }
export const PARK: AcceptLaneEvent = { type: 'intake.changed', parks: true }
export const KEEP: AcceptLaneEvent = { type: 'intake.changed', parks: false }

function failed(error: LedgerUnavailable | LeaseLost): AcceptLaneEvent {
  return { type: 'batch.failed', error, leaseId: 7 }
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

/** Ids of all payments in the lane. */
export function idsOf({ batch, pending }: AcceptLaneContext): readonly string[] {
  return [...batch, ...itemsOf(pending)].map(({ correlationId }) => correlationId)
}
