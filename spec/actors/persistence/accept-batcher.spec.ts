import t from 'tap'
import {
  acceptBatcherMachine,
  type AcceptBatcherEvent,
} from '../../../src/actors/persistence/accept-batcher.machine.ts'
import { itemsOf } from '../../../src/actors/persistence/pending-queue.ts'
import {
  A,
  AT_ONCE,
  B,
  C,
  CLOSE,
  D,
  EVENTS,
  GATHERING,
  LOST,
  NONE,
  PARK,
  SPACING,
  UNKNOWN,
  WRITTEN,
  WRITTEN_DENSELY,
  idsOf,
} from '../../support/accept-lane-events.ts'
import { oneStep, stepped } from '../../support/chart-steps.ts'

/** Of a batch that may have been committed all the same. */
const REFUSED = 'paused refuseAll reportStrays startPause'
const SPACED = 'spacing answerBatch startSpacing'

/** Each row: where the batcher is brought to, and what each event does there; the rest is ignored. */
const TABLE: readonly (readonly [string, typeof AT_ONCE, readonly AcceptBatcherEvent[], object])[] =
  [
    ['idle', AT_ONCE, [], { received: 'writing writeBatch', close: 'closed reportEnded' }],
    [
      'idle, with a window',
      GATHERING,
      [],
      { received: 'gathering startWindow', close: 'closed reportEnded' },
    ],
    [
      'gathering',
      GATHERING,
      [A],
      {
        received: 'writing writeBatch',
        window: 'writing writeBatch',
        close: 'writing writeBatch',
      },
    ],
    ['writing', AT_ONCE, [A], { written: 'idle answerBatch', dense: SPACED, failed: REFUSED }],
    [
      'writing, one waits',
      AT_ONCE,
      [A, B],
      { written: 'writing answerBatch writeBatch', dense: SPACED, failed: REFUSED },
    ],
    [
      'writing, one waits for a window',
      GATHERING,
      [A, B, C],
      { written: 'gathering answerBatch startWindow', dense: SPACED, failed: REFUSED },
    ],
    [
      'spacing',
      AT_ONCE,
      [A, WRITTEN_DENSELY],
      { received: 'spacing', spacing: 'idle', close: 'closed reportEnded' },
    ],
    [
      'spacing, one waits',
      AT_ONCE,
      [A, B, WRITTEN_DENSELY],
      {
        received: 'writing writeBatch',
        spacing: 'writing writeBatch',
        close: 'writing writeBatch',
      },
    ],
    [
      'idle, after a spacing',
      AT_ONCE,
      [A, WRITTEN_DENSELY, SPACING],
      { received: 'writing writeBatch', close: 'closed reportEnded' },
    ],
    [
      'writing, full',
      AT_ONCE,
      [A, B, C, D],
      {
        received: 'writing refuseOne',
        written: 'writing answerBatch writeBatch',
        dense: 'writing answerBatch startSpacing writeBatch',
        failed: REFUSED,
      },
    ],
    ['paused', AT_ONCE, [A, NONE], { received: 'paused refuseOne', paused: 'idle' }],
    [
      'writing, closed',
      AT_ONCE,
      [A, CLOSE],
      {
        written: 'closed answerBatch reportEnded',
        dense: 'closed answerBatch startSpacing reportEnded',
        failed: REFUSED,
      },
    ],
    [
      'writing, closed, one waits for a window',
      GATHERING,
      [A, B, C, CLOSE],
      {
        written: 'writing answerBatch startWindow writeBatch',
        dense: 'writing answerBatch startSpacing writeBatch',
        failed: REFUSED,
      },
    ],
    [
      'paused, closed',
      AT_ONCE,
      [A, NONE, CLOSE],
      { received: 'paused refuseOne', paused: 'closed reportEnded' },
    ],
    ['closed', AT_ONCE, [CLOSE], { received: 'closed refuseOne' }],
  ]
t.test('each event in each condition does what its table says, and nothing else', async (t) => {
  for (const [condition, input, past, row] of TABLE) {
    const before = stepped(acceptBatcherMachine, input, past)
    for (const [name, event] of Object.entries(EVENTS)) {
      const told = oneStep(acceptBatcherMachine, before.snapshot, event).told
      const expected = Object.entries(row).find(([key]) => key === name)?.[1]
      t.equal(told, expected ?? before.snapshot.value, `${condition}: ${name}`)
    }
  }
})

t.test('a batch takes the oldest, and what came during a commit goes with the next', async (t) => {
  const writing = stepped(acceptBatcherMachine, AT_ONCE, [A, B, C, D])
  const next = oneStep(acceptBatcherMachine, writing.snapshot, WRITTEN)

  t.same(writing.context.batch, [A])
  t.same(next.effects[0]?.context.batch, [A], 'the answers are for the batch that was written')
  t.same(next.context.batch, [B, C])
  t.same(itemsOf(next.context.pending), [D])
})

t.test('a failed commit refuses the batch and all that waits', async (t) => {
  const batcher = stepped(acceptBatcherMachine, AT_ONCE, [A, B, UNKNOWN])
  const refused = batcher.effects.find(({ type }) => type === 'refuseAll')?.context

  t.same(refused && idsOf(refused), ['a', 'b'])
  t.same(idsOf(batcher.context), [])
})

t.test('only a lost answer under a lease may leave payments that nobody has', async (t) => {
  const told = (...events: readonly AcceptBatcherEvent[]): string =>
    stepped(acceptBatcherMachine, AT_ONCE, events).told

  t.equal(told(A, UNKNOWN), 'paused refuseAll reportStrays startPause')
  t.equal(told(A, NONE), 'paused refuseAll startPause', 'it is certainly not there')
  t.equal(told(A, LOST), 'paused refuseAll startPause', 'what it wrote belongs to others')
  t.equal(told(PARK, A, UNKNOWN), 'paused refuseAll startPause', 'anyone finds what is parked')
})

t.test('a batch is parked or not as it was when it was taken', async (t) => {
  const parks = (...events: readonly AcceptBatcherEvent[]): boolean =>
    stepped(acceptBatcherMachine, AT_ONCE, events).context.batchParks

  t.equal(parks(A, PARK), false)
  t.equal(parks(A, PARK, B, WRITTEN), true)
  t.equal(parks(PARK, { type: 'intake.changed', parks: false }, A), false)
  t.equal(parks(A, B, CLOSE, { type: 'intake.changed', parks: false }, WRITTEN), true)
})
