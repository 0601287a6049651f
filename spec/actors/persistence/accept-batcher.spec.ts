import fc from 'fast-check'
import t from 'tap'
import {
  A,
  AT_ONCE,
  B,
  C,
  CLOSE,
  D,
  E,
  EVENTS,
  GATHERING,
  idsOf,
  KEEP,
  LOST,
  NONE,
  PARK,
  received,
  SPACING,
  UNKNOWN,
  WRITTEN,
  WRITTEN_DENSELY,
} from '../../support/accept-batcher-events.ts'
import { oneStep, stepped, type Stepped } from '../../support/chart-steps.ts'
import { settled } from '../../support/actor-system.ts'
import { startedPit } from '../../support/started-pit.ts'
import { sameWalks } from '../../support/same-walks.ts'
import { seeded, type Random } from '../../support/seeded.ts'
import {
  acceptBatcherMachine,
  type AcceptBatcherEvent,
} from '../../../src/actors/persistence/accept-batcher.machine.ts'
import {
  emptyQueue,
  itemsOf,
  takeOldest,
  withItem,
  type PendingQueue,
} from '../../../src/actors/persistence/pending-queue.ts'

const REFUSED = 'paused refuseAll startPause'
const SPACED = 'spacing answerBatch startSpacing'

/** Each row: a state of the batcher, and what each event does there; the rest is ignored. */
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
      'writing, a batch waits, with a window',
      GATHERING,
      [A, B, C, D],
      {
        received: 'writing',
        written: 'writing answerBatch writeBatch',
        dense: 'writing answerBatch startSpacing writeBatch',
        failed: REFUSED,
      },
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

t.test(
  'a batch has the oldest payments; those that come during a commit go with the next',
  async (t) => {
    const writing = stepped(acceptBatcherMachine, AT_ONCE, [A, B, C, D])
    const next = oneStep(acceptBatcherMachine, writing.snapshot, WRITTEN)

    t.same(writing.context.batch, [A])
    t.same(next.effects[0]?.context.batch, [A], 'the answers are for the batch that was written')
    t.same(next.context.batch, [B, C])
    t.same(itemsOf(next.context.pending), [D])
  },
)

t.test('a failed commit refuses the batch and all that waits', async (t) => {
  const batcher = stepped(acceptBatcherMachine, AT_ONCE, [A, B, UNKNOWN])
  const refused = batcher.effects.find(({ type }) => type === 'refuseAll')?.context

  t.same(refused && idsOf(refused), ['a', 'b'])
  t.same(idsOf(batcher.context), [])
})

t.test('a batch is parked or not as it was when it was taken', async (t) => {
  const parks = (...events: readonly AcceptBatcherEvent[]): boolean =>
    stepped(acceptBatcherMachine, AT_ONCE, events).context.batchParks

  t.equal(parks(A, PARK), false)
  t.equal(parks(A, PARK, B, WRITTEN), true)
  t.equal(parks(PARK, { type: 'intake.changed', parks: false }, A), false)
  t.equal(parks(A, B, CLOSE, { type: 'intake.changed', parks: false }, WRITTEN), true)
})

type AcceptStep = Stepped<typeof acceptBatcherMachine>

t.test(
  'each payment is answered once or is still in the batcher, whatever it is told',
  async (t) => {
    const seed = Date.now() % 1_000_000
    const random = seeded(seed)
    for (let walked = 0; walked < 300 && t.passing(); walked += 1) {
      const answered: string[] = []
      const asked: string[] = []
      let batcher = stepped(acceptBatcherMachine, random.pick([AT_ONCE, GATHERING]))
      for (let step = 0; step < 40; step += 1) {
        const event = anyEvent(random, asked.length)
        if (event.type === 'payment.received') asked.push(event.correlationId)
        batcher = oneStep(acceptBatcherMachine, batcher.snapshot, event)
        answered.push(...answersOf(batcher, event))
      }
      const kept = idsOf(batcher.context)
      const all = [...answered, ...kept].toSorted()
      t.same(all, asked.toSorted(), `walk ${walked} of seed ${seed}`)
      t.ok(batcher.context.pending.size <= AT_ONCE.pendingMax, 'bounded')
      t.ok(batcher.context.batch.length <= AT_ONCE.batchMax, 'bounded')
    }
  },
)

t.test('the accept batcher takes the same steps compiled as interpreted', async (t) => {
  sameWalks(t, quiet(), {
    events: [...Object.values(EVENTS), A, NONE, LOST, KEEP],
    input: (random) => random.pick([AT_ONCE, GATHERING]),
    walks: 200,
  })
})

function anyEvent(random: Random, asked: number): AcceptBatcherEvent {
  if (random.onceIn(2)) return received(`id-${asked}`)
  return random.pick(Object.values(EVENTS).filter((event) => event !== E && event !== CLOSE))
}

function answersOf({ effects }: AcceptStep, event: AcceptBatcherEvent): readonly string[] {
  return effects.flatMap(({ type, context }) => {
    if (type === 'answerBatch') return context.batch.map(({ correlationId }) => correlationId)
    if (type === 'refuseAll') return idsOf(context)
    return type === 'refuseOne' && event.type === 'payment.received' ? [event.correlationId] : []
  })
}

function quiet() {
  const ignore = (): void => undefined
  const effects = [
    'startWindow',
    'startSpacing',
    'writeBatch',
    'answerBatch',
    'refuseAll',
    'refuseOne',
    'startPause',
    'reportEnded',
  ]
  const actions = Object.fromEntries(effects.map((effect) => [effect, ignore]))
  return acceptBatcherMachine.provide({ actions })
}

t.test(
  'a pending queue gives its oldest first and leaves earlier queues as they were',
  async (t) => {
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
  },
)

t.test(
  'what could not be read in time is answered 503, and what was written is worked on',
  async (t) => {
    const pit = await startedPit()
    const first = pit.post()
    const writing = await pit.ledger.called('accept')
    const [second, third] = [pit.post(), pit.post()]
    writing.answer({ results: ['accepted'], purges: 0 })
    await settled()

    const results = ['unread', 'known']
    ;(await pit.ledger.called('accept')).answer({ results, purges: 0 })
    await settled()

    t.same([first, second, third], [['accepted'], ['unavailable'], ['known']])
    t.match(
      pit.facts.filter(({ type }) => type.startsWith('batch.')),
      [
        { accepted: 1 },
        { accepted: 0, known: 1, conflicting: 0 },
        { type: 'batch.refused', payments: 1, cause: 'not read in time' },
      ],
    )
  },
)
