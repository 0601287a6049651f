import fc from 'fast-check'
import t from 'tap'
import { emptyWindow, ratesOf, withEvidence } from '../../../src/actors/circuit/window.ts'
import {
  emptyQueue,
  itemsOf,
  takeOldest,
  withItem,
  type PendingQueue,
} from '../../../src/actors/persistence/pending-queue.ts'
import { createTimerQueue } from '../../../src/actors/payments/timers.ts'
import { createRing } from '../../../src/actors/payments/ring.ts'
import { doubled } from '../../../src/actors/model/settings.ts'
import { StandingTime } from '../../support/standing-time.ts'

t.test('what is due is handed over at its time, in order, by one timer', async (t) => {
  const clock = new StandingTime()
  const due: string[] = []
  const queue = createTimerQueue<string>(clock, (item) => due.push(`${item} at ${clock.now()}`))

  queue.push('c', 30)
  queue.push('a', 10)
  queue.push('b', 20)
  queue.push('at once', 0)
  t.same([clock.pending, clock.started], [1, 3], 'only an earlier item replaces the timer')
  t.equal(queue.size, 4)
  clock.increment(0)
  for (let step = 0; step < 40; step += 1) clock.increment(1)

  t.same(due, ['at once at 0', 'a at 10', 'b at 20', 'c at 30'])
  t.same([queue.size, clock.pending], [0, 0])
})

t.test('what is pushed while others are handed over keeps its own time', async (t) => {
  const clock = new StandingTime()
  const due: string[] = []
  const queue = createTimerQueue<string>(clock, (item) => {
    due.push(`${item} at ${clock.now()}`)
    if (item === 'first') {
      queue.push('again', 0)
      queue.push('later', 5)
    }
  })

  queue.push('first', 10)
  queue.push('last', 12)
  for (let step = 0; step < 20; step += 1) clock.increment(1)

  t.same(due, ['first at 10', 'again at 10', 'last at 12', 'later at 15'])
})

t.test('a cleared due queue hands nothing over and takes anew', async (t) => {
  const clock = new StandingTime()
  const due: string[] = []
  const queue = createTimerQueue<string>(clock, (item) => due.push(item))
  queue.push('forgotten', 10)

  queue.clear()
  t.same([queue.size, clock.pending], [0, 0])
  queue.clear()
  queue.push('kept', 20)
  clock.increment(20)

  t.same(due, ['kept'])
})

t.test('whatever is pushed comes due at its own instant, none lost', async () => {
  const pushes = fc.array(fc.record({ afterMs: fc.nat({ max: 9 }), delayMs: fc.nat({ max: 50 }) }))

  fc.assert(
    fc.property(pushes, (pushes) => {
      const clock = new StandingTime()
      const handed: { dueAt: number; at: number }[] = []
      const queue = createTimerQueue<number>(clock, (dueAt) =>
        handed.push({ dueAt, at: clock.now() }),
      )
      const pass = (ms: number): void => {
        for (let step = 0; step < ms; step += 1) clock.increment(1)
      }
      for (const { afterMs, delayMs } of pushes) {
        pass(afterMs)
        queue.push(clock.now() + Math.max(1, delayMs), Math.max(1, delayMs))
      }
      pass(60)
      const isOnTime = handed.every(({ dueAt, at }) => at === dueAt)
      return isOnTime && handed.length === pushes.length && queue.size === 0 && clock.pending === 0
    }),
    { numRuns: 200 },
  )
})

t.test('a ring does what an array of its capacity would', async (t) => {
  fc.assert(
    fc.property(
      fc.nat({ max: 4 }),
      fc.array(fc.constantFrom('push', 'shift', 'clear'), { maxLength: 40 }),
      (capacity, steps) => {
        const ring = createRing<number>(capacity)
        const model: number[] = []
        steps.forEach((step, index) => {
          if (step === 'push') t.equal(ring.push(index), model.length < capacity)
          if (step === 'push' && model.length < capacity) model.push(index)
          if (step === 'shift') t.equal(ring.shift(), model.shift())
          if (step === 'clear') {
            ring.clear()
            model.length = 0
          }
          t.same([ring.size, ring.peek()], [model.length, model[0]])
        })
        const seen: number[] = []
        t.equal(
          ring.find((item) => seen.push(item) < 0),
          undefined,
        )
        t.same([seen, ring.capacity], [model, capacity])
        t.equal(
          ring.find((item) => item >= 0),
          model[0],
        )
      },
    ),
    { numRuns: 100 },
  )
})

t.test('a backlog gives its oldest first and leaves older backlogs as they were', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat()), fc.nat({ max: 12 }), (items, max) => {
      const full = items.reduce<PendingQueue<number>>(withItem, emptyQueue())
      const { taken, rest } = takeOldest(full, max)
      const more = withItem(rest, -1)

      t.same(taken, items.slice(0, max))
      t.same(itemsOf(rest), items.slice(max))
      t.same(
        [full.size, rest.size, more.size],
        [items.length, items.slice(max).length, rest.size + 1],
      )
      t.same(itemsOf(more), [...items.slice(max), -1])
      t.same(itemsOf(full), items)
    }),
    { numRuns: 100 },
  )
})

t.test('a window knows the shares of what failed and what was slow', async (t) => {
  let window = emptyWindow(0)
  t.same(ratesOf(window), { calls: 0, failureRate: 0, slowRate: 0 })
  for (const [failed, slow] of [
    [true, false],
    [false, true],
    [true, true],
    [false, false],
  ] as const) {
    window = withEvidence(window, { failed, slow, at: 1 }, 1000)
  }

  t.same(ratesOf(window), { calls: 4, failureRate: 0.5, slowRate: 0.5 })
})

t.test('evidence leaves the window after half to all of its length', async (t) => {
  const failure = { failed: true, slow: false, at: 0 }
  const good = { ...failure, failed: false }
  const seenAt = (...ats: readonly number[]): number => {
    const first = withEvidence(emptyWindow(0), failure, 1000)
    return ratesOf(ats.reduce((window, at) => withEvidence(window, { ...good, at }, 1000), first))
      .failureRate
  }

  t.equal(seenAt(499), 1 / 2)
  t.equal(seenAt(999), 1 / 2, 'still in the half before')
  t.equal(seenAt(1000), 0, 'a window of silence is forgotten whole')
  t.equal(seenAt(500, 999), 1 / 3)
  t.equal(seenAt(500, 1000), 0, 'two halves on')
  t.equal(seenAt(600, 1000), 0, 'halves begin by the clock, not by what comes')
  t.equal(seenAt(500, 499), 1 / 3, 'what comes late counts as of now')
})

t.test('delays double up to their bound', async (t) => {
  t.same(
    [0, 1, 2, 3, 99].map((step) => doubled(50, step, 300)),
    [50, 100, 200, 300, 300],
  )
  t.ok(Number.isFinite(doubled(50, Number.MAX_SAFE_INTEGER, 300)))
})
