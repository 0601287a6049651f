import t from 'tap'
import { startActorSystem, settled } from '../../support/actor-system.ts'
import { oneStep, stepped } from '../../support/chart-steps.ts'
import { sameWalks } from '../../support/same-walks.ts'
import { scriptedPort } from '../../support/scripted-port.ts'
import { seeded } from '../../support/seeded.ts'
import { refusalBy } from '../../support/refusals.ts'
import { CacheUnavailable, LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import type { Outcome, SettledPayment } from '../../../src/actors/model/payment.ts'
import type { SettledSet } from '../../../src/actors/model/ports.ts'
import {
  ASIDE_MAX,
  outcomeBatcherMachine,
  type OutcomeBatcherContext,
  type OutcomeBatcherEvent,
} from '../../../src/actors/persistence/outcome-batcher.machine.ts'
import {
  PUBLISH_WINDOW_MS,
  createSettledPublisher,
} from '../../../src/actors/persistence/outcome-batcher.ts'
import { itemsOf } from '../../../src/actors/persistence/pending-queue.ts'

const INPUT = { batchMax: 2, windowMs: 20, congestedAt: 4 }

function outcome(correlationId: string): Outcome {
  return { kind: 'rejected', correlationId, fencingToken: 0, purges: 0, attempts: [] }
}

function reached(correlationId: string): OutcomeBatcherEvent {
  return { type: 'outcome.reached', outcome: outcome(correlationId) }
}

const A = reached('a')
const B = reached('b')
const C = reached('c')
const WINDOW: OutcomeBatcherEvent = { type: 'window.elapsed' }
const WRITTEN: Extract<OutcomeBatcherEvent, { type: 'batch.written' }> = {
  type: 'batch.written',
  unwritten: [],
  refused: [],
  tookMs: 1,
}
const FAILED: OutcomeBatcherEvent = {
  type: 'batch.failed',
  error: new LedgerUnavailable('record', 'unknown'),
}
const PAUSED: OutcomeBatcherEvent = { type: 'pause.elapsed' }
const ASIDE_DUE: OutcomeBatcherEvent = { type: 'aside.due' }
const DRAIN: OutcomeBatcherEvent = { type: 'drain.started' }
const EVENTS = {
  reached: reached('z'),
  window: WINDOW,
  written: WRITTEN,
  failed: FAILED,
  paused: PAUSED,
  asideDue: ASIDE_DUE,
  drain: DRAIN,
}

type Row = Partial<Readonly<Record<keyof typeof EVENTS, string>>>

/** Each row: a state of the batcher, and what each event does there; the rest is ignored. */
const TABLE: readonly (readonly [string, readonly OutcomeBatcherEvent[], Row])[] = [
  [
    'idle',
    [],
    {
      reached: 'gathering publishSettled startWindow',
      drain: 'flushed reportFlushed',
    },
  ],
  [
    'gathering',
    [A],
    {
      reached: 'writing publishSettled writeBatch',
      window: 'writing writeBatch',
      drain: 'writing writeBatch',
    },
  ],
  [
    'writing',
    [A, B],
    {
      reached: 'writing publishSettled',
      written: 'idle publishWritten',
      failed: 'paused noteFailure startPause',
      drain: 'writing',
    },
  ],
  [
    'writing, one waits',
    [A, B, C],
    {
      reached: 'writing publishSettled',
      written: 'gathering publishWritten startWindow',
      failed: 'paused noteFailure startPause',
      drain: 'writing',
    },
  ],
  [
    'writing, a batch waits',
    [A, B, C, reached('d')],
    {
      reached: 'writing publishSettled',
      written: 'writing publishWritten startWindow writeBatch',
      failed: 'paused noteFailure startPause',
      drain: 'writing',
    },
  ],
  [
    'writing, as many wait as may',
    [A, B, C, ...['d', 'e', 'f'].map(reached)],
    {
      reached: 'writing publishSettled reportCongested',
      written: 'writing publishWritten startWindow writeBatch',
      failed: 'paused noteFailure startPause',
      drain: 'writing',
    },
  ],
  [
    'writing, congested, half of them are gone',
    [A, B, C, ...['d', 'e', 'f', 'g', 'h'].map(reached), WRITTEN, WRITTEN],
    {
      reached: 'writing publishSettled',
      written: 'writing publishWritten reportRelieved startWindow writeBatch',
      failed: 'paused noteFailure startPause',
      drain: 'writing',
    },
  ],
  [
    'paused',
    [A, B, FAILED],
    { reached: 'paused publishSettled', paused: 'writing writeBatch', drain: 'paused' },
  ],
  [
    'writing the last',
    [A, DRAIN],
    {
      reached: 'writing publishSettled',
      written: 'flushed publishWritten reportFlushed',
      failed: 'paused noteFailure startPause',
      drain: 'writing',
    },
  ],
  ['flushed', [DRAIN], { reached: 'writing publishSettled writeBatch', drain: 'flushed' }],
]

t.test('each event in each condition does what its table says, and nothing else', async (t) => {
  for (const [condition, past, row] of TABLE) {
    const before = stepped(outcomeBatcherMachine, INPUT, past)
    for (const [name, event] of Object.entries(EVENTS)) {
      const told = oneStep(outcomeBatcherMachine, before.snapshot, event).told
      const expected = row[name as keyof typeof EVENTS] ?? before.snapshot.value
      t.equal(told, expected, `${condition}: ${name}`)
    }
  }
  const states = TABLE.map(([, past]) => stepped(outcomeBatcherMachine, INPUT, past).snapshot.value)
  t.same(new Set(states), new Set(Object.keys(outcomeBatcherMachine.states)))
})

t.test('a batch that failed is written again as it was, after a pause that grows', async (t) => {
  const failures: number[] = []
  let batcher = stepped(outcomeBatcherMachine, INPUT, [A, B, C])
  for (const event of [FAILED, PAUSED, FAILED, PAUSED, FAILED, PAUSED]) {
    batcher = oneStep(outcomeBatcherMachine, batcher.snapshot, event)
    const pause = batcher.effects.find(({ type }) => type === 'startPause')
    if (pause !== undefined) failures.push(pause.context.failures)
    t.same(batcher.context.batch, [outcome('a'), outcome('b')])
  }
  const written = oneStep(outcomeBatcherMachine, batcher.snapshot, WRITTEN)

  t.same(failures, [1, 2, 3])
  t.same(written.effects[0]?.context.batch, [outcome('a'), outcome('b')], 'what is published')
  t.same([written.context.batch, written.context.failures], [[], 0])
  t.same(itemsOf(written.context.pending), [outcome('c')])
})

t.test('what has come since a failure is written with the batch that failed', async (t) => {
  const failed = stepped(outcomeBatcherMachine, INPUT, [A, WINDOW, FAILED, B, C])
  const again = oneStep(outcomeBatcherMachine, failed.snapshot, PAUSED)

  t.same(again.context.batch, [outcome('a'), outcome('b')])
  t.same(itemsOf(again.context.pending), [outcome('c')])
})

t.test('what was refused waits aside, and is written again once that is due', async (t) => {
  const refused = stepped(outcomeBatcherMachine, INPUT, [A, B, refusing('a')])
  const due = oneStep(outcomeBatcherMachine, refused.snapshot, ASIDE_DUE)
  const written = oneStep(outcomeBatcherMachine, due.snapshot, WINDOW)

  t.same([refused.context.aside, refused.context.batch], [[outcome('a')], []])
  t.equal(refused.snapshot.value, 'idle')
  t.same(due.context.aside, [])
  t.same(written.context.batch, [outcome('a')])
})

t.test('a thousand outcomes are kept aside at most, and the newest stay', async (t) => {
  const ids = Array.from({ length: ASIDE_MAX }, (_, index) => `${index}`)
  const full = stepped(outcomeBatcherMachine, INPUT, [A, B, refusing('a', 'b'), C, WINDOW])
  const { aside } = oneStep(outcomeBatcherMachine, full.snapshot, refusing(...ids)).context

  t.equal(aside.length, 1_000)
  t.same([aside[0], aside.at(-1)], [outcome('0'), outcome(`${ASIDE_MAX - 1}`)])
})

t.test('a drain writes what is aside once more, and then ends without it', async (t) => {
  const refused = stepped(outcomeBatcherMachine, INPUT, [A, B, refusing('a')])
  const draining = oneStep(outcomeBatcherMachine, refused.snapshot, DRAIN)
  const again = oneStep(outcomeBatcherMachine, draining.snapshot, refusing('a'))

  t.equal(draining.told, 'writing startWindow writeBatch')
  t.equal(again.told, 'flushed publishWritten reportFlushed')
  t.same(again.context.aside, [outcome('a')])
})

function refusing(...ids: readonly string[]): OutcomeBatcherEvent {
  const failure = refusalBy('22003')
  return { ...WRITTEN, refused: ids.map((id) => ({ outcome: outcome(id), failure })) }
}

t.test('congestion is reported once, and relief once half of it is gone', async (t) => {
  const reports: string[] = []
  let batcher = stepped(outcomeBatcherMachine, INPUT, [A, B])
  const tell = (...events: readonly OutcomeBatcherEvent[]): void => {
    for (const event of events) {
      batcher = oneStep(outcomeBatcherMachine, batcher.snapshot, event)
      for (const { type } of batcher.effects) {
        if (/Congested|Relieved/.test(type)) reports.push(`${type} ${batcher.context.pending.size}`)
      }
    }
  }

  tell(FAILED, ...['c', 'd', 'e', 'f'].map(reached))
  t.same(reports, [], 'as many as allowed')
  tell(reached('g'), reached('h'))
  t.same(reports, ['reportCongested 5'])
  tell(PAUSED, WRITTEN)
  t.same(reports.length, 1, 'four wait still')
  tell(WRITTEN)
  t.same(reports.length, 1, 'still more than half of what is allowed')
  tell(WRITTEN)

  t.same(reports, ['reportCongested 5', 'reportRelieved 0'])
})

t.test('outcomes are written in order, each once, none lost, whatever comes', async (t) => {
  const seed = Date.now() % 1_000_000
  const random = seeded(seed)
  for (let walked = 0; walked < 300 && t.passing(); walked += 1) {
    const asked: string[] = []
    const published: string[] = []
    let batcher = stepped(outcomeBatcherMachine, INPUT)
    for (let step = 0; step < 40; step += 1) {
      const isNew = random.onceIn(2)
      const event = isNew ? reached(`${asked.length}`) : random.pick(Object.values(EVENTS).slice(1))
      if (isNew) asked.push(`${asked.length}`)
      batcher = oneStep(outcomeBatcherMachine, batcher.snapshot, event)
      for (const { type, context } of batcher.effects) {
        if (type === 'publishWritten') published.push(...idsOf(context.batch))
        if (type === 'reportFlushed') t.same(waiting(context), [], type)
      }
    }
    t.same([...published, ...waiting(batcher.context)], asked, `walk ${walked} of seed ${seed}`)
  }
})

t.test('the outcome batcher takes the same steps compiled as interpreted', async (t) => {
  const ignore = (): void => undefined
  const quiet = outcomeBatcherMachine.provide({
    actions: {
      publishSettled: ignore,
      startWindow: ignore,
      writeBatch: ignore,
      publishWritten: ignore,
      noteFailure: ignore,
      startPause: ignore,
      reportCongested: ignore,
      reportRelieved: ignore,
      reportFlushed: ignore,
    },
  })

  sameWalks(t, quiet, {
    events: [...Object.values(EVENTS), A, B],
    input: () => ({ ...INPUT, congestedAt: 2 }),
    walks: 200,
  })
})

function waiting({ batch, pending }: OutcomeBatcherContext): readonly string[] {
  return idsOf([...batch, ...itemsOf(pending)])
}

function idsOf(outcomes: readonly Outcome[]): readonly string[] {
  return outcomes.map(({ correlationId }) => correlationId)
}

function payment(correlationId: string): SettledPayment {
  return { correlationId, processor: 'default', requestedAt: 5, amountCents: 1 }
}

function publishing() {
  const { clock } = startActorSystem()
  const cache = scriptedPort<SettledSet>()
  return { clock, cache, publisher: createSettledPublisher({ clock, settledSet: cache.port }) }
}

t.test('changes of a window reach the settled set together, additions first', async (t) => {
  const { clock, cache, publisher } = publishing()
  publisher.remove(['a'])
  publisher.add(payment('b'))
  publisher.add(payment('c'))

  clock.increment(PUBLISH_WINDOW_MS - 1)
  t.same(cache.waiting, [])
  clock.increment(1)

  t.same(cache.waiting, ['add', 'remove'])
  t.same((await cache.called('add')).args, [[payment('b'), payment('c')]])
  t.same((await cache.called('remove')).args, [['a']])
  t.equal(clock.pending, 0)
  publisher.remove(['b'])
  clock.increment(PUBLISH_WINDOW_MS)
  t.same(cache.waiting, ['remove'], 'nothing is added that was not settled since')
  t.same((await cache.called('remove')).args, [['b']])
})

t.test('a flush makes the waiting changes at once, and only once', async (t) => {
  const { clock, cache, publisher } = publishing()
  publisher.add(payment('a'))
  publisher.add(payment('b'))

  publisher.flush()
  t.same(cache.waiting, ['add'])
  t.equal(clock.pending, 0, 'its window has ended')
  publisher.flush()

  t.same(cache.waiting, ['add'])
  t.equal(clock.pending, 0)
})

t.test('an empty removal is no change', async (t) => {
  const { clock, publisher } = publishing()

  publisher.remove([])

  t.equal(clock.pending, 0)
})

t.test('a settled set that fails is not asked again', async (t) => {
  const { cache, publisher } = publishing()
  publisher.add(payment('a'))
  publisher.remove(['b'])

  publisher.flush()
  ;(await cache.called('add')).fail(new CacheUnavailable('add'))
  ;(await cache.called('remove')).fail(new CacheUnavailable('remove'))
  await settled()

  t.same(cache.waiting, [])
})
