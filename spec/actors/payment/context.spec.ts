import t from 'tap'
import { ATTEMPTS_KEPT_MAX } from '../../../src/actors/payment/history.ts'
import { statusOf } from '../../../src/actors/payment/context.ts'
import type { PaymentContext } from '../../../src/actors/payment/context.ts'
import type { Attempt } from '../../../src/actors/model/payment.ts'
import {
  ATTEMPT,
  begin,
  ENDS_AT,
  EVENTS,
  next,
  sampleContext,
  sampleDoubt,
  sampleRecord,
  STAMP,
  take,
  trying,
  type EventName,
} from '../../support/payment-samples.ts'

const IN_DOUBT = { unknownOutcomes: [sampleDoubt('default')] }

t.test('an outcome stays unknown for as long as the last request can land', async (t) => {
  const late = { unknownOutcomes: [sampleDoubt('default', { endsAt: ENDS_AT + 9 })], lookUps: 3 }
  const again = take('tryingDefault', { ...trying('default'), ...late }, EVENTS.doubted).context
  const fresh = take('tryingDefault', { ...trying('default'), lookUps: 3 }, EVENTS.doubted).context
  const failed = take('tryingDefault', { ...trying('default'), ...late }, EVENTS.failed).context
  const early = { ...trying('default'), unknownOutcomes: [sampleDoubt('default', { endsAt: 1 })] }

  t.same(again.unknownOutcomes, late.unknownOutcomes)
  t.equal(again.lookUps, 3, 'look-ups go on at their pace')
  t.same(failed.unknownOutcomes, late.unknownOutcomes, 'a 500 says nothing of an earlier request')
  t.same(fresh.unknownOutcomes, IN_DOUBT.unknownOutcomes)
  t.equal(fresh.lookUps, 0)
  t.same(
    take('tryingDefault', early, EVENTS.doubted).context.unknownOutcomes,
    IN_DOUBT.unknownOutcomes,
  )
})

t.test('after a 500 the lag of look-ups and the settle-by deadline end apart', async (t) => {
  const settleBy = ENDS_AT + 9
  const atFallback = sampleDoubt('fallback')
  const earlier = sampleDoubt('default', { endsAt: 1, settleBy: settleBy + 1 })
  const failed = (unknownOutcomes: PaymentContext['unknownOutcomes']) =>
    take('tryingDefault', { ...trying('default'), unknownOutcomes }, { ...EVENTS.failed, settleBy })
      .context.unknownOutcomes

  t.same(failed([]), [sampleDoubt('default', { settleBy })])
  t.same(
    failed([atFallback, earlier]),
    [atFallback, sampleDoubt('default', { settleBy: settleBy + 1 })],
    'no deadline is taken back, and no other doubt is touched',
  )
})

t.test('a missing payment that its processor knew by 422 last counts as refused', async (t) => {
  const known: Attempt = { ...ATTEMPT, outcome: 'known' }
  const after = (attempts: readonly Attempt[]) => {
    const { context } = take('confirming', { ...IN_DOUBT, attempts }, EVENTS.missingNextFallback)
    return { refusedBy: context.refusedBy, attempts: context.attempts }
  }

  t.same(after([ATTEMPT, known]), {
    refusedBy: ['default'],
    attempts: [ATTEMPT, { ...known, contradiction: { kind: 'absence' } }],
  })
  const plain = { ...ATTEMPT, processor: 'fallback', outcome: 'known' } as const
  for (const attempts of [[ATTEMPT], [known, ATTEMPT], [ATTEMPT, plain]]) {
    t.same(after(attempts), { refusedBy: [], attempts }, 'nothing contradicts the others')
  }
})

t.test('what contradicts a payment is noted where it was said, at the last charge', async (t) => {
  const attempts = (['default', 'fallback', 'default', 'fallback'] as const).map(
    (processor): Attempt => ({ ...ATTEMPT, processor }),
  )
  const unknownOutcomes = [sampleDoubt('fallback'), sampleDoubt('default')]
  const { contradiction } = EVENTS.contradicted
  const noted = take('confirming', { attempts, unknownOutcomes }, EVENTS.contradicted).context
  const [first, second, third, fourth] = attempts

  t.same(noted.attempts, [first, second, { ...third, contradiction }, fourth])
  t.same(noted.unknownOutcomes, [
    sampleDoubt('fallback'),
    sampleDoubt('default', { contradiction }),
  ])
  const kept = take('confirming', { unknownOutcomes }, EVENTS.contradicted).context
  t.same(kept.attempts, [], 'another instance had charged it')
})

t.test('a 422 leaves unknown which request landed', async (t) => {
  const { unknownOutcomes, refusedBy } = take(
    'tryingDefault',
    trying('default'),
    EVENTS.known,
  ).context

  t.same(unknownOutcomes, [sampleDoubt('default', { requestedAt: null })])
  t.same(refusedBy, [], 'which is no refusal')
})

t.test('a payment settles with the requestedAt that landed', async (t) => {
  const charged = take('tryingFallback', trying('fallback'), EVENTS.settled)
  const found = take('confirming', IN_DOUBT, EVENTS.found)

  t.match(charged.snapshot.output?.context.settlement, {
    processor: 'fallback',
    requestedAt: STAMP,
  })
  t.same(found.context.settlement, { processor: 'default', requestedAt: STAMP - 1 })
  t.equal(charged.snapshot.output?.kind, 'settled')
  t.equal(found.snapshot.output?.kind, 'settled')
})

t.test('a payment that is recalled in flight leaves in doubt', async (t) => {
  const { context, snapshot } = take('tryingDefault', trying('default'), EVENTS.recalled)

  t.same(context.unknownOutcomes, IN_DOUBT.unknownOutcomes)
  t.match(context.attempts, [{ outcome: 'inDoubt', detail: 'recalled', tookMs: 0 }])
  t.equal(snapshot.output?.kind, 'parked')
})

t.test('a payment without a route leaves without an attempt', async (t) => {
  const { context } = begin({ next: next(null) })
  t.same([context.deferred, context.attempts, context.tries], [true, [], 0])
  t.equal(context.attempt, null)
  const later = take('retry', { ...trying('default'), tries: 1 }, EVENTS.backoffNextNone).context
  t.same([later.deferred, later.attempts, later.tries], [true, [], 1])
})

t.test('each attempt is kept with its outcome and how long it took', async (t) => {
  const outcomes: Partial<Record<EventName, Attempt['outcome']>> = {
    settled: 'settled',
    deniedNextNone: 'denied',
    refusedNextNone: 'refused',
    failed: 'failed',
    known: 'known',
    doubted: 'inDoubt',
  }
  for (const [name, outcome] of Object.entries(outcomes)) {
    const { attempts } = take('tryingDefault', trying('default'), EVENTS[name as EventName]).context
    const kept = { ...trying('default').attempt, outcome, tookMs: 12.346, detail: 'http 500' }
    t.same(attempts, [kept], name)
  }
})

t.test('only the newest of many attempts are kept', async (t) => {
  const attempt = { ...trying('default').attempt, outcome: 'refused', tookMs: 1 } as Attempt
  const attempts = Array.from({ length: ATTEMPTS_KEPT_MAX }, (_, index): Attempt => {
    return { ...attempt, requestedAt: index }
  })

  const { context } = take('tryingDefault', { ...trying('default'), attempts }, EVENTS.doubted)

  t.equal(context.attempts.length, ATTEMPTS_KEPT_MAX)
  t.equal(context.attempts[0]?.requestedAt, 1)
  t.match(context.attempts.at(-1), { requestedAt: STAMP, outcome: 'inDoubt' })
})

t.test('a refusal counts once per try and processor', async (t) => {
  const again: Partial<PaymentContext> = { ...trying('default'), refusedBy: ['default'] }

  t.same(take('tryingDefault', again, EVENTS.refusedNextFallback).context.refusedBy, ['default'])
  t.same(take('tryingDefault', again, EVENTS.failed).context.refusedBy, ['default'])
})

t.test('a request is sent again only while one processor alone may have it', async (t) => {
  const { dueResend } = EVENTS
  const both = { unknownOutcomes: [sampleDoubt('default'), sampleDoubt('fallback')] }

  const again = take('confirming', { ...IN_DOUBT, lookUps: 3 }, dueResend)
  t.equal(again.snapshot.value, 'tryingDefault')
  t.match(again.context.attempt, { processor: 'default', requestedAt: STAMP, reason: 'resend' })
  t.equal(again.context.lookUps, 4, 'in place of a look-up')
  t.equal(take('confirming', both, dueResend).told, 'confirming sendLookUp')
})

t.test('a payment keeps the attempts of its earlier actors', async (t) => {
  const attempt = { ...trying('default').attempt, outcome: 'refused', tookMs: 1 } as Attempt

  const { context } = begin({
    record: sampleRecord({ attempts: [attempt] }),
    next: next('default'),
  })

  t.same(context.attempts, [attempt])
})

t.test('the status of a payment shows the attempt in flight and the settlement', async (t) => {
  const inFlight = statusOf(sampleContext(trying('default')), 'tryingDefault', 77)
  const refused = statusOf(sampleContext(trying('default')), 'retry', 77)
  const { context } = take('tryingDefault', trying('default'), EVENTS.settled)
  const settled = statusOf(context, 'settled', 77)

  t.match(inFlight, { state: 'tryingDefault', acceptedAt: 77, amountCents: 1990 })
  t.match(inFlight.attempts, [{ processor: 'default', outcome: 'inFlight', tookMs: 0 }])
  t.notOk('processor' in inFlight)
  t.match(statusOf(sampleContext(trying('fallback')), 'tryingFallback', 77).attempts, [
    { processor: 'fallback', outcome: 'inFlight' },
  ])
  t.same(refused.attempts, [], 'an attempt that has ended is in the history alone')
  t.match(settled, { processor: 'default', requestedAt: STAMP })
  t.equal(settled.attempts.length, 1)
})
