import t from 'tap'
import {
  acceptLaneMachine,
  type AcceptLaneContext,
  type AcceptLaneEvent,
} from '../../src/actors/accept-lane.machine.ts'
import { itemsOf } from '../../src/actors/backlog.ts'
import { LeaseLost, LedgerUnavailable } from '../../src/actors/errors.ts'
import type { PaymentReceived } from '../../src/actors/events.ts'
import { oneStep, stepped, type Stepped } from '../support/chart-steps.ts'
import { sameWalks } from '../support/same-walks.ts'
import { seeded, type Random } from '../support/seeded.ts'

type Lane = Stepped<typeof acceptLaneMachine>

const AT_ONCE = { batchMax: 2, windowMs: 0, commitsMax: 500, pendingMax: 3 }
const GATHERING = { ...AT_ONCE, windowMs: 2 }

function received(correlationId: string): PaymentReceived {
  return { type: 'payment.received', correlationId, amountCents: 1990, replyTo: () => undefined }
}

const A = received('a')
const B = received('b')
const C = received('c')
const D = received('d')
const E = received('e')
const WRITTEN: AcceptLaneEvent = {
  type: 'batch.written',
  accepted: { results: ['accepted'], purges: 0 },
  tookMs: 1,
  gatherMs: 0,
  leaseId: 7,
}
const WRITTEN_DENSELY: AcceptLaneEvent = { ...WRITTEN, gatherMs: 2 }
const UNKNOWN: AcceptLaneEvent = failed(new LedgerUnavailable('accept', 'unknown'))
const NONE: AcceptLaneEvent = failed(new LedgerUnavailable('accept', 'none'))
const LOST: AcceptLaneEvent = failed(new LeaseLost('accept'))
const PAUSED: AcceptLaneEvent = { type: 'pause.elapsed' }
const WINDOW: AcceptLaneEvent = { type: 'window.elapsed' }
const CLOSE: AcceptLaneEvent = { type: 'intake.closed' }
const PARK: AcceptLaneEvent = { type: 'intake.changed', parks: true }
const KEEP: AcceptLaneEvent = { type: 'intake.changed', parks: false }

function failed(error: LedgerUnavailable | LeaseLost): AcceptLaneEvent {
  return { type: 'batch.failed', error, leaseId: 7 }
}

/** Of a batch that may have been committed all the same. */
const REFUSED = 'paused refuseAll reportStrays startPause'

/** Each row: where the lane is brought to, and what each event does there; the rest is ignored. */
const TABLE: readonly (readonly [string, typeof AT_ONCE, readonly AcceptLaneEvent[], object])[] = [
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
  ['writing', AT_ONCE, [A], { written: 'idle answerBatch', failed: REFUSED }],
  [
    'writing, one waits',
    AT_ONCE,
    [A, B],
    { written: 'writing answerBatch writeBatch', failed: REFUSED },
  ],
  [
    'writing, one waits for a window',
    GATHERING,
    [A, B, C],
    { written: 'gathering answerBatch startWindow', failed: REFUSED },
  ],
  [
    'idle, the last commits too dense',
    AT_ONCE,
    [A, WRITTEN_DENSELY],
    { received: 'gathering startWindow', close: 'closed reportEnded' },
  ],
  [
    'idle, the last commit no longer too dense',
    AT_ONCE,
    [A, WRITTEN_DENSELY, B, WINDOW, WRITTEN],
    { received: 'writing writeBatch', close: 'closed reportEnded' },
  ],
  [
    'writing, full',
    AT_ONCE,
    [A, B, C, D],
    {
      received: 'writing refuseOne',
      written: 'writing answerBatch writeBatch',
      failed: REFUSED,
    },
  ],
  ['paused', AT_ONCE, [A, NONE], { received: 'paused refuseOne', paused: 'idle' }],
  [
    'writing, closed',
    AT_ONCE,
    [A, CLOSE],
    { written: 'closed answerBatch reportEnded', failed: REFUSED },
  ],
  [
    'writing, closed, one waits for a window',
    GATHERING,
    [A, B, C, CLOSE],
    { written: 'writing answerBatch startWindow writeBatch', failed: REFUSED },
  ],
  [
    'paused, closed',
    AT_ONCE,
    [A, NONE, CLOSE],
    { received: 'paused refuseOne', paused: 'closed reportEnded' },
  ],
  ['closed', AT_ONCE, [CLOSE], { received: 'closed refuseOne' }],
]
const EVENTS = {
  received: E,
  window: WINDOW,
  written: WRITTEN,
  failed: UNKNOWN,
  paused: PAUSED,
  parks: PARK,
  close: CLOSE,
}

t.test('each event in each condition does what its table says, and nothing else', async (t) => {
  for (const [condition, input, past, row] of TABLE) {
    const before = stepped(acceptLaneMachine, input, past)
    for (const [name, event] of Object.entries(EVENTS)) {
      const told = oneStep(acceptLaneMachine, before.snapshot, event).told
      const expected = Object.entries(row).find(([key]) => key === name)?.[1]
      t.equal(told, expected ?? before.snapshot.value, `${condition}: ${name}`)
    }
  }
})

t.test('a batch takes the oldest, and what came during a commit goes with the next', async (t) => {
  const writing = stepped(acceptLaneMachine, AT_ONCE, [A, B, C, D])
  const next = oneStep(acceptLaneMachine, writing.snapshot, WRITTEN)

  t.same(writing.context.batch, [A])
  t.same(next.effects[0]?.context.batch, [A], 'the answers are for the batch that was written')
  t.same(next.context.batch, [B, C])
  t.same(itemsOf(next.context.pending), [D])
})

t.test('a failed commit refuses the batch and all that waits', async (t) => {
  const lane = stepped(acceptLaneMachine, AT_ONCE, [A, B, UNKNOWN])
  const refused = lane.effects.find(({ type }) => type === 'refuseAll')?.context

  t.same(refused && idsOf(refused), ['a', 'b'])
  t.same(idsOf(lane.context), [])
})

t.test('only a lost answer under a lease may leave payments that nobody has', async (t) => {
  const told = (...events: readonly AcceptLaneEvent[]): string =>
    stepped(acceptLaneMachine, AT_ONCE, events).told

  t.equal(told(A, UNKNOWN), 'paused refuseAll reportStrays startPause')
  t.equal(told(A, NONE), 'paused refuseAll startPause', 'it is certainly not there')
  t.equal(told(A, LOST), 'paused refuseAll startPause', 'what it wrote belongs to others')
  t.equal(told(PARK, A, UNKNOWN), 'paused refuseAll startPause', 'anyone finds what is parked')
})

t.test('a batch is parked or not as it was when it was taken', async (t) => {
  const parks = (...events: readonly AcceptLaneEvent[]): boolean =>
    stepped(acceptLaneMachine, AT_ONCE, events).context.batchParks

  t.equal(parks(A, PARK), false)
  t.equal(parks(A, PARK, B, WRITTEN), true)
  t.equal(parks(PARK, { type: 'intake.changed', parks: false }, A), false)
  t.equal(parks(A, B, CLOSE, { type: 'intake.changed', parks: false }, WRITTEN), true)
})

t.test('a batch gathers as long as its window or the density of commits asks for', async (t) => {
  const lane = stepped(acceptLaneMachine, { ...AT_ONCE, windowMs: 5 }, [A, WINDOW, WRITTEN_DENSELY])
  t.equal(lane.context.gatherMs, 5)
})

t.test('whatever comes, each payment is answered once or still in the lane', async (t) => {
  const seed = Date.now() % 1_000_000
  const random = seeded(seed)
  for (let walked = 0; walked < 300 && t.passing(); walked += 1) {
    const answered: string[] = []
    const asked: string[] = []
    let lane = stepped(acceptLaneMachine, random.pick([AT_ONCE, GATHERING]))
    for (let step = 0; step < 40; step += 1) {
      const event = anyEvent(random, asked.length)
      if (event.type === 'payment.received') asked.push(event.correlationId)
      lane = oneStep(acceptLaneMachine, lane.snapshot, event)
      answered.push(...answersOf(lane, event))
    }
    const kept = idsOf(lane.context)
    const all = [...answered, ...kept].toSorted()
    t.same(all, asked.toSorted(), `walk ${walked} of seed ${seed}`)
    t.ok(lane.context.pending.size <= AT_ONCE.pendingMax, 'bounded')
    t.ok(lane.context.batch.length <= AT_ONCE.batchMax, 'bounded')
  }
})

t.test('the accept lane takes the same steps compiled as interpreted', async (t) => {
  sameWalks(t, quiet(), {
    events: [...Object.values(EVENTS), A, WRITTEN_DENSELY, NONE, LOST, KEEP],
    input: (random) => random.pick([AT_ONCE, GATHERING]),
    walks: 200,
  })
})

function anyEvent(random: Random, asked: number): AcceptLaneEvent {
  if (random.onceIn(2)) return received(`id-${asked}`)
  return random.pick([WRITTEN, WRITTEN_DENSELY, UNKNOWN, NONE, LOST, PAUSED, WINDOW, PARK])
}

function answersOf({ effects }: Lane, event: AcceptLaneEvent): readonly string[] {
  return effects.flatMap(({ type, context }) => {
    if (type === 'answerBatch') return context.batch.map(({ correlationId }) => correlationId)
    if (type === 'refuseAll') return idsOf(context)
    return type === 'refuseOne' && event.type === 'payment.received' ? [event.correlationId] : []
  })
}

function idsOf({ batch, pending }: AcceptLaneContext): readonly string[] {
  return [...batch, ...itemsOf(pending)].map(({ correlationId }) => correlationId)
}

function quiet() {
  const ignore = (): void => undefined
  const effects = ['startWindow', 'writeBatch', 'answerBatch', 'refuseAll', 'refuseOne'].concat([
    'startPause',
    'reportStrays',
    'reportEnded',
  ])
  const actions = Object.fromEntries(effects.map((effect) => [effect, ignore]))
  return acceptLaneMachine.provide({ actions })
}
