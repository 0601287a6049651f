import type { Test } from 'tap'
import type { MakeLedger } from './ledger.ts'
import {
  DELAYS,
  TTL_MS,
  acceptMany,
  idsOf,
  lease,
  request,
  parked,
  settled,
  uuid,
} from './ledger-words.ts'

export function acceptContract(t: Test, makeLedger: MakeLedger): void {
  t.test(
    'a payment is accepted once, then known, and conflicts when its amount differs',
    async (t) => {
      const { first, second } = await makeLedger()
      const mine = { ...(await lease(first)), parked: false }
      const theirs = { ...(await lease(second, 'b')), parked: false }

      t.strictSame((await first.accept([request(1)], mine)).results, ['accepted'])
      t.strictSame((await first.accept([request(1)], mine)).results, ['known'])
      t.strictSame((await second.accept([request(1)], theirs)).results, ['known'])
      t.strictSame((await second.accept([request(1, 5)], theirs)).results, ['conflicting'])
      await first.record([settled(1)], mine)
      t.strictSame((await second.accept([request(1)], theirs)).results, ['known'])
    },
  )

  t.test(
    'results have the order of the batch, and the first of equal ids is accepted',
    async (t) => {
      const { first } = await makeLedger()
      const mine = { ...(await lease(first)), parked: false }
      await first.accept([request(2)], mine)

      const batch = [request(9), request(2), request(1), request(9, 7), request(9), request(2, 7)]
      t.strictSame((await first.accept(batch, mine)).results, [
        'accepted',
        'known',
        'accepted',
        'conflicting',
        'known',
        'conflicting',
      ])
      t.equal((await first.find(uuid(9)))?.amountCents, 1_990)
      const twice = await first.accept([request(8), request(8, 7)], mine)
      t.strictSame(twice.results, ['accepted', 'conflicting'], 'nothing in it was known before')
      t.strictSame((await first.accept([], mine)).results, [])
    },
  )

  t.test(
    'an accepted payment is pending, not in doubt, and owned by its lease alone',
    async (t) => {
      const { first, second } = await makeLedger()
      const mine = await lease(first)
      const theirs = await lease(second, 'b')
      await acceptMany(first, { ...mine, count: 2 })

      const paymentStatus = await second.find(uuid(1))

      t.match(paymentStatus, {
        correlationId: uuid(1),
        amountCents: 1_990,
        state: 'pending',
        attempts: [],
      })
      t.notOk(paymentStatus && 'dueInMs' in paymentStatus)
      t.notOk(paymentStatus && 'unknownOutcomes' in paymentStatus)
      t.match(await first.countOpen(), { parked: 0, owned: 2 })
      await second.record([parked(1)], theirs)
      t.equal((await first.find(uuid(1)))?.state, 'pending', 'another lease cannot park it')
      await first.record([parked(1)], mine)
      t.equal((await first.find(uuid(1)))?.state, 'parked')
      t.equal(await first.find(uuid(3)), undefined)
    },
  )

  t.test('a payment accepted as parked is due at once for any instance', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    const theirs = await lease(second, 'b')

    t.strictSame((await first.accept([request(1)], { ...mine, parked: true })).results, [
      'accepted',
    ])

    t.equal((await first.find(uuid(1)))?.state, 'parked')
    t.match(await first.countOpen(), { parked: 1, owned: 0 })
    const [claimed] = await second.claimDue({ ...theirs, limit: 10, ...DELAYS })
    t.match(claimed, { correlationId: uuid(1), fencingToken: 1, rounds: 0 })
    t.strictSame([claimed?.unknownOutcomes, claimed?.attempts], [[], []])
  })

  t.test('an instance whose lease was revoked accepts nothing', async (t) => {
    const { first } = await makeLedger()
    const mine = await lease(first)
    await first.releaseLease(mine.leaseId)

    for (const leaseId of [mine.leaseId, 0, 12_345]) {
      const accepting = first.accept([request(1)], { leaseId, parked: false })
      await t.rejects(accepting, { code: 'lease_lost' })
      // Several at once, and parked ones, are written by statements of their own.
      for (const parked of [false, true]) {
        const several = first.accept([request(1), request(2)], { leaseId, parked })
        await t.rejects(several, { code: 'lease_lost' })
      }
    }
    t.equal(await first.find(uuid(1)), undefined)
    t.equal(await first.find(uuid(2)), undefined)
  })

  t.test('two instances that accept the same ids at once get each payment once', async (t) => {
    const { first, second } = await makeLedger()
    const mine = { ...(await lease(first)), parked: false }
    const theirs = { ...(await lease(second, 'b')), parked: false }
    const batch = Array.from({ length: 60 }, (_, index) => request(index + 1))

    for (let round = 0; round < 5; round += 1) {
      const fresh = batch.map((_, index) => request(round * 100 + index + 1))
      const [a, b] = await Promise.all([
        first.accept(fresh, mine),
        second.accept(fresh.toReversed(), theirs),
      ])
      const both = b.results.toReversed()
      t.ok(
        a.results.every(
          (result, index) => [result, both[index]].sort().join() === 'accepted,known',
        ),
      )
    }
  })

  t.test('a purge forgets every payment and is counted for all instances', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    const before = await second.renewLease({ ...(await lease(second, 'b')), ttlMs: TTL_MS })
    await acceptMany(first, { ...mine, count: 3 })
    await first.record([settled(1)], mine)

    t.strictSame(await second.purge(), { purges: before.purges + 1 })

    const { held, purges } = await first.renewLease({ ...mine, ttlMs: TTL_MS })
    t.ok(held, 'leases outlive it')
    t.equal(purges, before.purges + 1)
    t.equal(await first.find(uuid(1)), undefined)
    t.strictSame(await first.countOpen(), { parked: 0, owned: 0, oldestMs: 0 })
    t.equal((await first.summarize({}, [])).summary.default.payments, 0)
    await first.record([settled(2)], mine)
    t.equal((await first.summarize({}, [])).summary.default.payments, 0, 'late writes find nothing')
    const again = await first.accept([request(1)], { ...mine, parked: false })
    t.strictSame(again, { results: ['accepted'], purges })
  })

  t.test('accepting and claiming return how many purges came before', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    const once = await first.accept([request(1)], { ...mine, parked: true })
    const claimedOnce = await first.claimDue({ ...mine, limit: 9, ...DELAYS })
    const { purges } = await second.purge()
    const batch = [request(1), request(2), request(2, 7)]
    const again = await first.accept(batch.slice(0, 1), { ...mine, parked: true })
    const claimedAgain = await first.claimParked([uuid(1)], mine)
    const mixed = await first.accept(batch, { ...mine, parked: false })
    const theirs = await lease(second, 'b')
    const owned = await first.listOwned({ ...mine, limit: 9 })
    const reclaimed = await first.reclaim(owned, { ...mine, settleByMs: 1_000 })
    await first.releaseLease(mine.leaseId)
    const sweep = { limit: 9, settleByMs: 1_000, expired: [] }
    const { payments: taken } = await second.takeOver({ ...theirs, ...sweep })

    t.strictSame(once, { results: ['accepted'], purges: purges - 1 })
    t.match(claimedOnce, [{ correlationId: uuid(1), purges: purges - 1 }])
    t.strictSame(again, { results: ['accepted'], purges })
    t.match(claimedAgain, [{ correlationId: uuid(1), purges }])
    t.strictSame(mixed, { results: ['known', 'accepted', 'conflicting'], purges })
    t.strictSame(idsOf(taken), [uuid(1), uuid(2)])
    t.equal(reclaimed.length, 2)
    t.ok([...reclaimed, ...taken].every((claim) => claim.purges === purges))
  })

  t.test('an outcome from before a purge is not written to an id posted again', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 3 })
    const { purges } = await second.purge()
    await acceptMany(first, { ...mine, count: 3 })

    await first.record([settled(1)], mine)
    const [before, after] = [settled(2, { purges: purges - 1 }), settled(3, { purges })]
    await first.record([before, after], mine)
    await first.record([after, before], mine)
    await first.record([parked(1)], mine)

    t.match(await first.countOpen(), { parked: 0, owned: 2 })
    t.equal((await first.summarize({}, [])).summary.default.payments, 1)
  })
  t.end()
}
