// Which payments that are open in the end have to be settled, and which of them nobody can settle.

import type { World } from './world.ts'
import type { Lasting } from './worlds/faults.ts'

/** Payments that are open, and that someone can be held to settle. */
export function leftOpen(world: World): readonly string[] {
  const { ledgerStore, oracle } = world
  return [...ledgerStore.open.keys()].filter(
    (id) => !oracle.beyond.has(id) && !isContradicted(world, id),
  )
}

/**
 * Whether a processor has it as it was posted: it is found there, whatever the other one has. Or a
 * word of an operator has ended its doubts: it is about to be charged.
 */
export function mayBeSettled({ servers, ledgerStore, postings }: World, id: string): boolean {
  const row = ledgerStore.rows.get(id)
  if (row?.owner === null && row.unknownOutcomes.length === 0) return true
  // What a processor has from before a purge is no settlement of what was posted since.
  if (postings.byId.get(id)?.isForgotten === true) return false
  return Object.values(servers).some(
    ({ ledger }) => ledger.get(id)?.amountCents === row?.amountCents,
  )
}

/** Whether nobody can know what became of it at a processor that answers no look-up any more. */
export function isStuck(
  { oracle, ledgerStore }: World,
  lasting: Lasting | undefined,
  id: string,
): boolean {
  if (oracle.foreign.has(id)) return true
  if (lasting === undefined) return false
  const { processor, conduct } = lasting
  // After a rewind whatever is posted is in doubt at first.
  if (conduct.lookUp !== null && ledgerStore.history.rewinds > 0) return true
  const isInDoubt = oracle.takenOver.has(id) || oracle.isInDoubtAt(processor, id)
  return conduct.lookUp !== null && isInDoubt
}

/**
 * Whether a processor has it from before a purge or a loss, with another amount: posted again it stays open,
 * until a person decides.
 */
function isContradicted({ postings, servers, ledgerStore }: World, id: string): boolean {
  const { isForgotten = false, lostAt = null } = postings.byId.get(id) ?? {}
  if (!isForgotten && lostAt === null) return false
  const amountCents = ledgerStore.rows.get(id)?.amountCents
  return Object.values(servers).some(({ ledger }) => {
    const recorded = ledger.get(id)
    return recorded !== undefined && recorded.amountCents !== amountCents
  })
}
