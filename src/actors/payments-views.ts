// Looks at the payments in work for readers. Reads rarely come, so they search the slots; an index
// would cost every payment.

import type { Gauges } from './journal.ts'
import type { Workshop } from './payment-effects.ts'
import { storyOf } from './payment-context.ts'
import type { PaymentState, PaymentStory } from './payment.ts'
import type { SlotTable } from './payment-slots.ts'
import type { Waiting } from './payments-waiting.ts'
import type { Clock } from './ports.ts'

/** What is known of a payment in work; undefined when it is not among them. */
export function findStory(
  clock: Clock,
  slots: SlotTable,
  correlationId: string,
): PaymentStory | undefined {
  let story: PaymentStory | undefined
  slots.forEachUsed(({ record, actor }) => {
    if (record?.correlationId !== correlationId || actor === null) return
    const { value, context } = actor.getSnapshot()
    const acceptedAt = Math.round(clock.wallNow() - (clock.now() - record.acceptedAt))
    story = storyOf(context, value, acceptedAt)
  })
  return story
}

/** How many payments are in memory at this moment, and where. */
export function gaugesOf(
  shop: Pick<Workshop, 'inFlight'>,
  waiting: Pick<Waiting, 'size'>,
  slots: SlotTable,
): Gauges {
  return { ready: waiting.size, inFlight: { ...shop.inFlight }, byState: countStates(slots) }
}

function countStates(slots: SlotTable): Partial<Record<PaymentState, number>> {
  const byState: Partial<Record<PaymentState, number>> = {}
  slots.forEachUsed(({ actor }) => {
    const state = actor?.getSnapshot().value
    if (state !== undefined) byState[state] = (byState[state] ?? 0) + 1
  })
  return byState
}
