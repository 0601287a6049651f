// What a chaos run draws from its seed.

import t from 'tap'
import { FAULT_KINDS, FAULT_NAMES, type FaultName } from './fault-kinds.ts'
import { boundsOf } from './options.ts'
import { drawPlan, endOf } from './plan.ts'

const HOUR: Parameters<typeof drawPlan>[0] = {
  seed: 7,
  durationMs: 3_600_000,
  faults: FAULT_NAMES,
  instances: 2,
  bounds: boundsOf({}),
}

t.test('a seed gives the same plan each time', async (t) => {
  const write = (seed: number): string => JSON.stringify(drawPlan({ ...HOUR, seed }))

  t.equal(write(7), write(7))
  t.ok(write(7) !== write(8), 'another seed is another plan')
})

t.test('every fault occurs, and all are over within the load', async (t) => {
  const plan = drawPlan(HOUR)

  t.strictSame(new Set(plan.map(({ name }) => name)), new Set(FAULT_NAMES))
  t.ok(plan.every((fault) => fault.atMs > 0 && endOf(fault) <= HOUR.durationMs))
  const minute = drawPlan({ ...HOUR, durationMs: 60_000 })
  t.ok(minute.length > 25, `${minute.length} in a minute`)
})

t.test('a plan of half an hour has each fault several times, and outages of minutes', async (t) => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const plan = drawPlan({ ...HOUR, seed, durationMs: 1_800_000 })
    const count = (name: FaultName): number => plan.filter((each) => each.name === name).length
    const seldom = FAULT_NAMES.filter((name) => count(name) < 3)
    const long = plan.filter(({ name }) => name === 'both-gone-minutes')

    t.strictSame(seldom, [], `seed ${seed}`)
    t.ok(long.length <= 6 && long.every(({ lastsMs }) => lastsMs >= 60_000))
  }
  const minutes = drawPlan({ ...HOUR, durationMs: 300_000 })
  t.notOk(minutes.some(({ name }) => name === 'both-gone-minutes'))
  t.ok(drawPlan({ ...HOUR, faults: ['both-gone-minutes'] }).length > 10)
})

t.test('only faults that last for minutes go on in the quiet time after faults', async (t) => {
  const short = drawPlan(HOUR).filter(({ name }) => name !== 'both-gone-minutes')
  const inQuietTimes = short.filter((fault) => {
    const sinceFaulty = fault.atMs % 120_000
    return sinceFaulty > 90_000 || sinceFaulty + endOf(fault) - fault.atMs > 90_000
  })

  t.strictSame(inQuietTimes, [])
})

t.test('faults overlap only if they are of different places', async (t) => {
  const plan = drawPlan(HOUR)
  const targets = plan.flatMap((fault) =>
    (fault.processors.length > 0 ? fault.processors : [fault.place]).map((target) => ({
      target,
      from: fault.atMs,
      to: fault.atMs + fault.lastsMs,
    })),
  )
  const clashes = targets.filter((one) =>
    targets.some((other) => other !== one && other.from <= one.to && one.from <= other.to),
  )
  const own = clashes.filter((one) =>
    targets.some(
      (other) =>
        other !== one &&
        other.target === one.target &&
        other.from <= one.to &&
        one.from <= other.to,
    ),
  )

  t.strictSame(own, [])
  t.ok(clashes.length > 100)
})

t.test('a plan of some faults has no others, and a pause outlasts the lease', async (t) => {
  const faults: readonly FaultName[] = ['pause', 'redis-hang']
  const plan = drawPlan({ ...HOUR, faults })

  t.strictSame(new Set(plan.map(({ name }) => name)), new Set(faults))
  t.ok(FAULT_KINDS.pause.lastsMs[0] > 4000)
})
