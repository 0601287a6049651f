// Processors that contradict themselves or Pit: one knows a payment and does not find it, one has the
// id with another amount.

import t from 'tap'
import { Chance } from './chance.ts'
import type { Planted } from './instance.ts'
import { correlationIdOf } from './postings.ts'
import { runSeed } from './seeds.ts'
import { drawSettings } from './settings.ts'
import { World } from './world.ts'

const ID = correlationIdOf(1)

t.test(
  'a payment known by 422 and never found is charged once per settle-by deadline, and reported',
  async (t) => {
    let isContradicting = true
    let charges = 0
    const planted: Planted = {
      processor: (processor) => ({
        ...processor,
        charge(charge, reply) {
          if (!isContradicting) return processor.charge(charge, reply)
          charges += 1
          // Nothing is recorded; the look-up is there for the time that it takes.
          const known = (): void => reply({ kind: 'known', detail: 'http 422' })
          return processor.lookUp(charge.correlationId, known)
        },
      }),
    }
    const lines: string[] = []
    const chance = new Chance(1)
    const settings = drawSettings(chance.branch(1))
    const print = (line: string): void => void lines.push(line)
    const world = new World({ chance, settings, planted, instances: 1, print })
    const pass = (durationMs: number) => world.virtualTime.run(world.virtualTime.now() + durationMs)
    const { settleByMs } = settings.configured.work
    await pass(20)
    world.postings.post(ID, 100)
    const replyTo = (): void => undefined
    world.at(0).send({ type: 'payment.received', correlationId: ID, amountCents: 100, replyTo })

    await pass(3.5 * settleByMs)
    const told = lines.filter((line) => line.includes('payment.contradicted'))
    const chargedMeanwhile = charges
    isContradicting = false
    await pass(1.5 * settleByMs)

    t.equal(chargedMeanwhile, 4, 'once, and once per settle-by deadline')
    t.equal(told.length, 3)
    t.match(told[0], 'default')
    t.equal(world.ledgerStore.rows.get(ID)?.state, 'settled', 'as soon as the processor has it')
    t.equal(world.violation, undefined)
  },
)

t.test('a payment that was contradicted goes to who reaches that processor', async (t) => {
  for (const seed of [566671, 567323]) t.same((await runSeed({ seed })).violations, [], `${seed}`)
})

t.test('a payment whose id one processor has from others is found at the other one', async (t) => {
  const { violations } = await runSeed({ seed: 63883 })

  t.same(violations, [])
})
