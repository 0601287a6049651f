// Looks at the payments in work for readers. Reads rarely come, so they search the slots; an index
// would cost every payment.

import type { Gauges } from '../model/facts.ts'
import type { PaymentFlows } from './transition-counts.ts'
import type { Workshop } from '../payment/effects.ts'
import type { PaymentState, PaymentStory } from '../model/payment.ts'
import type { SlotTable } from './slots.ts'
import { storyOfSlot, storyOfWaiting } from './payment-status.ts'
import type { Waiting } from './queues.ts'

/** What the floor shows to readers. */
export interface FloorView {
  readonly shop: Workshop
  readonly slots: SlotTable
  readonly waiting: Waiting
  readonly flows: PaymentFlows
}

/** What is known of a payment in memory; undefined when it is not there. */
export function findStory(
  { shop, slots, waiting }: FloorView,
  correlationId: string,
): PaymentStory | undefined {
  let story: PaymentStory | undefined
  slots.forEachUsed((slot) => {
    if (slot.record?.correlationId === correlationId) story = storyOfSlot(shop, slot)
  })
  if (story !== undefined) return story
  for (const [state, ring] of RINGS) {
    const record = waiting[ring].find((each) => each.correlationId === correlationId)
    if (record !== undefined) return storyOfWaiting(shop.clock, record, state)
  }
  return undefined
}

/** How many payments are in memory at this moment, and where. */
export function gaugesOf({ shop, waiting, slots }: FloorView): Gauges {
  return { ready: waiting.size, inFlight: { ...shop.inFlight }, byState: countStates(slots) }
}

export function noteGauges(view: FloorView): void {
  view.shop.journal.note({ type: 'payments.measured', gauges: gaugesOf(view) })
}

/** Stories of up to `limit` payments that are here in this state, in work or waiting for a slot. */
export function listStories(
  { shop, slots, waiting }: FloorView,
  { state, limit }: { state: PaymentState; limit: number },
): readonly PaymentStory[] {
  const stories: PaymentStory[] = []
  slots.forEachUsed((slot) => {
    if (stories.length >= limit || slot.actor?.getSnapshot().value !== state) return
    const story = storyOfSlot(shop, slot)
    if (story !== undefined) stories.push(story)
  })
  const ring = RINGS.find(([begins]) => begins === state)?.[1]
  if (ring === undefined || stories.length >= limit) return stories
  waiting[ring].find((record) => {
    stories.push(storyOfWaiting(shop.clock, record, state))
    return stories.length >= limit
  })
  return stories
}

/** Where those wait that will begin in this state. */
const RINGS: readonly (readonly [PaymentState, 'ready' | 'doubtful'])[] = [
  ['pending', 'ready'],
  ['confirming', 'doubtful'],
]

function countStates(slots: SlotTable): Partial<Record<PaymentState, number>> {
  const byState: Partial<Record<PaymentState, number>> = {}
  slots.forEachUsed(({ actor }) => {
    const state = actor?.getSnapshot().value
    if (state !== undefined) byState[state] = (byState[state] ?? 0) + 1
  })
  return byState
}
