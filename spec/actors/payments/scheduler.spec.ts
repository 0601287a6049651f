import t from 'tap'
import {
  createPacer,
  PACE_MAX,
  PACE_MIN,
  type Pacer,
} from '../../../src/actors/payments/scheduler.ts'

t.test('the pace begins low and rises while ticks are on time', async (t) => {
  const pacer = createPacer()

  const paces = [1, 2, 3].map(() => useUp(pacer))

  t.equal(pacer.left, pacer.pace)
  t.same(paces, [PACE_MIN, PACE_MIN + 2, PACE_MIN + 4])
})

t.test('a late tick halves the pace, down to the least', async (t) => {
  const pacer = createPacer()
  for (let tick = 0; tick < 100; tick += 1) useUp(pacer)
  const before = pacer.pace

  pacer.tick({ lateMs: 60, quotaUsed: 0 })
  t.equal(pacer.pace, before / 2)

  for (let tick = 0; tick < 20; tick += 1) pacer.tick({ lateMs: 60, quotaUsed: 0 })
  t.equal(pacer.pace, PACE_MIN)
})

t.test(
  'a tick that nearly spent the quota slows the pace before the process is frozen',
  async (t) => {
    const pacer = createPacer()
    for (let tick = 0; tick < 100; tick += 1) useUp(pacer)
    const before = pacer.pace

    useUp(pacer, 0.95)

    t.equal(pacer.pace, Math.floor(before * 0.75))
  },
)

t.test('a tick that used much of the quota leaves the pace as it is', async (t) => {
  const pacer = createPacer()
  for (let tick = 0; tick < 100; tick += 1) useUp(pacer)
  const before = pacer.pace

  useUp(pacer, 0.85)

  t.equal(pacer.pace, before)
})

t.test('the pace has an upper bound', async (t) => {
  const pacer = createPacer()

  for (let tick = 0; tick < 1000; tick += 1) useUp(pacer)

  t.equal(pacer.pace, PACE_MAX)
})

t.test('a pace that is not used falls to the least', async (t) => {
  const pacer = createPacer()
  for (let tick = 0; tick < 100; tick += 1) useUp(pacer)

  for (let tick = 0; tick < 20; tick += 1) pacer.tick({ lateMs: 0, quotaUsed: 0 })

  t.equal(pacer.pace, PACE_MIN)
})

/** Starts all that this tick allows, and ends it; the pace that it had. */
function useUp(pacer: Pacer, quotaUsed = 0): number {
  const { pace } = pacer
  for (let start = 0; start < pace; start += 1) pacer.spend()
  pacer.tick({ lateMs: 0, quotaUsed })
  return pace
}
