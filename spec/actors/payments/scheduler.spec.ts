import t from 'tap'
import { createActor, type ActorLogic, type AnyEventObject, type Snapshot } from 'xstate'
import { sampleDoubt, sampleInput, sampleRecord } from '../../support/payment-samples.ts'
import { standIns, WORK } from '../../support/payment-dependencies.ts'
import type { PaymentInput } from '../../../src/actors/payment/context.ts'
import { slotsMax } from '../../../src/actors/payments/capacity.ts'
import { PLACE_KINDS } from '../../../src/actors/payments/look-up-places.ts'
import { createWaiting } from '../../../src/actors/payments/queues.ts'
import {
  createPacer,
  PACE_MAX,
  PACE_MIN,
  type Pacer,
  Scheduler,
} from '../../../src/actors/payments/scheduler.ts'
import { createSlotTable } from '../../../src/actors/payments/slots.ts'

t.test('the pace begins low and rises while ticks are on time', async (t) => {
  const pacer = createPacer()

  const paces = [1, 2, 3].map(() => useUp(pacer))

  t.equal(pacer.left, pacer.pace)
  t.same(paces, [PACE_MIN, PACE_MIN + 2, PACE_MIN + 4])
})

t.test('a tick is late from twelve milliseconds on', async (t) => {
  const pacer = risen()
  const before = pacer.pace

  useUp(pacer, { lateMs: 12 })
  t.equal(pacer.pace, before + 2)
  useUp(pacer, { lateMs: 12.5 })
  t.equal(pacer.pace, (before + 2) / 2)
})

t.test('a late tick halves the pace, down to the least', async (t) => {
  const pacer = risen()
  const before = pacer.pace

  pacer.tick({ lateMs: 60, quotaUsed: 0 })
  t.equal(pacer.pace, before / 2)

  for (let tick = 0; tick < 20; tick += 1) pacer.tick({ lateMs: 60, quotaUsed: 0 })
  t.equal(pacer.pace, PACE_MIN)
})

t.test(
  'a tick that nearly spent the quota slows the pace before the process is frozen',
  async (t) => {
    const pacer = risen()
    const before = pacer.pace

    useUp(pacer, { quotaUsed: 0.9 })
    t.equal(pacer.pace, before, 'nine tenths may be spent')
    useUp(pacer, { quotaUsed: 0.95 })
    t.equal(pacer.pace, before * 0.75)

    for (let tick = 0; tick < 20; tick += 1) useUp(pacer, { quotaUsed: 0.95 })
    t.equal(pacer.pace, PACE_MIN, 'down to the least')
  },
)

t.test('a tick that used much of the quota leaves the pace as it is', async (t) => {
  const pacer = risen()
  const before = pacer.pace

  for (const quotaUsed of [0.8, 0.85]) useUp(pacer, { quotaUsed })
  t.equal(pacer.pace, before)

  useUp(pacer, { quotaUsed: 0.79 })
  t.equal(pacer.pace, before + 2)
})

t.test('a pace is used when more than half of it is', async (t) => {
  const [half, more] = [risen(), risen()]
  const before = half.pace

  for (let start = 0; start < before / 2; start += 1) for (const each of [half, more]) each.spend()
  more.spend()
  for (const each of [half, more]) each.tick({ lateMs: 0, quotaUsed: 0 })

  t.equal(half.pace, Math.floor(before * 0.8))
  t.equal(more.pace, before + 2)
})

t.test('a pace that falls is rounded down', async (t) => {
  for (const [last, share] of [
    [{ lateMs: 60, quotaUsed: 0 }, 0.5],
    [{ lateMs: 0, quotaUsed: 0.95 }, 0.75],
  ] as const) {
    const pacer = risen()
    pacer.tick({ lateMs: 0, quotaUsed: 0 })
    const before = pacer.pace
    t.notOk(Number.isInteger(before * share))

    pacer.tick(last)

    t.equal(pacer.pace, Math.floor(before * share))
  }
})

t.test('the pace has an upper bound', async (t) => {
  const pacer = createPacer()

  for (let tick = 0; tick < 1000; tick += 1) useUp(pacer)

  t.equal(pacer.pace, PACE_MAX)
})

t.test('a pace that is not used falls by a fifth each tick, to the least', async (t) => {
  const pacer = risen()
  const before = pacer.pace

  pacer.tick({ lateMs: 0, quotaUsed: 0 })
  t.equal(pacer.pace, Math.floor(before * 0.8))
  for (let tick = 0; tick < 20; tick += 1) pacer.tick({ lateMs: 0, quotaUsed: 0 })

  t.equal(pacer.pace, PACE_MIN)
})

t.test('one turn of the event loop starts sixteen payments at most', async (t) => {
  const { scheduler, waiting, slots } = started()
  for (let number = 0; number < 40; number += 1) waiting.push(sampleRecord())

  const used = [1, 2, 3].map(() => {
    scheduler.pump()
    return slots.used
  })

  t.same(used, [16, 32, 32], 'and no more in one tick than the pace')
  scheduler.tick(0)
  scheduler.pump()
  t.equal(slots.used, 40, 'what is left begins in the next one')
})

t.test('a late tick, or one that spent the quota, slows the next one', async (t) => {
  for (const [lateMs, quotaUsed] of [
    [60, 0],
    [0, 0.95],
  ] as const) {
    const { scheduler } = started({ quotaUsed })
    const { pacer } = scheduler
    raise(pacer)
    const before = pacer.pace

    scheduler.tick(lateMs)

    t.ok(pacer.pace < before * 0.76)
  }
})

t.test('a payment stays in its queue while every slot is taken', async (t) => {
  const { scheduler, waiting, slots } = started({ slotCount: 2 })
  for (let number = 0; number < 3; number += 1) waiting.push(sampleRecord())

  scheduler.pump()
  t.same([slots.used, waiting.size], [2, 1])
  slots.release(slots.at(0))
  scheduler.pump()

  t.same([slots.used, waiting.size], [2, 0])
})

t.test('as many payments in doubt are started as their kind has places for look-ups', async (t) => {
  const { scheduler, waiting, slots } = started()
  pushDoubts(waiting, 3)

  scheduler.pump()

  t.equal(slots.used, 3 * WORK.confirmingMax)
  t.same(
    PLACE_KINDS.map((kind) => waiting.inDoubt[kind].size),
    [1, 1, 1],
  )
  slots.release(slots.at(0))
  scheduler.pump()
  t.equal(slots.used, 3 * WORK.confirmingMax, 'and one more for each that leaves')
})

t.test(
  'payments in doubt leave a slot to each charge that both circuits let through',
  async (t) => {
    const { scheduler, waiting, slots } = started({ concurrency: 3 })
    pushDoubts(waiting, 9)
    scheduler.pump()
    const inDoubt = slots.used

    for (let number = 0; number < 40; number += 1) waiting.push(sampleRecord())
    for (let turn = 0; turn < 4; turn += 1) scheduler.pump()

    t.equal(slots.used, inDoubt + 3, 'as many as the cheaper one lets through')
    t.equal(waiting.ready.size, 37)
  },
)

function pushDoubts(waiting: ReturnType<typeof createWaiting>, ofEach: number): void {
  const [atDefault, atFallback] = [sampleDoubt('default'), sampleDoubt('fallback')]
  for (let number = 0; number < ofEach; number += 1) {
    for (const unknownOutcomes of [[atDefault], [atFallback], [atDefault, atFallback]]) {
      waiting.push(sampleRecord({ unknownOutcomes }))
    }
  }
}

/** A scheduler whose payments take what they need at their start, and stay. */
function started({ concurrency = WORK.concurrency, slotCount = 0, quotaUsed = 0 } = {}) {
  const settings = { ...WORK, concurrency }
  const bounds = { slotsMax: slotCount || slotsMax(settings), placesMax: WORK.confirmingMax }
  const slots = createSlotTable(bounds)
  const waiting = createWaiting({ readyMax: 100, inDoubtMax: 100 })
  const { dependencies } = standIns({ settings, quotaUsed: () => quotaUsed })
  const logic = standing(({ slot, record, next }) => {
    if (next === null) slots.lookUpPlaces.take(slot, record.unknownOutcomes)
    else if (next.to !== null) dependencies.inFlight[next.to] += 1
  })
  const parent = createActor(
    standing(() => undefined),
    { input: sampleInput() },
  ).start()
  const parts = { dependencies, slots, waiting, parent, logic: logic as never }
  return { scheduler: new Scheduler(parts), waiting, slots }
}

function standing(
  begin: (input: PaymentInput) => void,
): ActorLogic<Snapshot<undefined>, AnyEventObject, PaymentInput> {
  return {
    transition: (snapshot) => snapshot,
    getInitialSnapshot(_scope, input) {
      begin(input)
      return { status: 'active', output: undefined, error: undefined }
    },
    getPersistedSnapshot: (snapshot) => snapshot,
  }
}

/** A pacer after a hundred ticks on time. */
function risen(): Pacer {
  const pacer = createPacer()
  raise(pacer)
  return pacer
}

function raise(pacer: Pacer): void {
  for (let tick = 0; tick < 100; tick += 1) useUp(pacer)
}

/** Starts all that this tick allows, and ends it; the pace that it had. */
function useUp(pacer: Pacer, { lateMs = 0, quotaUsed = 0 } = {}): number {
  const { pace } = pacer
  for (let start = 0; start < pace; start += 1) pacer.spend()
  pacer.tick({ lateMs, quotaUsed })
  return pace
}
