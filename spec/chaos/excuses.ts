// Which faults of payments the world itself brought about, by going beyond a bound that RELIABILITY.md
// names. Nothing that Pit says of a payment is an excuse.

import type { Beyond, Oracle } from '../simulation/worlds/oracle.ts'
import type { AllBooks, PaymentFault } from './books.ts'
import type { Ledgers, Recorded } from './ledgers.ts'

/** Payments that went beyond one bound, and those of them that are at fault. */
export interface ExcusedCount {
  readonly payments: number
  readonly atFault: number
}

export interface JudgedFaults {
  readonly faults: readonly PaymentFault[]
  /** By bound; without those that nothing went beyond. */
  readonly excused: Readonly<Partial<Record<Beyond, ExcusedCount>>>
  /** Payments that both processors refused with 400 and Pit gave up. */
  readonly refusedByBoth: number
  /** What Pit has to tell of windows: the processors' ledgers without what is excused in them. */
  readonly ledgers: Ledgers
}

/**
 * Takes out what is excused, payment by payment. What was recorded with another amount, or without
 * being posted, has no excuse.
 */
export function excuse(
  all: readonly PaymentFault[],
  { ledgers, pit }: AllBooks,
  oracle: Pick<Oracle, 'beyond' | 'mayBeRejected'>,
): JudgedFaults {
  const isRefused = ({ kind, correlationId: id }: PaymentFault): boolean =>
    kind === 'lost' && pit.get(id)?.state === 'rejected' && oracle.mayBeRejected(id)
  const isBeyond = ({ kind, correlationId: id }: PaymentFault): boolean =>
    kind !== 'stranger' && oracle.beyond.has(id)
  const excused = new Set(all.filter(isBeyond).map(({ correlationId }) => correlationId))
  const counts: Partial<Record<Beyond, ExcusedCount>> = {}
  for (const [id, bound] of oracle.beyond) {
    const { payments, atFault } = counts[bound] ?? { payments: 0, atFault: 0 }
    counts[bound] = { payments: payments + 1, atFault: atFault + (excused.has(id) ? 1 : 0) }
  }
  return {
    faults: all.filter((fault) => !isRefused(fault) && !isBeyond(fault)),
    excused: counts,
    refusedByBoth: all.filter((fault) => isRefused(fault) && !isBeyond(fault)).length,
    ledgers: replace(excused, { ledgers, pit }),
  }
}

/** Instead of what they recorded of these payments, the ledgers have what Pit has. */
function replace(
  ids: ReadonlySet<string>,
  { ledgers, pit }: Pick<AllBooks, 'ledgers' | 'pit'>,
): Ledgers {
  const kept = (processor: keyof Ledgers): readonly Recorded[] => {
    const own = ledgers[processor].filter(({ correlationId }) => !ids.has(correlationId))
    const byPit = [...ids].flatMap((correlationId): readonly Recorded[] => {
      const row = pit.get(correlationId)
      if (row?.state !== 'settled' || row.processor !== processor) return []
      const { amountCents, requestedAt = 0 } = row
      return [{ correlationId, amountCents, requestedAt }]
    })
    return [...own, ...byPit]
  }
  return { default: kept('default'), fallback: kept('fallback') }
}

export function describeExcuses({
  excused,
  refusedByBoth,
}: Pick<JudgedFaults, 'excused' | 'refusedByBoth'>): string {
  const bounds = Object.entries(excused).map(
    ([bound, { payments, atFault }]) => `${payments} ${bound} (${atFault} at fault)`,
  )
  return `beyond a bound: ${bounds.join(', ') || 'none'}; refused by both: ${refusedByBoth}`
}
