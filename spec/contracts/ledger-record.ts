import type { Test } from 'tap'
import type { MakeLedger } from './ledger.ts'
import type { UnwrittenOutcome } from '../../src/actors/model/ports.ts'
import { DELAYS, acceptMany, attempt, lease, parked, rejected } from './ledger-words.ts'
import { request, settled, uuid } from './ledger-words.ts'

export function recordContract(t: Test, makeLedger: MakeLedger): void {
  t.test('a settled payment is read with its processor, instant and attempts', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 1 })
    const attempts = [attempt('default', 'refused'), attempt('fallback', 'settled')]

    const outcome = settled(1, { processor: 'fallback', requestedAt: 1_723, attempts })
    await first.record([outcome], mine)

    const paymentStatus = await second.find(uuid(1))
    t.match(paymentStatus, {
      state: 'settled',
      processor: 'fallback',
      requestedAt: 1_723,
      attempts,
    })
    t.strictSame((await first.summarize({}, [])).summary, {
      default: { payments: 0, cents: 0 },
      fallback: { payments: 1, cents: 1_990 },
    })
    t.strictSame(await first.countOpen(), { parked: 0, owned: 0, oldestMs: 0 })
  })

  t.test('recording an outcome again changes nothing', async (t) => {
    const { first } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 3 })

    await first.record([settled(1), settled(2)], mine)
    await first.record([settled(1, { requestedAt: 99 }), rejected(2), settled(3)], mine)
    await first.record([settled(1), settled(2), settled(3)], mine)

    t.strictSame((await first.summarize({}, [])).summary.default, { payments: 3, cents: 5_970 })
    t.equal((await first.find(uuid(1)))?.requestedAt, 1_000)
    t.equal((await first.find(uuid(2)))?.state, 'settled')
  })

  t.test('one call writes outcomes of every kind together', async (t) => {
    const { first } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 4 })

    await first.record([parked(3), settled(1), rejected(2)], mine)

    const states = [1, 2, 3, 4].map(async (n) => (await first.find(uuid(n)))?.state)
    t.strictSame(await Promise.all(states), ['settled', 'rejected', 'parked', 'pending'])
    t.match(await first.find(uuid(2)), { attempts: [attempt('fallback', 'denied')] })
    t.match(await first.countOpen(), { parked: 1, owned: 1 })
    t.strictSame((await first.summarize({}, [])).summary.default, { payments: 1, cents: 1_990 })
    await first.record([], mine)
  })

  t.test('a decision under another lease or fencing token is not written', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    const theirs = await lease(second, 'b')
    await acceptMany(first, { ...mine, count: 2 })

    const byOther = await second.record([parked(1), rejected(2)], theirs)
    const byOld = await first.record([parked(1, { fencingToken: 1 }), settled(9)], mine)

    t.strictSame(reasonsOf(byOther), ['1 fenced', '2 fenced'])
    t.strictSame(reasonsOf(byOld), ['1 fenced', '9 purged'])
    t.equal((await first.find(uuid(1)))?.state, 'pending')
    t.equal((await first.find(uuid(2)))?.state, 'pending')
    await first.record([parked(1)], mine)
    await second.claimParked([uuid(1)], theirs)
    await second.record([parked(1, { fencingToken: 1, rounds: 7 })], theirs)
    t.strictSame(reasonsOf(await first.record([parked(1)], mine)), ['1 fenced'])
  })

  t.test('a settlement is written while its payment is open, whoever owns it', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    const theirs = await lease(second, 'b')
    await acceptMany(first, { ...mine, count: 4 })
    await first.record([parked(2), parked(3, { delayMs: 0 })], mine)
    await second.claimDue({ ...theirs, limit: 1, ...DELAYS })

    const unwritten = await second.record([settled(1)], theirs)
    const late = await first.record([settled(2), settled(3), rejected(4)], mine)

    t.strictSame([...unwritten, ...late], [])
    const states = [1, 2, 3, 4].map(async (n) => (await first.find(uuid(n)))?.state)
    t.strictSame(await Promise.all(states), ['settled', 'settled', 'settled', 'rejected'])
    t.strictSame((await first.summarize({}, [])).summary.default, { payments: 3, cents: 5_970 })
    t.strictSame(await first.countOpen(), { parked: 0, owned: 0, oldestMs: 0 })
  })

  t.test('a settlement is written after its lease was lost, and counted once', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 3 })
    const theirs = await lease(second, 'b')
    const sweep = { ...theirs, limit: 9, settleByMs: 30_000 }
    const { leases } = await second.takeOver({ ...sweep, expired: [] })
    await second.takeOver({
      ...sweep,
      expired: leases.filter((each) => each.leaseId === mine.leaseId),
    })

    const late = await first.record([settled(1), settled(2)], mine)
    const owner = [settled(1, { fencingToken: 1 }), parked(2, { fencingToken: 1 })]
    const unwritten = await second.record(owner, theirs)

    t.strictSame(late, [])
    t.strictSame(reasonsOf(unwritten), ['1 settledBefore', '2 fenced'])
    t.equal((await second.find(uuid(2)))?.state, 'settled')
    t.strictSame((await first.summarize({}, [])).summary.default, { payments: 2, cents: 3_980 })
    t.match(await first.countOpen(), { parked: 0, owned: 1 })
  })

  t.test('a settlement that contradicts the ledger is returned with the reason', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    const theirs = await lease(second, 'b')
    await acceptMany(first, { ...mine, count: 4 })
    await first.record([settled(1), settled(2), rejected(3), settled(4)], mine)

    const elsewhere = settled(1, { processor: 'fallback' })
    const outcomes = [elsewhere, settled(2, { requestedAt: 1_001 }), settled(3), settled(4)]
    const unwritten = await second.record(outcomes, theirs)

    t.strictSame(reasonsOf(unwritten), [
      '1 settledOtherwise',
      '2 settledOtherwise',
      '3 rejected',
      '4 settledBefore',
    ])
    t.equal(unwritten[0]?.outcome, elsewhere)
    t.match(await first.find(uuid(1)), { processor: 'default', requestedAt: 1_000 })
    t.equal((await first.find(uuid(3)))?.state, 'rejected')
    t.strictSame((await first.summarize({}, [])).summary.default, { payments: 3, cents: 5_970 })
  })

  t.test('what a batch parks and settles is settled, once', async (t) => {
    const { first } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 2 })

    const unwritten = await first.record([parked(1), settled(1), settled(2), settled(2)], mine)

    t.strictSame(reasonsOf(unwritten), ['1 fenced', '2 settledBefore'])
    t.equal((await first.find(uuid(1)))?.state, 'settled')
    t.strictSame((await first.summarize({}, [])).summary.default, { payments: 2, cents: 3_980 })
  })

  t.test(
    'outcomes that the ledger has already by the same lease are returned as written',
    async (t) => {
      const { first } = await makeLedger()
      const mine = await lease(first)
      await acceptMany(first, { ...mine, count: 3 })
      const outcomes = [settled(1), parked(2), rejected(3)]

      t.strictSame(await first.record(outcomes, mine), [])
      t.strictSame(await first.record(outcomes, mine), [])
    },
  )

  t.test('an outcome that a purge has overtaken is returned as purged', async (t) => {
    const { first } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 2 })
    const { purges } = await first.purge()
    await first.accept([request(1), request(3)], { ...mine, parked: false })

    const old = await first.record([settled(1), rejected(2), rejected(3)], mine)
    const mixed = await first.record([settled(1), settled(1, { purges })], mine)

    t.strictSame(reasonsOf(old), ['1 purged', '2 purged', '3 purged'])
    t.strictSame(reasonsOf(mixed), ['1 purged'])
    t.equal((await first.summarize({}, [])).summary.default.payments, 1)
  })

  t.test('characters that PostgreSQL cannot store fail no batch', async (t) => {
    const { first } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 2 })
    const garbled = { ...attempt('default', 'refused'), detail: 'a\u0000b\ud800c "\\u0000{}' }

    const { detail: _, ...silent } = attempt('fallback', 'refused')
    await first.record([settled(1, { attempts: [garbled, silent] }), settled(2)], mine)

    t.equal((await first.find(uuid(1)))?.attempts.length, 2)
    t.equal((await first.find(uuid(2)))?.state, 'settled')
  })
  t.end()
}

function reasonsOf(unwritten: readonly UnwrittenOutcome[]): readonly string[] {
  const number = (id: string): number => Number.parseInt(id.slice(-12), 16)
  return unwritten.map(({ outcome, why }) => `${number(outcome.correlationId)} ${why}`)
}
