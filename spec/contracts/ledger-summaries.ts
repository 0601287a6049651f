import type { Test } from 'tap'
import type { SettledPayment } from '../../src/actors/model/payment.ts'
import type { MakeLedger } from './ledger.ts'
import { acceptMany, lease, request, settled, uuid } from './ledger-words.ts'

const NOTHING = { payments: 0, cents: 0 }

export function summariesContract(t: Test, makeLedger: MakeLedger): void {
  t.test('a window includes both of its ends, and each end may be missing', async (t) => {
    const { first } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 3 })
    await first.record(
      [1_000, 61_500, 3_700_000].map((requestedAt, n) => settled(n + 1, { requestedAt })),
      mine,
    )
    const count = async (window: { from?: number; to?: number }): Promise<number> =>
      (await first.summarize(window, [])).summary.default.payments

    t.equal(await count({}), 3)
    t.equal(await count({ from: 1_000, to: 3_700_000 }), 3)
    t.equal(await count({ from: 1_001, to: 3_699_999 }), 1)
    t.equal(await count({ from: 61_500 }), 2)
    t.equal(await count({ from: 61_501 }), 1)
    t.equal(await count({ to: 61_500 }), 2)
    t.equal(await count({ to: 61_499 }), 1)
    t.equal(await count({ from: 61_500, to: 61_500 }), 1)
    t.equal(await count({ from: 5_000, to: 2_000 }), 0)
  })

  t.test(
    'payments that are not flushed yet are counted once, inside the window only',
    async (t) => {
      const { first } = await makeLedger()
      const mine = await lease(first)
      await acceptMany(first, { ...mine, count: 4 })
      const unflushed: SettledPayment[] = [
        settled(1),
        settled(2, { processor: 'fallback', requestedAt: 2_000 }),
        settled(3, { requestedAt: 9_000 }),
      ]
      await first.record([settled(1)], mine)

      const { summary, stale } = await first.summarize({ to: 5_000 }, [...unflushed, ...unflushed])

      t.strictSame(summary, {
        default: { payments: 1, cents: 1_990 },
        fallback: { payments: 1, cents: 1_990 },
      })
      t.strictSame(stale, [uuid(1)])
      for (const [window, count] of [
        [{ from: 2_000, to: 9_000 }, 2],
        [{ from: 2_001, to: 8_999 }, 0],
        [{ from: 2_000 }, 2],
        [{ to: 9_000 }, 3],
      ] as const) {
        const { summary: within } = await first.summarize(window, unflushed)
        t.equal(within.default.payments + within.fallback.payments, count)
      }
    },
  )

  t.test('a settlement that a purge has forgotten is not counted', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 2 })
    await second.purge()
    await first.accept([request(2)], { ...mine, parked: false })
    const announced = [settled(1), settled(2), settled(3)]

    const { summary, stale } = await second.summarize({}, announced)

    t.strictSame(summary, { default: { payments: 1, cents: 1_990 }, fallback: NOTHING })
    t.strictSame(stale, [uuid(1), uuid(3)])
  })

  t.test('a settlement of another amount than the open payment has is not counted', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    await first.accept([request(1, 2_706)], { ...mine, parked: false })
    const announced = [settled(1, { amountCents: 2_705 })]

    const { summary, stale } = await second.summarize({}, announced)

    t.strictSame(summary, { default: NOTHING, fallback: NOTHING })
    t.strictSame(stale, [uuid(1)])
  })

  t.test('a summary counts a payment before, during and after its flush', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 100 })
    const all = Array.from({ length: 100 }, (_, index) => settled(index + 1))

    const flushes = Array.from({ length: 10 }, (_, batch) =>
      first.record(all.slice(batch * 10, batch * 10 + 10), mine),
    )
    for (let round = 0; round < 10; round += 1) {
      const { summary } = await second.summarize({}, all)
      t.strictSame(summary, { default: { payments: 100, cents: 199_000 }, fallback: NOTHING })
    }
    await Promise.all(flushes)
    const { summary, stale } = await second.summarize({}, all)
    t.equal(summary.default.payments, 100)
    t.equal(stale.length, 100)
  })

  t.test('the summary of an empty ledger is zero', async (t) => {
    const { first } = await makeLedger()
    t.strictSame(await first.summarize({ from: 0, to: 10 }, []), {
      summary: { default: NOTHING, fallback: NOTHING },
      stale: [],
    })
  })
  t.end()
}
