// What any circuit cache must do.

import type { Test } from 'tap'
import type { OpenWorld } from './redis.ts'

export async function circuitCacheContract(t: Test, open: OpenWorld): Promise<void> {
  await t.test('one instance at a time gets the probe lease, until it expires', (t) =>
    leaseExcludes(t, open),
  )

  await t.test('a lost probe lease can be taken at once', async (t) => {
    const world = await open(t)
    await world.as('a').health.takeProbeLease(60_000)

    await world.lose()

    t.equal(await world.as('b').health.takeProbeLease(60_000), true)
  })

  await t.test('all instances read published health, with its age', (t) => healthIsShared(t, open))

  await t.test('the newest health report replaces older ones', async (t) => {
    const { health } = (await open(t)).as('a')

    await health.publishHealth('default', { failing: true, minResponseMs: 900 })
    await health.publishHealth('default', { failing: false, minResponseMs: 20 })

    const read = await health.readHealth()
    t.match(read, { default: { failing: false, minResponseMs: 20 } })
  })

  await t.test('health and circuits expire', async (t) => {
    const world = await open(t)
    const { health } = world.as('a')
    await health.publishHealth('default', { failing: false, minResponseMs: 1 })
    await health.publishCircuit({ processor: 'default', state: 'open', since: 1 })

    await world.pass(world.keptMs)

    t.same(await health.readHealth(), {})
    t.same(await health.readCircuits(), {})
  })

  await t.test('all instances read published circuits, by instance', (t) =>
    circuitsAreShared(t, open),
  )
}

async function leaseExcludes(t: Test, open: OpenWorld): Promise<void> {
  const world = await open(t)

  const granted = await Promise.all(
    ['a', 'b', 'c'].map((id) => world.as(id).health.takeProbeLease(300)),
  )
  t.equal(granted.filter(Boolean).length, 1)
  t.equal(await world.as('a').health.takeProbeLease(300), false)

  await world.pass(300)
  t.equal(await world.as('c').health.takeProbeLease(300), true)
}

async function healthIsShared(t: Test, open: OpenWorld): Promise<void> {
  const world = await open(t)
  t.same(await world.as('b').health.readHealth(), {})

  await world.as('a').health.publishHealth('fallback', { failing: true, minResponseMs: 12.5 })
  await world.pass(20)

  const health = await world.as('b').health.readHealth()
  t.equal(health.default, undefined)
  t.match(health.fallback, { failing: true, minResponseMs: 12.5 })
  const ageMs = health.fallback?.ageMs ?? -1
  t.ok(ageMs >= 20 && ageMs <= world.keptMs, `age ${ageMs} ms`)
}

async function circuitsAreShared(t: Test, open: OpenWorld): Promise<void> {
  const world = await open(t)
  const closed = { processor: 'default', state: 'closed', since: 1_000 } as const
  const open_ = { processor: 'default', state: 'open', since: 2_000 } as const
  const halfOpen = { processor: 'fallback', state: 'halfOpen', since: 3_000 } as const

  await world.as('a').health.publishCircuit(closed)
  await world.as('a').health.publishCircuit(open_)
  await world.as('a').health.publishCircuit(halfOpen)
  await world.as('b:2').health.publishCircuit(closed)

  const circuits = await world.as('c').health.readCircuits()
  t.same(Object.keys(circuits).toSorted(), ['a', 'b:2'])
  t.same(
    circuits['a']?.toSorted((x, y) => x.since - y.since),
    [open_, halfOpen],
  )
  t.same(circuits['b:2'], [closed])
}
