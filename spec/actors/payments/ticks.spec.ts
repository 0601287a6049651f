import t from 'tap'
import { Ticks, QUIET_TICK_MS } from '../../../src/actors/payments/ticks.ts'
import { TICK_MS } from '../../../src/actors/model/settings.ts'
import { StandingTime } from '../../support/standing-time.ts'

function startTicks(): { clock: StandingTime; ticks: Ticks; at: number[] } {
  const clock = new StandingTime()
  const at: number[] = []
  const ticks = new Ticks(clock, () => void at.push(clock.now()))
  return { clock, ticks, at }
}

/** In steps, so that each timer is called at its own time. */
function pass(clock: StandingTime, ms: number): void {
  for (let step = 0; step < ms; step += 1) clock.increment(1)
}

t.test('a tick comes after its time, and knows how late it is', async (t) => {
  const { clock, ticks, at } = startTicks()
  ticks.next(TICK_MS)

  clock.increment(TICK_MS)
  t.same([at, ticks.lateMs], [[50], 0])
  clock.increment(7)

  t.equal(ticks.lateMs, 7)
})

t.test('work that comes in a rest is ticked for when it would have been without it', async (t) => {
  for (const [restedMs, tickedAt] of [
    [0, 50],
    [49, 50],
    [50, 100],
    [120, 150],
    [200, 250],
    [249, 250],
  ] as const) {
    const { clock, ticks, at } = startTicks()
    ticks.next(QUIET_TICK_MS)
    clock.increment(restedMs)

    ticks.wake()
    ticks.wake()
    pass(clock, 300)

    t.same(at, [tickedAt], `after ${restedMs} ms`)
  }
})

t.test('an ordinary tick is not brought forward', async (t) => {
  const { clock, ticks, at } = startTicks()
  ticks.next(TICK_MS)
  clock.increment(20)

  ticks.wake()
  pass(clock, 300)

  t.same(at, [50])
})
