// What every ledger does with a payment in doubt that an operator resolves.

import type { Test } from 'tap'
import {
  CLOCKS_APART_MS,
  RESOLVE_FOR_MS,
  type CommandRow,
  type ResolveMet,
  type ResolveOrder,
} from '../../src/actors/model/operator.ts'
import type { Ledger } from '../../src/actors/model/ports.ts'
import type { MakeLedger } from './ledger.ts'
import {
  acceptMany,
  attempt,
  DELAYS,
  lease,
  parked,
  rejected,
  settled,
  uuid,
} from './ledger-words.ts'

const IN_DOUBT = { requestedAt: 1_000, remainingMs: 5_000 }
const AT_DEFAULT = { processor: 'default', ...IN_DOUBT } as const
const AT_FALLBACK = { processor: 'fallback', ...IN_DOUBT } as const

/** Two at default, one at fallback. */
const ATTEMPTS = [
  { ...attempt('default', 'failed'), requestedAt: 1_500 },
  { ...attempt('fallback', 'inDoubt'), requestedAt: 2_000 },
  attempt('default', 'inDoubt'),
]

function never(n: number, ...processors: ('default' | 'fallback')[]): ResolveOrder {
  return { kind: 'resolve', correlationId: uuid(n), to: 'never', processors }
}

function isSettled(n: number, processor: 'default' | 'fallback' = 'default'): ResolveOrder {
  return { kind: 'resolve', correlationId: uuid(n), to: 'settled', processor, requestedAt: 1_000 }
}

/** The command as it is after an instance has carried it out. */
async function resolve(ledger: Ledger, order: ResolveOrder, isBusy = false): Promise<CommandRow> {
  const { id } = await ledger.giveCommand({ order, by: 'ana', via: 'cli', reason: 'they say so' })
  await ledger.resolvePayment({ id, instanceId: 'a', isBusy })
  const [row] = await ledger.listCommands({ limit: 1 })
  if (row?.id !== id) throw new Error('the command that was given is the last one')
  return row
}

function ended(payment: ResolveMet): object {
  return { awaited: ['a'], result: { a: { payment } }, doneAt: Number }
}

export function resolvingContract(t: Test, makeLedger: MakeLedger): void {
  t.test(
    'what was never settled loses that doubt alone, and is due under a new token',
    async (t) => {
      const { first, second } = await makeLedger()
      const mine = await lease(first)
      const theirs = await lease(second, 'b')
      await acceptMany(first, { ...mine, count: 2 })
      const unknownOutcomes = [AT_DEFAULT, AT_FALLBACK]
      await first.record(
        [1, 2].map((n) => parked(n, { unknownOutcomes })),
        mine,
      )

      t.match(await resolve(first, never(1, 'default')), {
        kind: 'resolve',
        payload: { correlationId: uuid(1), to: 'never', processors: ['default'] },
        ...ended('resolved'),
      })
      t.match(await resolve(first, never(2, 'default', 'fallback')), ended('resolved'))
      const claimed = await second.claimDue({ ...theirs, limit: 5, ...DELAYS })

      const byId = new Map(claimed.map((each) => [each.correlationId, each]))
      t.match(byId.get(uuid(1)), { fencingToken: 2, unknownOutcomes: [{ processor: 'fallback' }] })
      t.strictSame(byId.get(uuid(1))?.unknownOutcomes.length, 1)
      t.match(byId.get(uuid(2)), { fencingToken: 2 })
      t.strictSame(byId.get(uuid(2))?.unknownOutcomes, [])
      const late = [parked(1), rejected(2)]
      const why = (await first.record(late, mine)).map((each) => each.why)
      t.strictSame(why, ['fenced', 'fenced'], 'who had it before decides nothing')
    },
  )

  t.test('what is settled by an operator is in the books, once', async (t) => {
    const { first } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 1 })
    await first.record([parked(1, { unknownOutcomes: [AT_DEFAULT, AT_FALLBACK] })], mine)

    t.match(await resolve(first, isSettled(1)), ended('resolved'))
    t.match(await resolve(first, isSettled(1, 'fallback')), ended('settled'))
    t.match(await resolve(first, never(1, 'default')), ended('settled'))

    t.match(await first.find(uuid(1)), {
      state: 'settled',
      processor: 'default',
      requestedAt: 1_000,
    })
    t.strictSame((await first.summarize({}, [])).summary, {
      default: { payments: 1, cents: 1_990 },
      fallback: { payments: 0, cents: 0 },
    })
    t.match(await first.countOpen(), { parked: 0, owned: 0 })
    const late = async (change: Parameters<typeof settled>[1]) =>
      (await first.record([settled(1, change)], mine)).map(({ why }) => why)
    t.strictSame(await late({}), ['settledBefore'], 'the charge that was meant')
    t.strictSame(await late({ processor: 'fallback' }), ['settledOtherwise'])
    t.strictSame(await late({ requestedAt: 1_001 }), ['settledOtherwise'])
  })

  t.test(
    'a charge that lands after all settles a payment that was resolved to never',
    async (t) => {
      const { first, second } = await makeLedger()
      const mine = await lease(first)
      const theirs = await lease(second, 'b')
      await acceptMany(first, { ...mine, count: 2 })
      await first.record(
        [1, 2].map((n) => parked(n, { unknownOutcomes: [AT_DEFAULT] })),
        mine,
      )
      await resolve(first, never(1, 'default'))
      await resolve(first, never(2, 'default'))
      await second.claimDue({ ...theirs, limit: 5, ...DELAYS })

      t.strictSame(await first.record([settled(1)], mine), [])
      const again = settled(2, { processor: 'fallback', fencingToken: 2, requestedAt: 2_000 })
      t.strictSame(await second.record([again], theirs), [])
      const late = await first.record([settled(2)], mine)

      t.match(await first.find(uuid(1)), { state: 'settled', processor: 'default' })
      t.match(late, [{ why: 'settledOtherwise' }], 'charged twice, which is told')
      t.match(await first.find(uuid(2)), { state: 'settled', processor: 'fallback' })
    },
  )

  t.test('what is final, unknown, or not in doubt there stays as it is', async (t) => {
    const { first } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 3 })
    await first.record([rejected(1), parked(2), parked(3, { unknownOutcomes: [AT_DEFAULT] })], mine)
    const before = await Promise.all([1, 2, 3].map((n) => first.find(uuid(n))))

    t.match(await resolve(first, isSettled(1)), ended('rejected'))
    t.match(await resolve(first, isSettled(9)), ended('unknown'))
    t.match(await resolve(first, never(2, 'default', 'fallback')), ended('notInDoubt'))
    t.match(await resolve(first, isSettled(3, 'fallback')), ended('notInDoubt'))
    t.match(await resolve(first, never(3, 'fallback')), ended('notInDoubt'))

    const states = ['rejected', 'parked', 'parked']
    t.strictSame(
      before.map((each) => each?.state),
      states,
    )
    const after = await Promise.all([1, 2, 3].map((n) => first.find(uuid(n))))
    t.strictSame(
      after.map((each) => each?.state),
      states,
    )
    const claimed = await first.claimParked([uuid(2), uuid(3)], mine)
    t.ok(claimed.every(({ fencingToken }) => fencingToken === 1))
  })

  t.test('what is settled by an operator was requested by a charge that was sent', async (t) => {
    const { first } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 5 })
    const known = { unknownOutcomes: [AT_DEFAULT, AT_FALLBACK], attempts: ATTEMPTS }
    const unknown = { unknownOutcomes: [{ ...AT_DEFAULT, requestedAt: null }] }
    const rows = [1, 2, 3].map((n) => parked(n, known))
    await first.record([...rows, parked(4, unknown), parked(5, unknown)], mine)
    const at = async (n: number, requestedAt: number, more: { unlisted?: true } = {}) => {
      const order = { ...isSettled(n), requestedAt, ...more } as const
      const { result } = await resolve(first, order)
      return result['a']
    }
    const now = Math.round((await resolve(first, never(9, 'default'))).at)
    const far = 2 * CLOCKS_APART_MS
    const fits = { acceptedAt: Number, requestedAt: [1_000, 1_500] }

    for (const n of [1, 4]) {
      t.match(await at(n, now - far), { payment: 'untimely' }, 'before it was accepted')
      t.match(await at(n, now + far), { payment: 'untimely' }, 'later than now')
      t.match(await at(n, now + far, { unlisted: true }), { payment: 'untimely' })
    }
    t.match(await at(1, 1_001, { unlisted: true }), { payment: 'untimely', ...fits })
    t.match(await at(4, 1_001), { payment: 'untimely', acceptedAt: Number, requestedAt: [] })
    t.match(await at(1, 2_000), { payment: 'untimely' }, 'as an attempt at the other processor')
    t.match(await at(1, now), { payment: 'unlisted', ...fits })
    t.strictSame(await at(1, 1_500), { payment: 'resolved' }, 'as an attempt has it')
    t.strictSame(await at(2, 1_000), { payment: 'resolved' }, 'as the doubt has it')
    t.strictSame(await at(3, now, { unlisted: true }), { payment: 'resolved' })
    t.strictSame(await at(4, now + CLOCKS_APART_MS / 2), { payment: 'resolved' })
    t.strictSame(await at(5, now - CLOCKS_APART_MS / 2), { payment: 'resolved' })
    t.match(await first.find(uuid(3)), { state: 'settled', requestedAt: now })
  })

  t.test('a payment that an instance has is left to it, until it is handed back', async (t) => {
    const { first, passTime } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 2 })

    t.match(await resolve(first, never(1, 'default'), true), ended('busy'))
    const { id, doneAt } = await resolve(first, isSettled(1))
    t.equal(doneAt, null)
    t.match((await first.readOrders({ instanceId: 'a', after: 0 })).pending, [
      { id, kind: 'resolve', correlationId: uuid(1) },
    ])
    await first.record([parked(1, { unknownOutcomes: [AT_DEFAULT] })], mine)
    await first.resolvePayment({ id, instanceId: 'a', isBusy: false })
    t.match(await first.find(uuid(1)), { state: 'settled' })
    t.match(await first.listCommands({ limit: 1 }), [ended('resolved')])

    const { id: other } = await resolve(first, isSettled(2))
    await passTime(RESOLVE_FOR_MS + 1)
    await first.resolvePayment({ id: other, instanceId: 'a', isBusy: false })
    t.match(await first.listCommands({ limit: 1 }), [{ id: other, ...ended('owned') }])
    t.match(await first.find(uuid(2)), { state: 'pending' })
  })

  t.test('no other command is carried out so', async (t) => {
    const { first } = await makeLedger()
    await lease(first)
    const order = { kind: 'pause', processor: 'default' } as const
    const { id } = await first.giveCommand({ order, by: 'ana', via: 'cli', reason: 'late' })

    await first.resolvePayment({ id, instanceId: 'a', isBusy: false })

    t.match(await first.listCommands({ limit: 1 }), [{ result: {}, doneAt: null }])
  })
  t.end()
}
