// What any settled set must do.

import type { Test } from 'tap'
import type { SettledPayment } from '../../src/actors/model/payment.ts'
import type { OpenWorld } from './redis.ts'

export async function settledSetContract(t: Test, open: OpenWorld): Promise<void> {
  await t.test('all instances read settled payments with all their fields', async (t) => {
    const world = await open(t)
    t.same(await world.as('b').settled.read(), [])

    await world.as('a').settled.add([payment(1), payment(2)])
    await world.as('b').settled.add([payment(3)])

    t.same(byId(await world.as('c').settled.read()), [payment(1), payment(2), payment(3)])
  })

  await t.test('adding a payment twice keeps it once', async (t) => {
    const { settled } = (await open(t)).as('a')

    await settled.add([payment(1), payment(1)])
    await settled.add([payment(1)])

    t.same(await settled.read(), [payment(1)])
  })

  await t.test('calls keep their order without being awaited', async (t) => {
    const { settled } = (await open(t)).as('a')
    const payments = Array.from({ length: 1_200 }, (_, index) => payment(index))

    await Promise.all([
      settled.add(payments),
      settled.remove(payments.slice(1).map((entry) => entry.correlationId)),
    ])

    t.same(await settled.read(), [payment(0)])
  })

  await t.test(
    'any instance removes entries, and an empty or unknown removal does nothing',
    async (t) => {
      const world = await open(t)
      await world.as('a').settled.add([payment(1)])
      await world.as('a').settled.add([])

      await world.as('b').settled.remove([])
      await world.as('b').settled.remove([payment(1).correlationId, 'unknown'])

      t.same(await world.as('a').settled.read(), [])
    },
  )

  await t.test('a cleared or lost set is empty and can be added to', async (t) => {
    const world = await open(t)
    const { settled } = world.as('a')
    for (const end of [(): Promise<void> => settled.clear(), (): Promise<void> => world.lose()]) {
      await settled.add([payment(1)])
      await end()
      t.same(await settled.read(), [])
    }
    await settled.add([payment(2)])
    t.same(await settled.read(), [payment(2)])
  })
}

function payment(index: number): SettledPayment {
  return {
    correlationId: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
    processor: index % 2 === 0 ? 'default' : 'fallback',
    requestedAt: 1_753_000_000_000 + index,
    amountCents: 1_990 + index,
  }
}

function byId(payments: readonly SettledPayment[]): SettledPayment[] {
  return payments.toSorted((x, y) => (x.correlationId < y.correlationId ? -1 : 1))
}
