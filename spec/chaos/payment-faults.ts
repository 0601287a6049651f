// Compares, payment by payment, what was posted, what the processors recorded and what Pit says.

import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type { PitPayment } from './pit-ledger.ts'
import type { Ledgers, Recorded } from './processor-ledger.ts'
import type { Posted } from './register.ts'

/**
 * - `lost`: answered 202 and in no ledger;
 * - `paidTwice`: in both ledgers, or twice in one;
 * - `misattributed`: Pit and the ledger differ in processor, instant, amount or in whether it is
 *   settled at all;
 * - `stranger`: in a ledger and never posted, or posted with another amount.
 */
export type PaymentFaultKind = 'lost' | 'paidTwice' | 'misattributed' | 'stranger'

export interface PaymentFault {
  readonly kind: PaymentFaultKind
  readonly correlationId: string
  /** When it was posted, ms from the start of the load; undefined when it never was. */
  readonly atMs: number | undefined
  readonly detail: string
}

export interface AllBooks {
  readonly posted: ReadonlyMap<string, Posted>
  readonly ledgers: Ledgers
  readonly pit: ReadonlyMap<string, PitPayment>
}

interface Entry extends Recorded {
  readonly processor: ProcessorName
}

export const PROCESSORS: readonly ProcessorName[] = ['default', 'fallback']

/** Every payment at fault; a payment may be at fault in more than one way. */
export function findPaymentFaults({ posted, ledgers, pit }: AllBooks): readonly PaymentFault[] {
  const entries = new Map<string, Entry[]>()
  for (const processor of PROCESSORS) {
    for (const recorded of ledgers[processor]) {
      const entry = { ...recorded, processor }
      const earlier = entries.get(recorded.correlationId)
      if (earlier === undefined) entries.set(recorded.correlationId, [entry])
      else earlier.push(entry)
    }
  }
  const faults: PaymentFault[] = []
  for (const id of new Set([...posted.keys(), ...entries.keys(), ...pit.keys()])) {
    const atMs = posted.get(id)?.atMs
    const found = judge(posted.get(id), entries.get(id) ?? [], pit.get(id))
    faults.push(...found.map((fault) => ({ ...fault, correlationId: id, atMs })))
  }
  return faults
}

type Judged = Pick<PaymentFault, 'kind' | 'detail'>

function judge(
  posted: Posted | undefined,
  entries: readonly Entry[],
  pit: PitPayment | undefined,
): readonly Judged[] {
  const faults: Judged[] = []
  const [first] = entries
  const told = entries.map(describe).join(', ')
  if (posted?.accepted === true && first === undefined) {
    faults.push({ kind: 'lost', detail: `answered 202, recorded nowhere, Pit: ${say(pit)}` })
  }
  if (entries.length > 1) faults.push({ kind: 'paidTwice', detail: `recorded as ${told}` })
  if (first !== undefined && posted?.amountCents !== first.amountCents) {
    const detail = `recorded as ${told}, posted with ${posted?.amountCents ?? 'nothing'}`
    faults.push({ kind: 'stranger', detail })
  }
  if (!agree(first, pit)) {
    faults.push({ kind: 'misattributed', detail: `recorded as ${told || 'nothing'}, ${say(pit)}` })
  }
  return faults
}

/** What was posted without a 202 may be unknown to Pit; nothing else may differ. */
function agree(entry: Entry | undefined, pit: PitPayment | undefined): boolean {
  if (entry === undefined) return pit?.state !== 'settled'
  return (
    pit?.state === 'settled' &&
    pit.processor === entry.processor &&
    pit.requestedAt === entry.requestedAt &&
    pit.amountCents === entry.amountCents
  )
}

function describe({ processor, requestedAt, amountCents }: Entry): string {
  return `${amountCents} cents at ${processor} requested ${new Date(requestedAt).toISOString()}`
}

function say(pit: PitPayment | undefined): string {
  if (pit === undefined) return 'Pit does not know it'
  const { state, processor, requestedAt } = pit
  const at = requestedAt === undefined ? 'never' : new Date(requestedAt).toISOString()
  return `Pit says ${state} at ${processor ?? 'nobody'} requested ${at}`
}
