import type { Test } from 'tap'
import type { MakeLedger } from './ledger.ts'
import { acceptMany, lease, parked, rejected, request, settled, uuid } from './ledger-words.ts'

const DAY_MS = 86_400_000

export function controlsContract(t: Test, makeLedger: MakeLedger): void {
  t.test('a control asks for the newest payment that is settled at its processor', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 6 })
    const at = (n: number, requestedAt: number): Promise<unknown> =>
      first.record([settled(n, { requestedAt })], mine)
    await at(1, 40 * DAY_MS + 7_203_005)
    await at(2, 40 * DAY_MS + 7_203_007)
    await at(3, 40 * DAY_MS + 7_203_006)
    await at(4, 39 * DAY_MS + 86_399_999)

    t.strictSame(await second.findControl('default'), { kind: 'found', correlationId: uuid(2) })
    await at(5, 40 * DAY_MS + 7_261_000)
    t.strictSame(await second.findControl('default'), { kind: 'found', correlationId: uuid(5) })
    await at(6, 41 * DAY_MS)
    t.strictSame(await second.findControl('default'), { kind: 'found', correlationId: uuid(6) })
  })

  t.test(
    'a control is found however much the other processor has settled since, hour by hour',
    async (t) => {
      const { first } = await makeLedger()
      const mine = await lease(first)
      await acceptMany(first, { ...mine, count: 6 })
      const since = [1, 1_000, 60_000, 3_600_000, 50 * DAY_MS]
      const outcomes = since.map((afterMs, index) =>
        settled(index + 2, { requestedAt: 3 * DAY_MS + afterMs }),
      )
      const only = settled(1, { processor: 'fallback', requestedAt: 3 * DAY_MS })

      await first.record([only, ...outcomes], mine)

      t.strictSame(await first.findControl('fallback'), { kind: 'found', correlationId: uuid(1) })
    },
  )

  t.test('there is no control where nothing was settled, whatever else was', async (t) => {
    const { first } = await makeLedger()
    const mine = await lease(first)
    t.strictSame(await first.findControl('default'), { kind: 'none' })
    await acceptMany(first, { ...mine, count: 4 })

    await first.record([settled(1, { processor: 'fallback' }), parked(2), rejected(3)], mine)

    t.strictSame(await first.findControl('default'), { kind: 'none' })
  })

  t.test('after a purge there is no control until something is settled again', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 1 })
    await first.record([settled(1)], mine)

    const { purges } = await second.purge()
    t.strictSame(await first.findControl('default'), { kind: 'none' })
    await first.accept([request(2)], { ...mine, parked: false })
    await first.record([settled(2, { purges })], mine)

    t.strictSame(await first.findControl('default'), { kind: 'found', correlationId: uuid(2) })
  })
  t.end()
}
