import t from 'tap'
import { Ticks, QUIET_TICK_MS } from '../../../src/actors/payments/ticks.ts'
import { TICK_MS } from '../../../src/actors/model/settings.ts'
import { StandingTime } from '../../support/standing-time.ts'

/** At an instant as any other; the ticks are told as ms since then. */
function startTicks(): { clock: StandingTime; ticks: Ticks; at: number[] } {
  const clock = new StandingTime()
  clock.increment(7_000)
  const at: number[] = []
  const ticks = new Ticks(clock, () => void at.push(clock.now() - 7_000))
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
    t.equal(ticks.lateMs, restedMs - tickedAt)
    pass(clock, 300)

    t.same(at, [tickedAt], `after ${restedMs} ms`)
  }
})

t.test('without work a rest lasts a quarter of a second', async (t) => {
  const { clock, ticks, at } = startTicks()
  ticks.next(QUIET_TICK_MS)

  pass(clock, 600)

  t.same(at, [250])
})

t.test('work sets no timer where the next tick comes no later without one', async (t) => {
  for (const [delayMs, passedMs] of [
    [TICK_MS, 20],
    [QUIET_TICK_MS, 200],
  ] as const) {
    const { clock, ticks, at } = startTicks()
    ticks.next(delayMs)
    clock.increment(passedMs)

    ticks.wake()
    t.equal(clock.started, 1)
    pass(clock, 300)

    t.same(at, [delayMs])
  }
})

t.test('work does not put off a tick that is overdue', async (t) => {
  const { clock, ticks, at } = startTicks()
  clock.setTimeout(() => ticks.wake(), QUIET_TICK_MS)
  ticks.next(QUIET_TICK_MS)

  clock.increment(QUIET_TICK_MS + 10)

  t.same(at, [QUIET_TICK_MS + 10])
})
