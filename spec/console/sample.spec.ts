// Which payments are inspected, and what viewers that do not keep up are sent.

import t from 'tap'
import type { AnyEventObject } from 'xstate'
import type { InspectedActor, Inspection } from '../../src/console/inspected.ts'
import { createStatelyStream } from '../../src/console/inspector.ts'
import { createSample } from '../../src/console/sample.ts'
import { isSampled } from '../../src/console/share.ts'
import type { Viewer } from '../../src/console/stream.ts'

const NEVER = 1_000_000
const OUTSIDE = '00000000-0000-4000-8000-000000000001'

let sessions = 0

function actor(id: string, context: unknown = {}): InspectedActor {
  const snapshot = { status: 'active', value: 'pending', context }
  sessions += 1
  return { id, sessionId: `x:${sessions}`, getSnapshot: () => snapshot }
}

function payment(correlationId: string): InspectedActor {
  return actor('payment', { record: { correlationId } })
}

function told(actorRef: InspectedActor, event: AnyEventObject): Inspection {
  return { type: '@xstate.event', actorRef, event }
}

function after(actorRef: InspectedActor, event: AnyEventObject, snapshot: unknown): Inspection {
  return { type: '@xstate.snapshot', actorRef, event, snapshot }
}

t.test('the share is taken of the last digits, in either case', async (t) => {
  const ids = ['00000000-0000-4000-8000-0000000000C8', 'AAAAAAAA-aaaa-4aaa-8aaa-FfFfFfFfFfFf', 'ab']
  for (const id of ids) {
    for (const oneIn of [1, 7, 100, 255, NEVER]) {
      t.equal(isSampled(id, oneIn), Number.parseInt(id.slice(-8), 16) % oneIn === 0)
    }
  }
})

for (const event of [
  { type: 'charge.refused', tookMs: 3 },
  { type: 'charge.failed', tookMs: 3 },
  { type: 'charge.doubted', tookMs: 8000 },
  { type: 'charge.known', tookMs: 3 },
  { type: 'charge.rejected', tookMs: 3 },
  { type: 'charge.settled', tookMs: 501 },
]) {
  t.test(
    `a payment outside the sample is shown from ${event.type} after ${event.tookMs} ms on`,
    async (t) => {
      const sample = createSample({ oneIn: NEVER, now: () => 0 })
      const one = payment(OUTSIDE)
      const input = { record: { correlationId: OUTSIDE } }

      t.equal(sample.judge(told(one, { type: 'xstate.init', input })), 'hidden')
      t.equal(sample.judge(told(one, event)), 'caught')

      t.equal(sample.judge(told(one, { type: 'lookup.due' })), 'shown')
      const done = { type: 'xstate.done.actor.payment', output: { context: input } }
      t.equal(
        sample.judge(told(actor('payments'), done)),
        'shown',
        'what others are told of it too',
      )
      t.equal(sample.judge(after(one, event, { status: 'done' })), 'shown')
      t.same([...sample.living()], [], 'it has left')
    },
  )
}

t.test('a quick payment outside the sample is never shown', async (t) => {
  const sample = createSample({ oneIn: NEVER, now: () => 0 })
  const event = { type: 'charge.settled', tookMs: 500 }
  const one = payment(OUTSIDE)

  t.equal(sample.judge(told(one, event)), 'hidden')
  t.equal(sample.judge(after(one, event, { status: 'done' })), 'hidden')
  const batch = [{ correlationId: OUTSIDE }]
  const accepted = { type: 'payments.accepted', batch }
  t.equal(sample.judge(told(actor('payments'), accepted)), 'hidden')
})

t.test('a batch is shown for the sake of one payment in it', async (t) => {
  const sample = createSample({ oneIn: 2, now: () => 0 })
  const batch = [{ correlationId: OUTSIDE }, { correlationId: OUTSIDE.replace(/1$/, '2') }]
  const accepted = { type: 'payments.accepted', batch }

  t.equal(sample.judge(told(actor('payments'), accepted)), 'shown')
})

t.test('of one kind a long-lived actor shows one a second, and no snapshot twice', async (t) => {
  let now = 0
  const sample = createSample({ oneIn: NEVER, now: () => now })
  const lane = actor('lane')
  const lease = actor('lease')
  const snapshot = { status: 'active', value: 'idle' }
  const written = (): AnyEventObject => ({ type: 'batch.written' })

  const first = written()
  t.equal(sample.judge(told(lane, first)), 'shown')
  t.equal(sample.judge(after(lane, first, snapshot)), 'shown')
  const second = written()
  t.equal(sample.judge(told(lane, second)), 'hidden')
  t.equal(sample.judge(after(lane, second, { ...snapshot })), 'hidden')
  t.equal(sample.judge(told(lane, { type: 'batch.failed' })), 'shown', 'another kind')
  t.equal(sample.judge(told(lease, written())), 'shown', 'another actor')

  now = 1_000
  const third = written()
  t.equal(sample.judge(told(lane, third)), 'shown')
  t.equal(sample.judge(after(lane, third, snapshot)), 'hidden', 'it is as it was')
})

t.test('an event passed on from actor to actor shows the snapshot of each', async (t) => {
  const sample = createSample({ oneIn: 1, now: () => 0 })
  const [outer, inner] = [actor('persistence'), actor('lane')]
  const event = { type: 'payment.received', correlationId: OUTSIDE }

  t.equal(sample.judge(told(outer, event)), 'shown')
  t.equal(sample.judge(told(inner, event)), 'shown')
  t.equal(sample.judge(after(inner, event, { status: 'active' })), 'shown')
  t.equal(sample.judge(after(outer, event, { status: 'active' })), 'shown')
  t.equal(sample.judge(after(outer, event, { status: 'active' })), 'hidden', 'once each')
})

t.test('events that no snapshot follows are forgotten, and the latest is not', async (t) => {
  const sample = createSample({ oneIn: 1, now: () => 0 })
  const lane = actor('lane')
  const events = Array.from({ length: 1_000 }, (_, index) => ({ type: `kind ${index}` }))

  t.ok(events.every((event) => sample.judge(told(lane, event)) === 'shown'))

  const verdicts = [events[0], events[999]].map((event, index) =>
    sample.judge(after(lane, event ?? { type: '' }, { status: 'active', value: index })),
  )
  t.same(verdicts, ['hidden', 'shown'])
})

t.test(
  'for a viewer that reads nothing nothing is made, and its loss is told once a second',
  async (t) => {
    let now = 0
    const losses: number[] = []
    const stream = createStatelyStream({
      now: () => now,
      onDropped: (lost) => void losses.push(lost),
    })
    const dead: Viewer = { isBehind: true, send: () => false, sendAll: (texts) => texts.length }
    let reads = 0
    const event: AnyEventObject = {
      type: 'charge.settled',
      get detail() {
        reads += 1
        return ''
      },
    }
    const one = payment(OUTSIDE)
    stream.join(dead, [])

    for (let index = 0; index < 1_000; index += 1) stream.tell(told(one, event))
    t.equal(reads, 0)
    t.equal(losses.length, 1)
    now = 1_000
    stream.tell(told(one, event))

    t.equal(losses.length, 2)
    t.ok((losses[1] ?? 0) >= 999)
  },
)
