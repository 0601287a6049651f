import t from 'tap'
import {
  acceptBatcherMachine,
  type AcceptBatcherEvent,
} from '../../../src/actors/persistence/accept-batcher.machine.ts'
import {
  AT_ONCE,
  CLOSE,
  E,
  EVENTS,
  GATHERING,
  idsOf,
  received,
  A,
  NONE,
  LOST,
  KEEP,
} from '../../support/accept-lane-events.ts'
import { oneStep, stepped, type Stepped } from '../../support/chart-steps.ts'
import { sameWalks } from '../../support/same-walks.ts'
import { seeded, type Random } from '../../support/seeded.ts'

type Lane = Stepped<typeof acceptBatcherMachine>

t.test('whatever comes, each payment is answered once or still in the batcher', async (t) => {
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
})

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

function answersOf({ effects }: Lane, event: AcceptBatcherEvent): readonly string[] {
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
    'reportStrays',
    'reportEnded',
  ]
  const actions = Object.fromEntries(effects.map((effect) => [effect, ignore]))
  return acceptBatcherMachine.provide({ actions })
}
