// What the world saw of one payment, kept apart from the chart, and what must never be seen.

import assert from 'node:assert/strict'
import { ATTEMPTS_KEPT_MAX } from '../../src/actors/payment/history.ts'
import type { PaymentEvent, TrackedUnknownOutcome } from '../../src/actors/payment/context.ts'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type { PaymentSnapshot } from './payment-samples.ts'

interface Sent {
  readonly processor: ProcessorName
  readonly requestedAt: number
}

type OpenDoubts = Map<
  ProcessorName,
  { endsAt: number; settleBy: number; requestedAt: number | null }
>

export interface PaymentHistory {
  /** A step that the chart has taken, with the effects that it asked for, in order. */
  take(event: PaymentEvent | null, after: PaymentSnapshot, effects: readonly string[]): void
  /** Charges sent, in order. */
  readonly sent: readonly Sent[]
}

/**
 * Follows one payment's events and effects with books of its own. Throws when a charge goes to one
 * processor while another may have the payment, when a repeated request is not the same, or when
 * the payment leaves and forgets an unknown outcome or claims a settlement that no event reported.
 */
export function paymentHistory(unknownOutcomes: readonly TrackedUnknownOutcome[]): PaymentHistory {
  const open: OpenDoubts = new Map(
    unknownOutcomes.map(({ processor, endsAt, settleBy, requestedAt }) => [
      processor,
      { endsAt, settleBy, requestedAt },
    ]),
  )
  const sent: Sent[] = []
  const deniers = new Set<ProcessorName>()
  let inFlight: Sent | null = null
  let settlement: Sent | null = null

  const hear = (event: PaymentEvent): void => {
    if (inFlight !== null) {
      if (event.type === 'charge.settled') settlement = inFlight
      if ('endsAt' in event) pin(open, inFlight, event)
      if (event.type === 'charge.denied') deniers.add(inFlight.processor)
      if (ENDS_CHARGE.test(event.type)) inFlight = null
    } else if (event.type === 'lookup.found') {
      settlement = { processor: event.processor, requestedAt: event.requestedAt }
    } else if (event.type === 'lookup.missing') {
      const doubt = open.get(event.processor)
      const { askedAt, proof } = event
      if (doubt === undefined || proof === 'none') return
      const provenAt = proof === 'control' ? doubt.endsAt : doubt.settleBy
      if (askedAt >= provenAt) open.delete(event.processor)
    }
  }

  return {
    sent,
    take(event, after, effects) {
      if (event !== null) hear(event)
      for (const effect of effects) {
        if (effect !== 'sendCharge') continue
        const attempt = after.context.attempt
        assert(attempt !== null, 'a charge has an attempt')
        checkCharge(open, attempt)
        inFlight = { processor: attempt.processor, requestedAt: attempt.requestedAt }
        sent.push(inFlight)
      }
      assert(after.context.attempts.length <= ATTEMPTS_KEPT_MAX, 'attempts are bounded')
      checkDoubts(open, after)
      if (after.status === 'done') checkLeaving(open, after, settlement)
      const isRejected = after.value === 'rejected'
      assert(!isRejected || deniers.size === 2, 'rejected before both processors denied it')
    },
  }
}

const ENDS_CHARGE = /^(charge\.|payment\.recalled)/

function pin(open: OpenDoubts, { processor, requestedAt }: Sent, event: PaymentEvent): void {
  if (!('endsAt' in event)) return
  const earlier = open.get(processor)
  const sentBy = 'settleBy' in event ? event.settleBy : event.endsAt
  open.set(processor, {
    endsAt: Math.max(event.endsAt, earlier?.endsAt ?? event.endsAt),
    settleBy: Math.max(sentBy, earlier?.settleBy ?? sentBy),
    requestedAt: event.type === 'charge.known' ? null : requestedAt,
  })
}

function checkCharge(open: OpenDoubts, { processor, requestedAt }: Sent): void {
  for (const [name, doubt] of open) {
    assert.equal(name, processor, `sent to ${processor} while ${name} may have it`)
    assert.equal(requestedAt, doubt.requestedAt, 'a repeated request carries its first stamp')
  }
}

/** The chart's unknown outcomes are those of the books: none forgotten, none made up. */
function checkDoubts(open: OpenDoubts, { context }: PaymentSnapshot): void {
  const known = context.unknownOutcomes.map(({ processor, endsAt, settleBy, requestedAt }) => {
    return [processor, { endsAt, settleBy, requestedAt }] as const
  })
  assert.deepEqual(new Map(known), open)
  assert.equal(known.length, open.size)
}

function checkLeaving(open: OpenDoubts, after: PaymentSnapshot, settlement: Sent | null): void {
  const { output, value } = after
  assert.equal(output?.kind, value)
  const landed = output?.context.settlement ?? null
  assert.deepEqual(
    landed && { processor: landed.processor, requestedAt: landed.requestedAt },
    settlement,
    'it settles as reported',
  )
  assert.equal(value === 'settled', settlement !== null)
  if (value === 'rejected') assert.equal(open.size, 0, 'rejected while a processor may have it')
}
