// What a purge forgets and what it must not forget: whole instances in virtual time.

import t from 'tap'
import { runSeed } from './seeds.ts'
import { Chance } from './chance.ts'
import { type Instance, NOTHING_PLANTED, type Planted } from './instance.ts'
import { HEALTHY } from './simulated-processor.ts'
import { correlationIdOf } from './postings.ts'
import { drawSettings } from './settings.ts'
import { World } from './world.ts'
import { LedgerUnavailable } from '../../src/actors/model/errors.ts'

/** Long enough for answers to travel, virtual ms. */
const TRIP_MS = 20

function startWorld({ instances, planted }: { instances: number; planted?: Planted }): World {
  const chance = new Chance(1)
  const settings = drawSettings(chance.branch(1))
  return new World({ chance, settings, planted: planted ?? NOTHING_PLANTED, instances })
}

async function pass(world: World, durationMs: number): Promise<void> {
  await world.virtualTime.run(world.virtualTime.now() + durationMs)
}

function breakProcessors(world: World): void {
  for (const server of Object.values(world.servers)) server.phase = { ...HEALTHY, refused: 1 }
}

function post(
  world: World,
  { to, numbers }: { to: Instance; numbers: readonly number[] },
): Promise<void> {
  for (const number of numbers) send(world, { to, number })
  return pass(world, TRIP_MS)
}

function send(world: World, { to, number }: { to: Instance; number: number }): void {
  const correlationId = correlationIdOf(number)
  world.postings.post(correlationId, 100)
  to.send({ type: 'payment.received', correlationId, amountCents: 100, replyTo: ignore })
}

async function purge(world: World, { by }: { by: Instance }): Promise<string> {
  let told = 'nothing'
  by.send({
    type: 'purge.requested',
    replyTo: ({ kind }) => {
      told = kind
    },
  })
  await pass(world, TRIP_MS)
  return told
}

function recordedIn({ servers }: World): readonly string[] {
  return [...servers.default.ledger.keys(), ...servers.fallback.ledger.keys()].sort()
}

const ignore = (): void => undefined

t.test('a purge that fails loses no payment in memory', async (t) => {
  const purgeNothing = () => Promise.reject(new LedgerUnavailable('purge', 'none'))
  const planted: Planted = { ledger: (ledger) => ({ ...ledger, purge: purgeNothing }) }
  const world = startWorld({ instances: 1, planted })
  await pass(world, TRIP_MS)
  breakProcessors(world)
  await post(world, { to: world.at(0), numbers: [1, 2, 3] })

  const told = await purge(world, { by: world.at(0) })
  world.heal()
  await pass(world, world.settings.quietMaxMs)

  t.equal(told, 'unavailable')
  t.same(recordedIn(world), [1, 2, 3].map(correlationIdOf))
  t.equal(world.ledgerStore.open.size, 0)
  t.equal(world.violation, undefined)
})

t.test('an instance told of a purge by a commit sends nothing from before it', async (t) => {
  const world = startWorld({ instances: 2 })
  await pass(world, TRIP_MS)
  breakProcessors(world)
  await post(world, { to: world.at(0), numbers: [1, 2, 3] })

  const told = await purge(world, { by: world.at(1) })
  await post(world, { to: world.at(0), numbers: [4] })
  world.heal()
  await pass(world, world.settings.quietMaxMs)

  t.equal(told, 'found')
  t.same(recordedIn(world), [correlationIdOf(4)])
  t.equal(world.ledgerStore.open.size, 0)
  t.equal(world.violation, undefined)
})

t.test('an instance without anything to commit is told of a purge by its renewal', async (t) => {
  const world = startWorld({ instances: 2 })
  await pass(world, TRIP_MS)
  breakProcessors(world)
  await post(world, { to: world.at(0), numbers: [1, 2, 3] })

  await purge(world, { by: world.at(1) })
  await pass(world, world.settings.configured.leaseTtlMs / 2)
  world.heal()
  await pass(world, world.settings.quietMaxMs)

  t.same(recordedIn(world), [])
  t.equal(world.violation, undefined)
})

t.test('what is accepted while a purge is under way is settled, or forgotten', async (t) => {
  const world = startWorld({ instances: 2 })
  await pass(world, TRIP_MS)
  const numbers = Array.from({ length: 40 }, (_, index) => index + 1)

  for (const number of numbers) {
    send(world, { to: world.at(number % 2), number })
    if (number === 20) world.at(0).send({ type: 'purge.requested', replyTo: ignore })
    await pass(world, 0.3)
  }
  await pass(world, world.settings.quietMaxMs)

  const kept = [...world.ledgerStore.rows.values()]
  t.ok(kept.length > 0 && kept.length < numbers.length, `${kept.length} of ${numbers.length}`)
  t.ok(kept.every(({ state }) => state === 'settled'))
  t.equal(world.violation, undefined)
})

t.test(
  'what was settled before a purge is not written to the same id posted after it',
  async (t) => {
    const { violations } = await runSeed({ seed: 14_894 })

    t.same(violations, [])
  },
)
