import t from 'tap'
import type { LookUpAnswer } from '../../../src/actors/model/ports.ts'
import type { AbsenceProof } from '../../../src/actors/payment/controls.ts'
import { ENDS_AT, sampleContext, sampleDoubt, STAMP } from '../../support/payment-samples.ts'
import { standIns, WORK } from '../../support/payment-dependencies.ts'
import { mayResendNow, planLookUp, sendLookUp } from '../../../src/actors/payment/look-ups.ts'
import type { PaymentDependencies } from '../../../src/actors/payment/effects.ts'
import type { PaymentContext, PaymentEvent } from '../../../src/actors/payment/context.ts'

const { passOnAfterMs } = WORK

const AT_DEFAULT = { unknownOutcomes: [sampleDoubt('default')] }
const AT_FALLBACK = { unknownOutcomes: [sampleDoubt('fallback')] }
const AT_BOTH = { unknownOutcomes: [sampleDoubt('default'), sampleDoubt('fallback')] }

const CONTRADICTED = { contradiction: { kind: 'amount' } } as const

/** Notes what a payment is sent. */
function listener(): { self: { send(event: PaymentEvent): void }; told: string[] } {
  const told: string[] = []
  return { self: { send: ({ type }) => void told.push(type) }, told }
}

t.test('each second look-up may be a resend, until two were sent', async (t) => {
  const { dependencies } = standIns()

  const mayResend = [0, 1, 2, 3, 4, 5, 6, 7].map((lookUps) =>
    mayResendNow(dependencies, sampleContext({ ...AT_DEFAULT, lookUps })),
  )

  t.same(mayResend, [false, true, false, true, false, false, false, false])
})

t.test('each second look-up may be a resend again once nothing else can end it', async (t) => {
  const { dependencies, clock } = standIns()
  const mayResendAt = (lookUps: number): boolean =>
    mayResendNow(dependencies, sampleContext({ ...AT_DEFAULT, lookUps }))
  clock.increment(HOPELESS_AT - 1)
  t.notOk(mayResendAt(5), 'not a moment before')
  clock.increment(1)

  const mayResend = [4, 5, 6, 7, 8].map(mayResendAt)

  t.same(mayResend, [false, true, false, true, false])
})

t.test('a request is sent again only where a charge may be sent now', async (t) => {
  const open = { getSnapshot: () => ({ value: 'open', context: {} }) }
  const changes: Partial<PaymentDependencies>[] = [
    {},
    { lease: { id: 1, holds: () => false } },
    { health: { default: open, fallback: open } as never },
  ]

  const mayResend = changes.map((each) =>
    mayResendNow(standIns(each).dependencies, sampleContext({ ...AT_DEFAULT, lookUps: 1 })),
  )

  t.same(mayResend, [true, false, false], 'a lease is held and the circuit lets it through')
})

t.test('what a look-up has contradicted is not sent again', async (t) => {
  const unknownOutcomes = [sampleDoubt('default', CONTRADICTED)]
  const { dependencies } = standIns()

  t.notOk(mayResendNow(dependencies, sampleContext({ unknownOutcomes, lookUps: 1 })))
})

t.test('a payment in doubt leaves memory while the instance drains', async (t) => {
  const { dependencies, pauses } = standIns({ isDraining: () => true })
  const { self, told } = listener()

  planLookUp(dependencies, sampleContext(AT_DEFAULT), self)

  t.same([told, pauses], [['payment.recalled'], []])
})

t.test('a payment in doubt without a place for look-ups leaves memory', async (t) => {
  const { dependencies, pauses } = standIns()
  const { self, told } = listener()

  for (const slot of [0, 1, 2]) {
    planLookUp(dependencies, sampleContext({ ...AT_DEFAULT, slot }), self)
  }
  t.same(told, ['payment.recalled'])
  planLookUp(dependencies, sampleContext({ ...AT_FALLBACK, slot: 3 }), self)

  t.same(told, ['payment.recalled'], 'those in doubt at the other processor have places')
  t.equal(pauses.length, 3, 'and are asked for')
})

t.test('an answered look-up gives its place back, whatever follows', async (t) => {
  const { dependencies, clock, lookUps } = standIns()
  const { self, told } = listener()
  for (const slot of [0, 1]) {
    planLookUp(dependencies, sampleContext({ ...AT_DEFAULT, slot }), self)
  }
  clock.increment(1000)
  sendLookUp(dependencies, sampleContext({ ...AT_DEFAULT, slot: 0 }), self)
  t.notOk(dependencies.lookUpPlaces.isFree('default'), 'not while it is under way')

  lookUps[0]?.({ kind: 'missing' })

  t.same(told, ['lookup.missing'])
  t.ok(dependencies.lookUpPlaces.isFree('default'))
})

t.test('two processors that may have a payment are asked in turn', async (t) => {
  const asked: string[] = []
  const asking = (name: string) => ({ lookUp: () => void asked.push(name) })
  const processors = { default: asking('default'), fallback: asking('fallback') } as never
  const { dependencies } = standIns({ processors })

  for (const lookUps of [0, 1, 2, 3]) {
    sendLookUp(dependencies, sampleContext({ ...AT_BOTH, lookUps }), listener().self)
  }

  t.same(asked, ['default', 'fallback', 'default', 'fallback'])
})

/** Monotonic instant, ms, at which nothing but an answer by its processor ends a doubt any more. */
const HOPELESS_AT = ENDS_AT + 10_000

/** What a payment plans while others wait for its place. */
function awaited(now: number, context: Partial<PaymentContext>): string {
  const { dependencies, clock } = standIns({ isPlaceAwaited: () => true })
  const { self, told } = listener()
  clock.increment(now)
  planLookUp(dependencies, sampleContext(context), self)
  return told.join() || 'looked up'
}

t.test('a payment that nothing seems to settle leaves its place to one that waits', async (t) => {
  const atOne = { unknownOutcomes: [sampleDoubt('default', CONTRADICTED)] }
  const atBoth = { unknownOutcomes: [...atOne.unknownOutcomes, sampleDoubt('fallback')] }

  t.equal(awaited(HOPELESS_AT, { ...AT_DEFAULT, lookUps: 4 }), 'payment.recalled')
  t.equal(awaited(HOPELESS_AT, { ...AT_DEFAULT, lookUps: 3 }), 'looked up', 'not before its turn')
  t.equal(awaited(HOPELESS_AT - 1, { ...AT_DEFAULT, lookUps: 4 }), 'looked up')
  t.equal(awaited(0, { ...atOne, lookUps: 1 }), 'payment.recalled', 'contradicted')
  t.equal(awaited(0, { ...atOne, lookUps: 0 }), 'looked up', 'claimed, it is asked for once')
  t.equal(awaited(0, { ...atBoth, lookUps: 1 }), 'looked up', 'at the other one')
  t.equal(awaited(HOPELESS_AT, { ...atBoth, lookUps: 4 }), 'payment.recalled')
})

/** What a payment plans where look-ups at these have said nothing for so long, ms. */
function unanswered(
  forMs: number,
  processors: readonly ('default' | 'fallback')[],
  context: Partial<PaymentContext>,
): string {
  const { dependencies, clock } = standIns()
  const { self, told } = listener()
  for (const name of processors) dependencies.fruitless[name].failed(clock.now())
  clock.increment(forMs)
  planLookUp(dependencies, sampleContext(context), self)
  return told.join() || 'looked up'
}

t.test('a payment in doubt is passed on where its processors answer nothing here', async (t) => {
  const tried = { ...AT_DEFAULT, lookUps: 4 }

  t.equal(unanswered(passOnAfterMs, ['default'], tried), 'payment.recalled')
  t.equal(unanswered(passOnAfterMs - 1, ['default'], tried), 'looked up', 'not before')
  t.equal(unanswered(passOnAfterMs, ['fallback'], tried), 'looked up', 'only where it is')
  t.equal(unanswered(passOnAfterMs, ['default'], { ...tried, lookUps: 3 }), 'looked up')
  const atBoth = { ...AT_BOTH, lookUps: 4 }
  t.equal(unanswered(passOnAfterMs, ['default'], atBoth), 'looked up', 'one may answer')
  t.equal(unanswered(passOnAfterMs, ['default', 'fallback'], atBoth), 'payment.recalled')
})

t.test('look-ups say something where they find, or prove that there is nothing', async (t) => {
  const DURING = 0
  const found = { kind: 'found', amountCents: 1990, requestedAt: STAMP } as const
  const cases: readonly [LookUpAnswer, AbsenceProof, number, boolean][] = [
    [{ kind: 'failed', detail: 'timeout' }, 'none', DURING, true],
    [{ kind: 'foreign', detail: 'another id', foreignId: 'b' } as never, 'none', DURING, true],
    [{ kind: 'missing' }, 'none', ENDS_AT, true],
    [{ kind: 'missing' }, 'control', ENDS_AT, false],
    [found, 'none', DURING, false],
  ]
  for (const [answer, proof, askedAt, isFruitless] of cases) {
    const controls = {
      noteRecorded: () => undefined,
      noteForeign: () => undefined,
      distrust: () => undefined,
      prepare: () => undefined,
      beforeLookUp: (then: () => void) => then(),
      judge: (_at: number, reply: (proof: AbsenceProof) => void) => reply(proof),
    }
    const both = { default: controls, fallback: controls } as never
    const { dependencies, clock, lookUps } = standIns({ controls: both })
    const { fruitless } = dependencies
    clock.increment(askedAt)
    if (!isFruitless) fruitless.default.failed(clock.now())
    sendLookUp(dependencies, sampleContext({ ...AT_DEFAULT, slot: 0 }), listener().self)
    lookUps[0]?.(answer)

    clock.increment(passOnAfterMs)
    t.equal(fruitless.default.isLong(clock.now()), isFruitless, `${answer.kind}, ${proof}`)
  }
})

t.test('a look-up that finds nothing while it cannot prove anything says nothing', async (t) => {
  const { dependencies, clock, lookUps } = standIns()
  const { fruitless } = dependencies
  fruitless.default.failed(clock.now())
  sendLookUp(dependencies, sampleContext({ ...AT_DEFAULT, slot: 0 }), listener().self)
  lookUps[0]?.({ kind: 'missing' })

  clock.increment(passOnAfterMs)
  t.ok(fruitless.default.isLong(clock.now()), 'it ends no streak')
  t.notOk(fruitless.fallback.isLong(clock.now()), 'nor begins one')
})

t.test('a payment that nothing seems to settle keeps a place that nobody waits for', async (t) => {
  const { dependencies, clock, pauses } = standIns()
  clock.increment(HOPELESS_AT)

  planLookUp(dependencies, sampleContext({ ...AT_DEFAULT, lookUps: 9 }), listener().self)

  t.equal(pauses.length, 1)
})

t.test('what is planned for a payment in doubt is a look-up of the one in its slot', async (t) => {
  const steps: unknown[] = []
  const due = { push: (step: unknown) => void steps.push(step), dueAtOf: () => undefined }
  const { dependencies } = standIns({ due, generationOf: (slot) => slot + 5 })

  planLookUp(dependencies, sampleContext({ ...AT_DEFAULT, slot: 3 }), listener().self)

  t.same(steps, [{ slot: 3, generation: 8, kind: 'lookUp' }])
})
