import t from 'tap'
import type { Attempt, ProcessorName } from '../../../src/actors/model/payment.ts'
import { paymentMachine } from '../../../src/actors/payment/payment.machine.ts'
import type { PaymentContext } from '../../../src/actors/payment/context.ts'
import type { AbsenceProof } from '../../../src/actors/payment/controls.ts'
import {
  begin,
  ENDS_AT,
  EVENTS,
  next,
  sampleDoubt,
  sampleRecord,
  STAMP,
  take,
  trying,
  type EventName,
  type PaymentValue,
} from '../../support/payment-samples.ts'

type Changes = Partial<PaymentContext>
type Row = Partial<Readonly<Record<EventName, string>>>

const IN_DOUBT = { unknownOutcomes: [sampleDoubt('default')] }
const IN_DOUBT_AT_BOTH = {
  unknownOutcomes: [
    sampleDoubt('default', { requestedAt: null }),
    sampleDoubt('fallback', { requestedAt: null }),
  ],
}

const ENDS: Row = {
  settled: 'settled',
  failed: 'confirming planLookUp',
  known: 'confirming planLookUp',
  doubted: 'confirming planLookUp',
  recalled: 'parked',
}
const RESENT: Row = {
  ...ENDS,
  deniedNextDefault: 'confirming planLookUp',
  deniedNextFallback: 'confirming planLookUp',
  deniedNextNone: 'confirming planLookUp',
  deniedYoung: 'confirming planLookUp',
  refusedNextDefault: 'confirming planLookUp',
  refusedNextFallback: 'confirming planLookUp',
  refusedNextNone: 'confirming planLookUp',
}
const ASKING: Row = {
  found: 'settled',
  foundFallback: 'settled',
  missingEarly: 'confirming planLookUp',
  missingNextDefault: 'confirming planLookUp',
  missingNextFallback: 'confirming planLookUp',
  missingNextNone: 'confirming planLookUp',
  missingAtFallback: 'confirming planLookUp',
  missingAtFallbackNextDefault: 'confirming planLookUp',
  missingAtFallbackNextFallback: 'confirming planLookUp',
  contradicted: 'confirming planLookUp',
  lookUpFailed: 'confirming planLookUp',
  dueResend: 'confirming sendLookUp',
  dueLookUp: 'confirming sendLookUp',
  recalled: 'parked',
}

const REFUSED_BY_DEFAULT: Row = {
  refusedNextDefault: 'retry planBackoff',
  refusedNextFallback: 'tryingFallback sendCharge',
  refusedNextNone: 'retry planBackoff',
}
const REFUSED_BY_FALLBACK: Row = {
  refusedNextDefault: 'tryingDefault sendCharge',
  refusedNextFallback: 'retry planBackoff',
  refusedNextNone: 'retry planBackoff',
}
const DENIED_BY_BOTH: Row = {
  deniedNextDefault: 'rejected',
  deniedNextFallback: 'rejected',
  deniedNextNone: 'rejected',
  deniedYoung: 'parked',
}

function denial(processor: ProcessorName): Attempt {
  return { processor, requestedAt: STAMP, reason: 'cheaper', outcome: 'denied', tookMs: 1 }
}

/** Per condition: what each event does. What a row does not name is ignored. */
const TABLE: readonly (readonly [string, PaymentValue, Changes, Row])[] = [
  [
    'tried at default',
    'tryingDefault',
    trying('default'),
    {
      ...ENDS,
      ...REFUSED_BY_DEFAULT,
      deniedNextDefault: 'parked',
      deniedNextFallback: 'tryingFallback sendCharge',
      deniedNextNone: 'parked',
      deniedYoung: 'parked',
    },
  ],
  [
    'tried at default, denied by fallback',
    'tryingDefault',
    { ...trying('default'), attempts: [denial('fallback')] },
    { ...ENDS, ...REFUSED_BY_DEFAULT, ...DENIED_BY_BOTH },
  ],
  [
    'tried at default, denied by it before',
    'tryingDefault',
    { ...trying('default'), attempts: [denial('default')] },
    {
      ...ENDS,
      ...REFUSED_BY_DEFAULT,
      deniedNextDefault: 'parked',
      deniedNextFallback: 'tryingFallback sendCharge',
      deniedNextNone: 'parked',
      deniedYoung: 'parked',
    },
  ],
  [
    'tried at fallback',
    'tryingFallback',
    trying('fallback'),
    {
      ...ENDS,
      ...REFUSED_BY_FALLBACK,
      deniedNextDefault: 'tryingDefault sendCharge',
      deniedNextFallback: 'parked',
      deniedNextNone: 'parked',
      deniedYoung: 'parked',
    },
  ],
  [
    'tried at fallback, denied by default',
    'tryingFallback',
    { ...trying('fallback'), attempts: [denial('default')] },
    { ...ENDS, ...REFUSED_BY_FALLBACK, ...DENIED_BY_BOTH },
  ],
  ['sent again to default', 'tryingDefault', { ...trying('default'), ...IN_DOUBT }, RESENT],
  [
    'sent again to fallback',
    'tryingFallback',
    { ...trying('fallback'), unknownOutcomes: [sampleDoubt('fallback')] },
    RESENT,
  ],
  [
    'in doubt at default',
    'confirming',
    IN_DOUBT,
    {
      ...ASKING,
      missingNextDefault: 'tryingDefault sendCharge',
      missingNextFallback: 'tryingFallback sendCharge',
      missingNextNone: 'retry planBackoff',
      dueResend: 'tryingDefault sendCharge',
    },
  ],
  [
    'in doubt at fallback',
    'confirming',
    { unknownOutcomes: [sampleDoubt('fallback')] },
    {
      ...ASKING,
      missingAtFallback: 'retry planBackoff',
      missingAtFallbackNextDefault: 'tryingDefault sendCharge',
      missingAtFallbackNextFallback: 'tryingFallback sendCharge',
      dueResend: 'tryingFallback sendCharge',
    },
  ],
  ['in doubt at both', 'confirming', IN_DOUBT_AT_BOTH, ASKING],
  [
    'known to default',
    'confirming',
    { unknownOutcomes: [sampleDoubt('default', { requestedAt: null })] },
    {
      ...ASKING,
      missingNextDefault: 'tryingDefault sendCharge',
      missingNextFallback: 'tryingFallback sendCharge',
      missingNextNone: 'retry planBackoff',
    },
  ],
  [
    'backing off',
    'retry',
    { ...trying('default'), tries: 1 },
    {
      backoffNextDefault: 'tryingDefault sendCharge',
      backoffNextFallback: 'tryingFallback sendCharge',
      backoffNextNone: 'parked',
      recalled: 'parked',
    },
  ],
  ['settled', 'settled', {}, {}],
  ['parked', 'parked', {}, {}],
  ['rejected', 'rejected', {}, {}],
]

t.test('each event in each condition does what its table says, and nothing else', async (t) => {
  for (const [condition, value, changes, row] of TABLE) {
    for (const [name, event] of Object.entries(EVENTS)) {
      const told = take(value, changes, event).told
      t.equal(told, row[name as EventName] ?? 'ignored', `${condition}: ${name}`)
    }
  }
})

t.test('the table has every state of the chart but pending, which is left at once', async (t) => {
  const { pending, ...others } = paymentMachine.states

  t.same(new Set(TABLE.map(([, value]) => value)), new Set(Object.keys(others)))
  t.match(pending?.always?.at(-1), { guard: undefined })
})

t.test('a payment begins by its route; one in doubt is looked up first', async (t) => {
  t.equal(begin({ next: next('default') }).told, 'tryingDefault sendCharge')
  t.equal(begin({ next: next('fallback') }).told, 'tryingFallback sendCharge')
  t.equal(begin({ next: next(null) }).told, 'parked')
  const inDoubt = begin({ record: sampleRecord(IN_DOUBT) })
  t.equal(inDoubt.told, 'confirming planLookUp')
  t.same(inDoubt.context.unknownOutcomes, IN_DOUBT.unknownOutcomes)
})

t.test('the last round that ends refused parks the payment', async (t) => {
  const attempt = trying('default')

  const last = take('tryingDefault', { ...attempt, tries: 1, triesMax: 2 }, EVENTS.refusedNextNone)
  const first = take('tryingDefault', { ...attempt, tries: 0, triesMax: 2 }, EVENTS.refusedNextNone)

  t.equal(last.told, 'parked planBackoff')
  t.same([last.context.tries, last.context.deferred], [2, false])
  t.equal(last.snapshot.output?.kind, 'parked')
  t.equal(first.told, 'retry planBackoff')
  t.same([first.context.tries, first.context.refusedBy], [1, []], 'a new round asks everybody')
})

t.test('an attempt carries what its route was chosen with', async (t) => {
  const { attempt } = begin({ next: next('fallback') }).context
  const backedOff = { ...trying('default'), tries: 1 }
  const again = take('retry', backedOff, EVENTS.backoffNextFallback).context
  const refused = take('tryingDefault', trying('default'), EVENTS.refusedNextFallback).context

  const chosen = { processor: 'fallback', requestedAt: STAMP + 1, reason: 'cheaper' }
  t.same([attempt, again.attempt, refused.attempt], [chosen, chosen, chosen])
  t.same(refused.refusedBy, ['default'])
})

t.test('a look-up proves only what was asked for once the old request cannot land', async (t) => {
  const missing = { type: 'lookup.missing', processor: 'default', next: next('fallback') } as const
  const proof = 'control'
  const at = (askedAt: number): string =>
    take('confirming', IN_DOUBT, { ...missing, askedAt, proof }).told

  t.equal(at(ENDS_AT - 0.001), 'confirming planLookUp')
  t.equal(at(ENDS_AT), 'tryingFallback sendCharge')
  const proved = take('confirming', IN_DOUBT, EVENTS.missingNextFallback).context
  t.same(proved.unknownOutcomes, [])
  const unproved = take('confirming', IN_DOUBT, EVENTS.missingEarly).context
  t.same([unproved.unknownOutcomes, unproved.lookUps], [IN_DOUBT.unknownOutcomes, 1])
})

t.test('without controls a look-up proves at the settle-by deadline, by its form', async (t) => {
  const missing = { type: 'lookup.missing', processor: 'default', next: next('fallback') } as const
  const settleBy = ENDS_AT + 100
  const failed = { unknownOutcomes: [sampleDoubt('default', { settleBy })] }
  const told = (askedAt: number, proof: AbsenceProof): string =>
    take('confirming', failed, { ...missing, askedAt, proof }).told

  t.equal(told(ENDS_AT, 'control'), 'tryingFallback sendCharge')
  t.equal(told(settleBy - 0.001, 'form'), 'confirming planLookUp')
  t.equal(told(settleBy, 'form'), 'tryingFallback sendCharge')
  t.equal(told(settleBy + 1e6, 'none'), 'confirming planLookUp', 'failing controls prove nothing')
})

t.test('a payment known by 422 and then proved missing counts it as a refusal', async (t) => {
  const known = { ...denial('default'), outcome: 'known' } as const
  const { context } = take('confirming', { ...IN_DOUBT, attempts: [known] }, EVENTS.missingNextNone)
  const early = take('confirming', { ...IN_DOUBT, attempts: [known] }, EVENTS.missingEarly).context

  t.match(context.attempts, [{ outcome: 'known', contradiction: { kind: 'absence' } }])
  t.match(early.attempts, [{ contradiction: undefined }])
  const next = take('confirming', { ...IN_DOUBT, attempts: [known] }, EVENTS.missingNextFallback)
  t.same(next.context.refusedBy, ['default'])
})

t.test(
  'what contradicts a payment is kept at its doubt and at its attempt, and it stays in doubt',
  async (t) => {
    const attempt = { ...denial('default'), outcome: 'inDoubt' } as const
    const { context, told } = take(
      'confirming',
      { ...IN_DOUBT, attempts: [attempt, denial('fallback')] },
      EVENTS.contradicted,
    )

    const contradiction = { kind: 'amount', amountCents: 1000, requestedAt: STAMP }
    t.equal(told, 'confirming planLookUp')
    t.same(context.unknownOutcomes, [{ ...sampleDoubt('default'), contradiction }])
    t.same(context.attempts, [{ ...attempt, contradiction }, denial('fallback')])
    t.equal(context.settlement, null)
  },
)

t.test('each of two unknown outcomes is proved by itself', async (t) => {
  const one = take('confirming', IN_DOUBT_AT_BOTH, EVENTS.missingNextDefault)
  const [, fallback] = IN_DOUBT_AT_BOTH.unknownOutcomes

  t.equal(one.told, 'confirming planLookUp')
  t.same([one.context.unknownOutcomes, one.context.lookUps], [[fallback], 1])
  const both = take('confirming', one.context, EVENTS.missingAtFallbackNextDefault)
  t.equal(both.told, 'tryingDefault sendCharge')
})

t.test('a request in doubt is sent again to the letter, or not at all', async (t) => {
  const resent = take('confirming', IN_DOUBT, EVENTS.dueResend).context
  const unknown = { unknownOutcomes: [sampleDoubt('default', { requestedAt: null })] }

  t.same(resent.attempt, { processor: 'default', requestedAt: STAMP, reason: 'resend' })
  t.same([resent.unknownOutcomes, resent.lookUps], [IN_DOUBT.unknownOutcomes, 1])
  t.equal(take('confirming', unknown, EVENTS.dueResend).told, 'confirming sendLookUp')
})

t.test('a step that meets what cannot be fails and names it', async (t) => {
  const unsent = { attempt: null }

  t.throws(() => take('tryingDefault', unsent, EVENTS.settled), /an attempt ends once/)
  t.throws(() => take('tryingDefault', unsent, EVENTS.recalled), /an attempt ends once/)
})
