import t from 'tap'
import {
  sampleContext,
  sampleDoubt,
  sampleRecord,
  STAMP,
  trying,
} from '../../support/payment-samples.ts'
import { standIns, WORK } from '../../support/payment-dependencies.ts'
import {
  planBackoff,
  routeNow,
  sendCharge,
  type PaymentDependencies,
} from '../../../src/actors/payment/effects.ts'
import type { PaymentContext, PaymentEvent } from '../../../src/actors/payment/context.ts'
import type { Attempt, ProcessorName } from '../../../src/actors/model/payment.ts'
import type { ChargeAnswer } from '../../../src/actors/model/ports.ts'
import { outlasting } from '../../../src/actors/model/settings.ts'

const SENT_AT = 7000
const TOOK_MS = 3000
const SETTLE_BY = SENT_AT + outlasting(WORK.settleByMs)

/** What follows from an answer of `default` that took its time. */
function answered(
  kind: ChargeAnswer['kind'],
  context: Partial<PaymentContext> = {},
  changes: Partial<PaymentDependencies> = {},
): readonly PaymentEvent[] {
  const { dependencies, clock, charges } = standIns(changes)
  const events: PaymentEvent[] = []
  clock.increment(SENT_AT)
  sendCharge(dependencies, sampleContext({ ...trying('default'), ...context }), {
    send: (event) => void events.push(event),
  })
  clock.increment(TOOK_MS)
  charges[0]?.({ kind, detail: 'said' })
  return events
}

t.test('a settle-by deadline runs from the sending of a charge, not from its answer', async (t) => {
  const told = { tookMs: TOOK_MS, detail: 'said', endsAt: SETTLE_BY }

  t.same(answered('inDoubt'), [{ type: 'charge.doubted', ...told }])
  t.same(answered('known'), [{ type: 'charge.known', ...told }])
})

t.test('after a 500 look-ups lag from its answer on, the deadline from the sending', async (t) => {
  const endsAt = SENT_AT + TOOK_MS + outlasting(WORK.lookUpLagMs)

  t.match(answered('failed'), [{ type: 'charge.failed', endsAt, settleBy: SETTLE_BY }])
})

t.test('after a 500 the deadline is never before the end of the lag', async (t) => {
  const settings = { ...WORK, lookUpLagMs: WORK.settleByMs }
  const endsAt = SENT_AT + TOOK_MS + outlasting(settings.lookUpLagMs)

  t.match(answered('failed', {}, { settings }), [{ endsAt, settleBy: endsAt }])
})

function ended(outcome: Attempt['outcome'], processor: ProcessorName): Attempt {
  return { processor, requestedAt: STAMP, reason: 'cheaper', outcome, tookMs: 1 }
}

const YOUNG = { record: sampleRecord({ acceptedAt: SENT_AT }) }
const DENIED_BY_FALLBACK = { attempts: [ended('denied', 'fallback')] }

t.test('a refused payment waits or goes on, and not to who has refused or denied it', async (t) => {
  const waits = { to: null, reason: 'waitingForCheaper' }
  const told = { type: 'charge.refused', tookMs: TOOK_MS, detail: 'said' }

  t.match(answered('refused', YOUNG), [{ ...told, next: waits }])
  const onwards = { to: 'fallback', reason: 'cheaperRefused', requestedAt: STAMP + 10_000 }
  t.same(answered('refused'), [{ ...told, next: onwards }], 'once it has waited its time')
  t.match(answered('refused', { refusedBy: ['fallback'] }), [{ next: { to: null } }])
  t.match(answered('refused', DENIED_BY_FALLBACK), [{ next: { to: null } }])
})

t.test(
  'a denied payment goes to the other processor at once, unless that refused it',
  async (t) => {
    const next = { to: 'fallback', reason: 'cheaperDenied' }

    t.match(answered('denied', YOUNG), [{ type: 'charge.denied', detail: 'said', next }])
    t.match(answered('denied', { refusedBy: ['fallback'] }), [{ next: { to: null } }])
  },
)

t.test(
  'a denied payment may be rejected from a certain age on, at once where that is 0',
  async (t) => {
    const { rejectAfterMs } = WORK
    const agedAt = (ageMs: number, settings = WORK): unknown => {
      const acceptedAt = SENT_AT + TOOK_MS - ageMs
      return answered('denied', { record: sampleRecord({ acceptedAt }) }, { settings })
    }

    t.match(agedAt(rejectAfterMs - 1), [{ mayReject: false }])
    t.match(agedAt(rejectAfterMs), [{ mayReject: true }])
    t.match(agedAt(0, { ...WORK, rejectAfterMs: 0 }), [{ mayReject: true }])
  },
)

t.test('a payment that both have denied is sent to neither before the retry queue', async (t) => {
  const [atDefault, atFallback] = [ended('denied', 'default'), ended('denied', 'fallback')]

  t.match(answered('denied', { ...YOUNG, ...DENIED_BY_FALLBACK }), [
    { mayReject: false, next: { to: null } },
  ])
  t.match(
    answered('denied', { attempts: [atDefault, atFallback] }),
    [{ next: { to: 'fallback' } }],
    'after it both are asked anew',
  )
})

t.test('a run of answers that blame payments refuses them, and denies none', async (t) => {
  const suspicion = { settled: () => undefined, blames: () => true }
  const inARun = { suspicion: { default: suspicion, fallback: suspicion } }

  t.match(answered('denied', YOUNG, inARun), [
    { type: 'charge.refused', detail: 'said', next: { reason: 'waitingForCheaper' } },
  ])
  t.match(answered('known', YOUNG, inARun), [{ type: 'charge.known', detail: 'said' }])
})

/** Where a payment in work goes now. */
function routed(
  payment: Partial<PaymentContext>,
  changes: Partial<PaymentDependencies> = {},
): readonly unknown[] {
  const { dependencies, clock } = standIns(changes)
  clock.increment(SENT_AT)
  const { to, reason, requestedAt } = routeNow(dependencies, sampleContext(payment))
  t.equal(requestedAt, STAMP + SENT_AT, 'stamped with the instant')
  return [to, reason]
}

t.test('a payment waits for the cheaper processor as long as it may', async (t) => {
  const { waitMaxMs } = WORK.route
  const routedAt = (acceptedAt: number): readonly unknown[] =>
    routed({ record: sampleRecord({ acceptedAt }), refusedBy: ['default'] })

  t.same(routedAt(SENT_AT - waitMaxMs + 1), [null, 'waitingForCheaper'])
  t.same(routedAt(SENT_AT - waitMaxMs), ['fallback', 'cheaperRefused'])
})

t.test('who has denied a payment in work is not asked again, nor who refused it', async (t) => {
  const attempts = [ended('denied', 'default')]

  t.same(routed({ attempts }), ['fallback', 'cheaperDenied'])
  t.same(routed({ attempts, refusedBy: ['fallback'] }), [null, 'noneAvailable'])
})

t.test('nothing is sent by an instance that drains or holds no lease', async (t) => {
  t.same(routed({}), ['default', 'cheaper'])
  t.same(routed({}, { isDraining: () => true }), [null, 'noneAvailable'])
  t.same(routed({}, { lease: { id: 1, holds: () => false } }), [null, 'noneAvailable'])
})

/** What a charge that ends so tells the circuit of its processor. */
function reported(
  kind: ChargeAnswer['kind'],
  changes: {
    readonly blames?: boolean
    readonly holdsLease?: boolean
    readonly payment?: Partial<PaymentContext>
    /** Whether it is refused as one too many. */
    readonly isLimited?: true
    readonly others?: number
  } = {},
) {
  const { blames = false, holdsLease = true, payment = {}, isLimited, others = 0 } = changes
  const reports: unknown[] = []
  const suspicion = { settled: () => undefined, blames: () => blames }
  const lease = { id: 1, holds: () => holdsLease }
  const stand = standIns({ lease, suspicion: { default: suspicion, fallback: suspicion } })
  const closed = stand.dependencies.health.default.getSnapshot()
  const health = { getSnapshot: () => closed, send: (report: unknown) => void reports.push(report) }
  const dependencies = {
    ...stand.dependencies,
    health: { default: health, fallback: health } as never,
  }
  stand.clock.increment(SENT_AT)
  dependencies.inFlight.default = others
  sendCharge(dependencies, sampleContext({ ...trying('default'), ...payment }), {
    send: () => undefined,
  })
  t.equal(dependencies.inFlight.default, others + 1, 'in flight until it is answered')
  stand.clock.increment(TOOK_MS)
  stand.charges[0]?.({ kind, detail: 'said', ...(isLimited ? { isLimited } : {}) })
  t.equal(dependencies.inFlight.default, others)
  return reports
}

t.test('the circuit is told of answers that say something of the processor', async (t) => {
  const at = SENT_AT + TOOK_MS
  const order = { isPast: false, overtakenBy: 0, among: 1, ahead: 0 }
  const report = { type: 'attempt.reported', detail: 'said', tookMs: TOOK_MS, at, order }
  const good = [{ ...report, failed: false }]
  const bad = [{ ...report, failed: true }]

  t.same(reported('settled'), good)
  for (const kind of ['failed', 'inDoubt', 'refused'] as const) t.same(reported(kind), bad, kind)
  const tooMany = reported('refused', { isLimited: true, others: 3 })
  t.same(tooMany, [{ ...report, failed: true, beside: 3 }])
  t.same(reported('refused', { holdsLease: false }), [], 'it was never sent')
  t.same(reported('failed', { holdsLease: false }), bad, 'it was sent under an earlier lease')
  t.same(reported('denied'), [], 'it blames the payment')
  t.same(reported('denied', { blames: true }), bad, 'as one of a run')
  t.same(reported('known'), [], 'of a payment that was never sent there')
  t.same(reported('known', { blames: true }), bad)
  const [here, there] = [ended('inDoubt', 'default'), ended('inDoubt', 'fallback')]
  t.same(reported('known', { payment: { attempts: [there] } }), [], 'only to the other one')
  for (const payment of [
    { unknownOutcomes: [sampleDoubt('default')] },
    { attempts: [here, there] },
  ]) {
    t.same(reported('known', { payment }), good, 'of one that was')
  }
})

t.test(
  'a settlement ends a run of blame, and is a payment that controls may ask for',
  async (t) => {
    const said: string[] = []
    const both = <Part>(part: Part) => ({ default: part, fallback: part })
    const suspicion = { settled: () => void said.push('settled'), blames: () => false }
    const noteRecorded = (id: string, at: number) => void said.push(`${id} recorded ${at}`)

    const changes = { suspicion: both(suspicion), controls: both({ noteRecorded } as never) }
    t.match(answered('settled', YOUNG, changes), [
      { type: 'charge.settled', tookMs: TOOK_MS, detail: 'said' },
    ])
    answered('refused', YOUNG, changes)

    t.same(said, ['settled', `${YOUNG.record.correlationId} recorded ${SENT_AT + TOOK_MS}`])
  },
)

/** What is noted of an answer to a payment, and of one that has left before it came. */
function noted(kind: ChargeAnswer['kind'], hasLeft: boolean) {
  const said: unknown[] = []
  let [generation, purges] = [0, 3]
  const { dependencies, clock, charges } = standIns({
    generationOf: () => generation,
    purges: () => purges,
    telemetry: { emit: (fact) => void said.push(fact) },
    settledLate: (settlement) => void said.push(settlement),
  })
  const context = sampleContext(trying('default'))
  sendCharge(dependencies, context, { send: ({ type }) => void said.push(type) })
  clock.increment(TOOK_MS)
  purges += 1
  if (hasLeft) generation += 1
  charges[0]?.({ kind, detail: 'said' })
  return { said, context }
}

t.test('an attempt is told once, with its payment if that is still here', async (t) => {
  const { said, context } = noted('inDoubt', false)
  const fact = {
    type: 'attempt.ended',
    correlationId: context.record.correlationId,
    processor: 'default',
    outcome: 'inDoubt',
    reason: 'cheaper',
    detail: 'said',
    tookMs: TOOK_MS,
  }

  t.same(said, [fact, 'charge.doubted'])
  t.same(noted('settled', false).said, ['charge.settled'], 'a settlement is told by its payment')
  t.same(noted('inDoubt', true).said, [fact], 'the payment has left')
})

t.test('a settlement of a payment that has left is proved all the same', async (t) => {
  const { said, context } = noted('settled', true)
  const { processor, requestedAt, reason } = context.attempt ?? {}
  const charge = { reason, tookMs: TOOK_MS, detail: 'said' }

  t.match(said, [{ type: 'attempt.ended', outcome: 'settled' }, { processor: 'default' }])
  t.same(said[1], { context, processor, requestedAt, charge, purges: 3 }, 'as it was sent')
})

t.test(
  'what is to be tried later waits in memory, or leaves an instance that drains',
  async (t) => {
    for (const isDraining of [false, true]) {
      const said: unknown[] = []
      const push = (...step: unknown[]) => void said.push(step)
      const { dependencies } = standIns({
        due: { push, dueAtOf: () => undefined },
        generationOf: () => 7,
        isDraining: () => isDraining,
      })

      planBackoff(dependencies, sampleContext({ slot: 2, tries: 1 }), {
        send: ({ type }) => void said.push(type),
      })

      const step = [{ slot: 2, generation: 7, kind: 'backoff' }, WORK.quickBackoffMs]
      t.same(said, [isDraining ? 'payment.recalled' : step])
    }
  },
)
