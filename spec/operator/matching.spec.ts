// Which payments of a search an operator's order is about, over pages that a spec has written.

import t from 'tap'
import type { FoundPayment, PaymentFilter } from '../../src/actors/model/found-payments.ts'
import { findMatching } from '../../src/operator/matching.ts'
import { uuid } from '../contracts/ledger-words.ts'

const FILTER: PaymentFilter = { amountMin: 1 }

function payment(n: number, change: Partial<FoundPayment> = {}): FoundPayment {
  return { correlationId: uuid(n), amountCents: n, state: 'rejected', inDoubtAt: [], ...change }
}

/** Payments from 1 to `count`, all rejected, newest first. */
function rejectedOnes(count: number): readonly FoundPayment[] {
  return Array.from({ length: count }, (_, index) => payment(index + 1))
}

/** A search that finds these; each page takes that long, ms. */
function searching(payments: readonly FoundPayment[], { pageMs = 0 } = {}) {
  const filters: PaymentFilter[] = []
  let clock = 7
  const finder: Parameters<typeof findMatching>[0] = {
    find: async ({ filter, limit, place }) => {
      filters.push(filter)
      clock += pageMs
      const from = place?.atUs ?? 0
      const to = from + limit
      const older = { direction: 'older', atUs: to, id: uuid(to) } as const
      const page = payments.slice(from, to)
      return to < payments.length ? { payments: page, older } : { payments: page }
    },
  }
  const match = async (limit: number, kind: 'lookUp' | 'redrive' = 'redrive') => {
    const request = { kind, filter: FILTER, limit }
    const { ids, ...rest } = await findMatching(finder, request, () => clock)
    const numbers = ids.map((id) => payments.findIndex((each) => each.correlationId === id) + 1)
    return { ...rest, numbers }
  }
  return { match, filters }
}

t.test('the payments of all pages are found, those that have waited longest first', async (t) => {
  const { match, filters } = searching(rejectedOnes(1_001))

  const { numbers, cents, isCut } = await match(5_000)

  t.same(
    numbers,
    Array.from({ length: 1_001 }, (_, index) => 1_001 - index),
  )
  t.equal(cents, (1_001n * 1_002n) / 2n)
  t.equal(isCut, false)
  t.same(filters, [FILTER, FILTER, FILTER], 'by pages of 500')
})

t.test('a payment that is on two pages is one', async (t) => {
  const once = rejectedOnes(500)
  const { match } = searching([...once, ...once.slice(-1)])

  t.match(await match(501), { numbers: { length: 500 }, cents: 125_250n, isCut: false })
})

t.test('no more than the limit are taken, and whether any are left is told', async (t) => {
  const { match } = searching(rejectedOnes(3))
  t.same(await match(2), { numbers: [2, 1], cents: 3n, isCut: true }, 'on the same page')
  t.same(await match(3), { numbers: [3, 2, 1], cents: 6n, isCut: false })

  const many = searching(rejectedOnes(501))
  t.match(await many.match(500), { numbers: { length: 500 }, isCut: true }, 'on the next page')
  t.equal(many.filters.length, 1, 'which is not asked for')
})

t.test('a search of more than ten seconds ends with its page', async (t) => {
  const { match, filters } = searching(rejectedOnes(2_000), { pageMs: 5_000 })

  t.match(await match(5_000), { numbers: { length: 1_500 }, isCut: true })

  t.equal(filters.length, 3)
})

t.test('parked payments in doubt are looked up, rejected ones redriven, no others', async (t) => {
  const inDoubtAt = ['default'] as const
  const { match } = searching([
    payment(1),
    payment(2, { state: 'parked', inDoubtAt }),
    payment(3, { state: 'parked' }),
    payment(4, { state: 'owned', inDoubtAt }),
    payment(5, { state: 'settled' }),
  ])

  t.same((await match(9, 'redrive')).numbers, [1])
  t.same((await match(9, 'lookUp')).numbers, [2])
})
