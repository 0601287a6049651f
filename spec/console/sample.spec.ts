// Which payments are inspected, and what viewers that do not keep up are sent.

import t from 'tap'
import type { AnyEventObject } from 'xstate'
import type { InspectedActor, Inspection } from '../../src/console/inspector-hook.ts'
import { createStatelyStream } from '../../src/console/stately-stream.ts'
import { createSample, isSampled } from '../../src/console/sample.ts'
import { createSequences } from '../../src/console/sequences.ts'
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

t.test('the last digits of an id decide about the sample, in upper or lower case', async (t) => {
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
  { type: 'charge.denied', tookMs: 3 },
  { type: 'charge.settled', tookMs: 501 },
]) {
  t.test(
    `a payment outside the sample is shown from ${event.type} after ${event.tookMs} ms on`,
    async (t) => {
      const sample = createSample({ oneIn: NEVER, now: () => 0 })
      const one = payment(OUTSIDE)
      const input = { record: { correlationId: OUTSIDE } }

      t.equal(sample.judge(told(one, { type: 'xstate.init', input })), 'hidden')
      t.equal(sample.judge(told(one, event)), 'unusual')

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

t.test('a batch is shown when one payment in it is in the sample', async (t) => {
  const sample = createSample({ oneIn: 2, now: () => 0 })
  const batch = [{ correlationId: OUTSIDE }, { correlationId: OUTSIDE.replace(/1$/, '2') }]
  const accepted = { type: 'payments.accepted', batch }

  t.equal(sample.judge(told(actor('payments'), accepted)), 'shown')
})

t.test(
  'a long-lived actor shows one event of a kind a second, and no snapshot twice',
  async (t) => {
    let now = 0
    const sample = createSample({ oneIn: NEVER, now: () => now })
    const batcher = actor('batcher')
    const lease = actor('lease')
    const snapshot = { status: 'active', value: 'idle' }
    const written = (): AnyEventObject => ({ type: 'batch.written' })

    const first = written()
    t.equal(sample.judge(told(batcher, first)), 'shown')
    t.equal(sample.judge(after(batcher, first, snapshot)), 'shown')
    const second = written()
    t.equal(sample.judge(told(batcher, second)), 'hidden')
    t.equal(sample.judge(after(batcher, second, { ...snapshot })), 'hidden')
    t.equal(sample.judge(told(batcher, { type: 'batch.failed' })), 'shown', 'another kind')
    t.equal(sample.judge(told(lease, written())), 'shown', 'another actor')

    now = 1_000
    const third = written()
    t.equal(sample.judge(told(batcher, third)), 'shown')
    t.equal(sample.judge(after(batcher, third, snapshot)), 'hidden', 'it is as it was')
  },
)

t.test('an event passed from actor to actor shows a snapshot of each', async (t) => {
  const sample = createSample({ oneIn: 1, now: () => 0 })
  const [outer, inner] = [actor('persistence'), actor('batcher')]
  const event = { type: 'payment.received', correlationId: OUTSIDE }

  t.equal(sample.judge(told(outer, event)), 'shown')
  t.equal(sample.judge(told(inner, event)), 'shown')
  t.equal(sample.judge(after(inner, event, { status: 'active' })), 'shown')
  t.equal(sample.judge(after(outer, event, { status: 'active' })), 'shown')
  t.equal(sample.judge(after(outer, event, { status: 'active' })), 'hidden', 'once each')
})

t.test('only the latest event without a snapshot is kept', async (t) => {
  const sample = createSample({ oneIn: 1, now: () => 0 })
  const batcher = actor('batcher')
  const events = Array.from({ length: 1_000 }, (_, index) => ({ type: `kind ${index}` }))

  t.ok(events.every((event) => sample.judge(told(batcher, event)) === 'shown'))

  const verdicts = [events[0], events[999]].map((event, index) =>
    sample.judge(after(batcher, event ?? { type: '' }, { status: 'active', value: index })),
  )
  t.same(verdicts, ['hidden', 'shown'])
})

t.test(
  'no message is made for a viewer that reads nothing, and its loss is reported once a second',
  async (t) => {
    let now = 0
    const losses: number[] = []
    const stream = createStatelyStream({
      now: () => now,
      onDropped: (lost) => void losses.push(lost),
      onBug: (_part, error) => t.fail(String(error)),
    })
    const dead: Viewer = {
      isBehind: true,
      send: () => false,
      sendAll: (texts) => texts.length,
      end: () => undefined,
    }
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

    for (let index = 0; index < 1_000; index += 1) stream.report(told(one, event))
    t.equal(reads, 0)
    t.equal(losses.length, 1)
    now = 1_000
    stream.report(told(one, event))

    t.equal(losses.length, 2)
    t.ok((losses[1] ?? 0) >= 999)
  },
)

t.test(
  'an answer whose processor is not known comes from a processor without a name',
  async (t) => {
    const sequences = createSequences(() => 0)

    sequences.note(told(payment(OUTSIDE), { type: 'charge.settled' }))

    t.match(sequences.messagesOf(OUTSIDE), [{ from: 'processor', to: 'payment' }])
  },
)
