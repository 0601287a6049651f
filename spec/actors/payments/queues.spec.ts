import fc from 'fast-check'
import t from 'tap'
import { sampleDoubt, sampleRecord } from '../../support/payment-samples.ts'
import { StandingTime } from '../../support/standing-time.ts'
import { createRing, createWaiting } from '../../../src/actors/payments/queues.ts'
import { PLACE_KINDS } from '../../../src/actors/payments/look-up-places.ts'
import { createSlotTable, type Slot, type UsedSlot } from '../../../src/actors/payments/slots.ts'
import { createTimerQueue } from '../../../src/actors/payments/timers.ts'
import { holdsAlways } from '../../support/property.ts'

/** The table never asks it anything. */
const ACTOR = {} as UsedSlot['actor']

t.test('the timer queue hands items over at their times, in order, by one timer', async (t) => {
  const clock = new StandingTime()
  const due: string[] = []
  const queue = createTimerQueue<string>(clock, (item) => due.push(`${item} at ${clock.now()}`))

  queue.push('c', 30)
  queue.push('a', 10)
  queue.push('b', 20)
  queue.push('at once', 0)
  queue.push('at once, too', 0)
  t.same([clock.pending, clock.started], [1, 3], 'only an earlier item replaces the timer')
  t.equal(
    queue.dueAtOf((item) => item === 'a'),
    10,
  )
  t.equal(
    queue.dueAtOf((item) => item === 'd'),
    undefined,
  )
  clock.increment(0)
  for (let step = 0; step < 40; step += 1) clock.increment(1)

  t.same(due, ['at once at 0', 'at once, too at 0', 'a at 10', 'b at 20', 'c at 30'])
  t.same([clock.pending, clock.started], [0, 6], 'and no timer between them')
})

t.test('an item that is pushed while others are handed over keeps its own time', async (t) => {
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

t.test('every item is handed over at its own instant', async (t) => {
  const pushes = fc.array(
    fc.record({ afterMs: fc.nat({ max: 3 }), delayMs: fc.nat({ max: 50 }) }),
    {
      maxLength: 30,
    },
  )

  holdsAlways(
    t,
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
      return isOnTime && handed.length === pushes.length && clock.pending === 0
    }),
    { numRuns: 200 },
  )
})

t.test('a ring does what an array of its capacity would', async (t) => {
  holdsAlways(
    t,
    fc.property(
      fc.nat({ max: 4 }),
      fc.array(fc.constantFrom('push', 'shift'), { maxLength: 40 }),
      (capacity, steps) => {
        const ring = createRing<number>(capacity)
        const model: number[] = []
        steps.forEach((step, index) => {
          if (step === 'push') t.equal(ring.push(index), model.length < capacity)
          if (step === 'push' && model.length < capacity) model.push(index)
          if (step === 'shift') t.equal(ring.shift(), model.shift())
          t.same([ring.size, ring.peek()], [model.length, model[0]])
        })
        const seen: number[] = []
        t.equal(
          ring.find((item) => seen.push(item) < 0),
          undefined,
        )
        t.same(seen, model)
        t.equal(
          ring.find((item) => item >= 0),
          model[0],
        )
      },
    ),
    { numRuns: 100 },
  )
})

t.test(
  'payments wait in order, those in doubt apart by where, all within their bound',
  async (t) => {
    const waiting = createWaiting({ readyMax: 2, inDoubtMax: 1 })
    const ready = [1, 2].map((acceptedAt) => sampleRecord({ acceptedAt }))
    const [atDefault, atFallback] = [sampleDoubt('default'), sampleDoubt('fallback')]
    const inDoubt = [[atDefault], [atFallback], [atDefault, atFallback]].map((unknownOutcomes) =>
      sampleRecord({ acceptedAt: 0, unknownOutcomes }),
    )
    const all = [...ready, ...inDoubt]

    t.same(
      all.map((record) => waiting.push(record)),
      [true, true, true, true, true],
    )
    t.same(
      all.map((record) => waiting.push(record)),
      [false, false, false, false, false],
    )
    t.same([waiting.size, waiting.ready.size], [5, 2])
    t.same(
      PLACE_KINDS.map((kind) => waiting.inDoubt[kind].peek()),
      inDoubt,
    )

    t.same(waiting.takeAll(), all)
    t.equal(waiting.size, 0)
  },
)

t.test(
  'a slot is taken by one payment at a time, and each of its payments has a generation',
  async (t) => {
    const table = createSlotTable({ slotsMax: 2, placesMax: 1 })
    const first = table.take(sampleRecord({ correlationId: 'a' }))
    const second = table.take(sampleRecord({ correlationId: 'b' }))
    t.equal(table.take(sampleRecord()), undefined, 'all are taken')
    t.equal(table.used, 2)

    if (first !== undefined) table.release(first)
    const again = table.take(sampleRecord({ correlationId: 'c' }))

    t.same([again?.index, again?.generation, again?.actor], [first?.index, 1, null])
    t.equal(second?.generation, 0)
    for (const slot of [second, again]) if (slot !== undefined) slot.actor = ACTOR
    const payments: string[] = []
    table.forEachUsed(({ record }) => payments.push(record.correlationId))
    t.same(new Set(payments), new Set(['b', 'c']))
    t.throws(() => table.at(2), /a payment in work names a slot of the table/)
  },
)

t.test('who leaves its slot leaves its place for look-ups', async (t) => {
  const table = createSlotTable({ slotsMax: 2, placesMax: 1 })
  const [first, second] = [table.take(sampleRecord()), table.take(sampleRecord())]
  const takePlace = (slot: Slot | undefined): boolean =>
    table.lookUpPlaces.take(slot?.index ?? 9, [sampleDoubt('default')])
  t.same([first, second].map(takePlace), [true, false])

  if (first !== undefined) table.release(first)

  t.ok(takePlace(second))
})
