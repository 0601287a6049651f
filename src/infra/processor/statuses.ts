// What the status of a processor's answer to a charge says, about the payment and about the
// processor: the one table of it. docs/PROCESSORS.md shows the same rows.

import type { ChargeAnswer } from '../../actors/model/ports.ts'

/** What statuses have in common; each that no row names is in doubt. */
export interface StatusRow {
  /** Single ones, or a range with both ends in it. */
  readonly statuses: readonly (number | readonly [from: number, to: number])[]
  /** What they say about the payment. */
  readonly kind: ChargeAnswer['kind']
  /** What the circuit makes of them. */
  readonly processor: string
  readonly why: string
}

const FAILS = 'fails'

export const STATUS_ROWS: readonly StatusRow[] = [
  {
    statuses: [200],
    kind: 'settled',
    processor: 'works',
    why: 'With the contract’s body, a JSON object whose `message` is a text. In any other form it may be somebody else’s page: in doubt.',
  },
  {
    statuses: [422],
    kind: 'known',
    processor: 'works; in a run over payments that were never sent there: fails',
    why: 'It has seen the id. Only a look-up tells which request landed, if one did.',
  },
  {
    statuses: [400],
    kind: 'denied',
    processor: 'nothing; in a run over different payments: fails',
    why: 'Without a body or with a JSON object, as an API answers: it will never take this payment. That is final once the other processor has denied it too and the payment is `REJECT_AFTER_MS` old. In any other form it is the page of a server in between, which may do better later: refused, and the processor fails.',
  },
  {
    statuses: [500],
    kind: 'failed',
    processor: FAILS,
    why: 'Its own failure, not recorded by the contract; a look-up has to confirm that.',
  },
  {
    statuses: [429],
    kind: 'refused',
    processor: 'takes fewer at a time; without others out: fails',
    why: 'The contract’s limiter, which stands before everything else.',
  },
  {
    statuses: [[300, 399]],
    kind: 'refused',
    processor: FAILS,
    why: 'It points elsewhere instead of acting, and no redirect is followed.',
  },
  {
    statuses: [401, 403, 407, 511],
    kind: 'refused',
    processor: FAILS,
    why: 'It wants credentials or a right first.',
  },
  {
    statuses: [404, 405, 410, 421, 501, 505, 506],
    kind: 'refused',
    processor: FAILS,
    why: 'Nothing there takes this call.',
  },
  {
    statuses: [406, 411, 413, 414, 415, 416, 417, 426, 428, 431],
    kind: 'refused',
    processor: FAILS,
    why: 'It does not take a request of this form, and all requests have the same.',
  },
  {
    statuses: [451],
    kind: 'refused',
    processor: FAILS,
    why: 'It may not act, for legal reasons.',
  },
]

/** What every other status says: 1xx, further 2xx, 408, 409, 425, 499, 502, 503, 504 among them. */
export const OTHER_STATUSES: Omit<StatusRow, 'statuses'> = {
  kind: 'inDoubt',
  processor: FAILS,
  why: 'It may have been acted on before it was answered so, by whoever stands in between.',
}

/** What a status says about the payment; with a 200 and a 400 the body decides. */
export function kindOfStatus(status: number): ChargeAnswer['kind'] {
  return KINDS[status] ?? OTHER_STATUSES.kind
}

const KINDS: readonly (ChargeAnswer['kind'] | undefined)[] = kindsByStatus()

function kindsByStatus(): readonly (ChargeAnswer['kind'] | undefined)[] {
  const kinds = new Array<ChargeAnswer['kind'] | undefined>(600).fill(undefined)
  for (const { statuses, kind } of STATUS_ROWS) {
    for (const each of statuses) {
      const [from, to] = typeof each === 'number' ? [each, each] : each
      kinds.fill(kind, from, to + 1)
    }
  }
  return kinds
}
