// What a viewer is sent several times a second: the state of everything, and what is new since.

import type { Figures } from './figures.ts'
import type { ComparedBooks } from './books.ts'
import type { NewsItem } from './news.ts'
import type { Second } from './seconds.ts'

export interface Frame {
  readonly type: 'frame'
  /** Epoch ms, on this instance's clock. */
  readonly at: number
  readonly instances: readonly InstanceFrame[]
  /** Payments that have gone along each transition, as `from>to`, over all instances. */
  readonly flows: Readonly<Record<string, number>>
  readonly seconds: readonly Second[]
  readonly news: readonly NewsItem[]
  readonly books: ComparedBooks | null
  /** Open payments in the database; null while it does not answer. */
  readonly open: { readonly parked: number; readonly owned: number } | null
}

/** Without what only the plots need. */
export type InstanceFrame = Omit<Figures, 'flows' | 'acceptMs' | 'settleMs'>

export function frameOf(
  figures: readonly Figures[],
  rest: Omit<Frame, 'type' | 'instances' | 'flows'>,
): Frame {
  return {
    type: 'frame',
    instances: figures.map(({ flows: _f, acceptMs: _a, settleMs: _s, ...instance }) => instance),
    flows: addedFlows(figures),
    ...rest,
  }
}

function addedFlows(figures: readonly Figures[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {}
  for (const [from, row] of figures.flatMap(({ flows }) => Object.entries(flows))) {
    for (const [to, payments] of Object.entries(row)) {
      if (payments === 0) continue
      const way = `${from}>${to}`
      sums[way] = (sums[way] ?? 0) + payments
    }
  }
  return sums
}
