// What any cache of how far PostgreSQL has come must do.

import type { Test } from 'tap'
import type { KnownPosition } from '../../src/actors/model/ports.ts'
import type { OpenWorld } from './redis.ts'

const KNOWN: KnownPosition = { systemIdentifier: '7', generation: 3, position: 100 }

export async function positionCacheContract(t: Test, open: OpenWorld): Promise<void> {
  await t.test('the highest position of a history is kept, whoever says it', async (t) => {
    const world = await open(t)
    t.equal(await world.as('a').positions.read(), undefined)

    await world.as('a').positions.publish({ ...KNOWN, position: 1e15 })
    await world.as('b').positions.publish(KNOWN)

    t.same(await world.as('b').positions.read(), { ...KNOWN, position: 1e15 })
  })

  await t.test('a later history goes before an earlier one, whatever its position', async (t) => {
    const { positions } = (await open(t)).as('a')
    const later = { ...KNOWN, generation: 1_764_000_000_000, position: 1 }

    for (const known of [KNOWN, later, KNOWN]) await positions.publish(known)

    t.same(await positions.read(), later)
  })

  await t.test('another server goes before whatever was known', async (t) => {
    const world = await open(t)
    const { positions } = world.as('a')
    const unnamed = { systemIdentifier: null, generation: 0, position: 5 }

    await positions.publish(KNOWN)
    await positions.publish(unnamed)
    t.same(await positions.read(), unnamed)

    await world.lose()
    t.equal(await positions.read(), undefined)
  })
}
