// What any cache of the last known renewal must do.

import type { Test } from 'tap'
import type { KnownRenewal } from '../../src/actors/model/ports.ts'
import type { OpenWorld } from './redis.ts'

const ONE = 'a3bb189e-8bf9-3888-9912-ace4e6543002'
const OTHER = '00000000-0000-4000-8000-00000000000a'
const KNOWN: KnownRenewal = { systemIdentifier: '7', generation: 3, run: ONE, count: 100 }

export async function renewalCacheContract(t: Test, open: OpenWorld): Promise<void> {
  await t.test('of a history the renewal is kept that was published last', async (t) => {
    const world = await open(t)
    t.equal(await world.as('a').renewals.read(), undefined)

    await world.as('a').renewals.publish({ ...KNOWN, count: 1e15 })
    t.same(await world.as('b').renewals.read(), { ...KNOWN, count: 1e15 })
    await world.as('b').renewals.publish({ ...KNOWN, run: OTHER, count: 2 })

    t.same(await world.as('a').renewals.read(), { ...KNOWN, run: OTHER, count: 2 })
  })

  await t.test('a later history goes before an earlier one, whatever its count', async (t) => {
    const { renewals } = (await open(t)).as('a')
    const later = { ...KNOWN, generation: 1_764_000_000_000, count: 1 }

    for (const known of [KNOWN, later, KNOWN]) await renewals.publish(known)

    t.same(await renewals.read(), later)
  })

  await t.test('another server goes before whatever was known', async (t) => {
    const world = await open(t)
    const { renewals } = world.as('a')
    const unnamed = { systemIdentifier: null, generation: 0, run: OTHER, count: 5 }

    await renewals.publish(KNOWN)
    await renewals.publish(unnamed)
    t.same(await renewals.read(), unnamed)

    await world.lose()
    t.equal(await renewals.read(), undefined)
  })
}
