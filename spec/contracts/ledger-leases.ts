import type { Test } from 'tap'
import type { MakeLedger } from './ledger.ts'
import { TTL_MS, acceptMany, idsOf, lease, parked, request, settled, uuid } from './ledger-words.ts'

const SWEEP = { limit: 100, graceMs: 1_000, settleByMs: 30_000 }

export function leasesContract(t: Test, makeLedger: MakeLedger): void {
  t.test('each acquired lease has a new id, which renewing keeps', async (t) => {
    const { first, passTime } = await makeLedger()
    const [one, two] = [await lease(first), await lease(first)]
    t.ok(one.leaseId > 0)
    t.not(one.leaseId, two.leaseId)

    await passTime(TTL_MS - 10_000)
    t.match(await first.renewLease({ ...one, ttlMs: TTL_MS }), { held: true, purges: 0 })
    await passTime(20_000)

    t.strictSame((await first.accept([request(1)], { ...one, parked: false })).results, [
      'accepted',
    ])
    await t.rejects(first.accept([request(2)], { ...two, parked: false }), { code: 'lease_lost' })
  })

  t.test('an expired lease can be renewed until it is revoked', async (t) => {
    const { first, second, passTime } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 1 })
    await passTime(TTL_MS + 500)
    const theirs = await lease(second, 'b')

    t.strictSame(await second.takeOver({ ...theirs, ...SWEEP }), [], 'within the grace')
    t.match(await first.renewLease({ ...mine, ttlMs: TTL_MS }), { held: true })
    t.strictSame(await second.takeOver({ ...theirs, ...SWEEP }), [])

    await passTime(TTL_MS - 1_000)
    await second.renewLease({ ...theirs, ttlMs: TTL_MS })
    await passTime(2_001)
    t.equal((await second.takeOver({ ...theirs, ...SWEEP })).length, 1)
    t.match(await first.renewLease({ ...mine, ttlMs: TTL_MS }), { held: false })
  })

  t.test('payments of a dead instance are taken over in doubt at both processors', async (t) => {
    const { first, second, passTime } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 3 })
    const pinned = { processor: 'fallback', requestedAt: 777, remainingMs: 1_000 } as const
    await first.record([parked(2, { delayMs: 0, unknownOutcomes: [pinned] }), settled(3)], mine)
    await first.claimDue({ ...mine, limit: 1 })
    await passTime(TTL_MS + 2_000)
    const theirs = await lease(second, 'b')

    const claims = await second.takeOver({ ...theirs, ...SWEEP })

    t.strictSame(idsOf(claims), [uuid(1), uuid(2)])
    const [one, two] = [uuid(1), uuid(2)].map((id) => claims.find((c) => c.correlationId === id))
    t.match(one, { fencingToken: 1, amountCents: 1_990 })
    t.match(two, { fencingToken: 2, rounds: 1 })
    t.match(one?.unknownOutcomes, [
      { processor: 'default', requestedAt: null },
      { processor: 'fallback', requestedAt: null },
    ])
    t.match(two?.unknownOutcomes, [
      { processor: 'default', requestedAt: null },
      { processor: 'fallback', requestedAt: 777 },
    ])
    const remaining = claims.flatMap((claim) =>
      claim.unknownOutcomes.map((doubt) => doubt.remainingMs),
    )
    t.ok(
      remaining.every((ms) => ms > 20_000 && ms <= 28_001),
      'counted from the end of the lease',
    )
  })

  t.test('a payment taken over stays in doubt when its new owner dies too', async (t) => {
    const { first, second, passTime } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 2 })
    await passTime(TTL_MS + 2_000)
    const theirs = await lease(second, 'b')
    await second.takeOver({ ...theirs, ...SWEEP })

    await first.record([parked(1)], mine)
    t.equal((await first.find(uuid(1)))?.state, 'pending')
    await second.record([settled(1, { fencingToken: 1 })], theirs)
    t.equal((await first.find(uuid(1)))?.state, 'settled')

    await passTime(TTL_MS + 2_000)
    const third = await lease(first, 'c')
    const [again] = await first.takeOver({ ...third, ...SWEEP, settleByMs: 10_000 })
    t.match(again, { correlationId: uuid(2), fencingToken: 2 })
    t.ok(
      again?.unknownOutcomes.every((doubt) => doubt.remainingMs > 0 && doubt.remainingMs <= 8_001),
    )
  })

  t.test(
    'payments under a revoked lease are taken over in bounded batches until none is left',
    async (t) => {
      const { first, second, passTime } = await makeLedger()
      const mine = await lease(first)
      await acceptMany(first, { ...mine, count: 25 })
      await passTime(TTL_MS + 2_000)
      const theirs = await lease(second, 'b')

      const sizes: number[] = []
      const ids = new Set<string>()
      for (let sweep = 0; sweep < 4; sweep += 1) {
        const claims = await second.takeOver({ ...theirs, ...SWEEP, limit: 10 })
        sizes.push(claims.length)
        for (const id of idsOf(claims)) ids.add(id)
      }

      t.strictSame(sizes, [10, 10, 5, 0])
      t.equal(ids.size, 25)
      t.match(await first.renewLease({ ...mine, ttlMs: TTL_MS }), { held: false })
    },
  )

  t.test('payments under a released lease are taken over at once, also in doubt', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    const theirs = await lease(second, 'b')
    await acceptMany(first, { ...mine, count: 1 })

    await first.releaseLease(mine.leaseId)
    const [claimed] = await second.takeOver({ ...theirs, ...SWEEP })

    t.match(claimed, { correlationId: uuid(1), fencingToken: 1 })
    t.ok(claimed?.unknownOutcomes.every((doubt) => doubt.remainingMs > 20_000))
    t.match(await first.renewLease({ ...mine, ttlMs: TTL_MS }), { held: false })
    const accepting = first.accept([request(2)], { ...mine, parked: false })
    await t.rejects(accepting, { code: 'lease_lost' })
    t.strictSame(await second.takeOver({ ...theirs, ...SWEEP }), [])
  })

  t.test('a takeover takes no payment of a living instance and no parked one', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    const theirs = await lease(second, 'b')
    await acceptMany(first, { ...mine, count: 2 })
    await first.record([parked(1)], mine)

    t.strictSame(await second.takeOver({ ...theirs, ...SWEEP, graceMs: 0 }), [])
    t.equal((await first.find(uuid(1)))?.state, 'parked')
    t.strictSame(await first.countOpen(), { parked: 1, owned: 1 })
    await first.record([settled(2)], mine)
    t.equal((await first.find(uuid(2)))?.state, 'settled', 'its owner is the same as before')
  })
  t.end()
}
