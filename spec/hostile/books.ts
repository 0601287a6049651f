// After the attack: whether there is exactly what valid requests asked for, everywhere.

import { findPaymentFaults } from '../chaos/payment-faults.ts'
import type { PitPayment } from '../chaos/pit-ledger.ts'
import type { Posted } from '../chaos/register.ts'
import type { Ledgers } from '../chaos/processor-ledger.ts'

/** A sentence for each payment that should not exist, is lost, or differs between the books. */
export function findBookFaults(books: {
  readonly posted: ReadonlyMap<string, Posted>
  readonly ledgers: Ledgers
  readonly pit: ReadonlyMap<string, PitPayment>
}): readonly string[] {
  const { posted, pit } = books
  const unasked = [...pit].flatMap(([id, { amountCents, state }]) => {
    const asked = posted.get(id)
    if (asked?.amountCents === amountCents) return []
    const by = asked === undefined ? 'by nobody' : `with ${asked.amountCents} cents`
    return [`${id} is ${state} with ${amountCents} cents and was asked for ${by}`]
  })
  const missing = [...posted].flatMap(([id, { accepted }]) =>
    accepted && !pit.has(id) ? [`${id} was answered 202, and Pit does not know it`] : [],
  )
  const differing = findPaymentFaults(books).map(
    ({ kind, correlationId, detail }) => `${correlationId} ${kind}: ${detail}`,
  )
  return [...unasked, ...missing, ...differing]
}
