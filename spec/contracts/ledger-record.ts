import type { Test } from 'tap'
import type { MakeLedger } from './ledger.ts'
import { acceptMany, attempt, lease, parked, rejected, settled, uuid } from './ledger-words.ts'

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
    t.strictSame(await first.countOpen(), { parked: 0, owned: 0 })
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
    t.match(await first.find(uuid(2)), { attempts: [attempt('fallback', 'rejected')] })
    t.strictSame(await first.countOpen(), { parked: 1, owned: 1 })
    t.strictSame((await first.summarize({}, [])).summary.default, { payments: 1, cents: 1_990 })
    await first.record([], mine)
  })

  t.test('an outcome with another lease or fencing token is not written', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    const theirs = await lease(second, 'b')
    await acceptMany(first, { ...mine, count: 2 })

    await second.record([settled(1), parked(2)], theirs)
    await first.record([settled(1, { fencingToken: 1 }), settled(9)], mine)

    t.equal((await first.find(uuid(1)))?.state, 'pending')
    t.equal((await first.find(uuid(2)))?.state, 'pending')
    t.equal((await first.summarize({}, [])).summary.default.payments, 0)
  })

  t.test('characters that PostgreSQL cannot store fail no batch', async (t) => {
    const { first } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 2 })
    const garbled = { ...attempt('default', 'refused'), detail: 'a\u0000b\ud800c "\\u0000{}' }

    await first.record([settled(1, { attempts: [garbled] }), settled(2)], mine)

    t.equal((await first.find(uuid(1)))?.attempts.length, 1)
    t.equal((await first.find(uuid(2)))?.state, 'settled')
  })
  t.end()
}
