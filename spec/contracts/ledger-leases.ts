import type { Test } from 'tap'
import type { ClaimedPayment } from '../../src/actors/model/payment.ts'
import type { Ledger, SeenLease } from '../../src/actors/model/ports.ts'
import type { MakeLedger } from './ledger.ts'
import { TTL_MS, acceptMany, idsOf, lease, parked, request, settled, uuid } from './ledger-words.ts'

const SETTLE_BY_MS = 30_000
const SWEEP = { limit: 100, settleByMs: SETTLE_BY_MS }
const NONE_EXPIRED = { ...SWEEP, expired: [] }

export function leasesContract(t: Test, makeLedger: MakeLedger): void {
  livingLeases(t, makeLedger)
  takenPayments(t, makeLedger)
  strays(t, makeLedger)
  t.end()
}

/** How the lease is seen by another instance. */
async function seen(
  by: { ledger: Ledger; leaseId: number },
  { leaseId }: { leaseId: number },
): Promise<readonly SeenLease[]> {
  const { leases } = await by.ledger.takeOver({ leaseId: by.leaseId, ...NONE_EXPIRED })
  return leases.filter((each) => each.leaseId === leaseId)
}

function remaining(claims: readonly ClaimedPayment[]): readonly number[] {
  return claims.flatMap((claim) => claim.unknownOutcomes.map((unknown) => unknown.remainingMs))
}

function livingLeases(t: Test, makeLedger: MakeLedger): void {
  t.test('each acquired lease has a new id, which renewing keeps', async (t) => {
    const { first, passTime } = await makeLedger()
    const [one, two] = [await lease(first), await lease(first)]
    t.ok(one.leaseId > 0)
    t.not(one.leaseId, two.leaseId)

    await passTime(10 * TTL_MS)

    t.match(await first.renewLease({ ...one, ttlMs: TTL_MS }), { held: true, purges: 0 })
    for (const [index, each] of [one, two].entries()) {
      const accepting = first.accept([request(index)], { ...each, parked: false })
      t.strictSame((await accepting).results, ['accepted'], 'nobody has taken anything from it')
    }
  })

  t.test(
    'a lease is seen as another one after each renewal, and as the same between',
    async (t) => {
      const { first, second } = await makeLedger()
      const mine = await lease(first)
      const by = { ledger: second, ...(await lease(second, 'b')) }

      const before = await seen(by, mine)
      const again = await seen(by, mine)
      await first.renewLease({ ...mine, ttlMs: TTL_MS })
      const after = await seen(by, mine)
      await first.releaseLease(mine.leaseId)

      t.equal(before.length, 1)
      t.strictSame(again, before)
      t.not(after[0]?.version, before[0]?.version)
      t.strictSame(await seen(by, mine), [], 'one that is revoked is not seen')
    },
  )

  t.test('a lease says its own length, whoever looks', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await first.acquireLease({ instanceId: 'a', ttlMs: 60_000 })
    const by = { ledger: second, ...(await lease(second, 'b')) }

    t.match(await seen(by, mine), [{ ttlMs: 60_000 }])
    t.match(await seen(by, by), [{ ttlMs: TTL_MS }])
  })

  t.test('a lease says whose it is', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first, 'a')
    const [namesake, other] = [await lease(second, 'a'), await lease(second, 'b')]
    const by = { ledger: first, ...mine }

    t.match(await seen(by, namesake), [{ instanceId: 'a' }])
    t.match(await seen(by, mine), [{ instanceId: 'a' }])
    t.match(await seen(by, other), [{ instanceId: 'b' }])
  })

  t.test('an acquired and a renewed lease tell the time of the ledger', async (t) => {
    const { first, passTime } = await makeLedger()
    const { leaseId, ledgerNow } = await first.acquireLease({ instanceId: 'a', ttlMs: TTL_MS })
    await first.accept([request(1)], { leaseId, parked: true })
    const [claimed] = await first.claimDue({ leaseId, limit: 1, delayMaxMs: TTL_MS })
    const renewed = await first.renewLease({ leaseId, ttlMs: TTL_MS })
    await passTime(0)

    const instants = [ledgerNow, claimed?.claimedAt ?? 0, renewed.ledgerNow]
    t.ok(instants.every(Number.isInteger))
    t.strictSame(
      instants.toSorted((one, other) => one - other),
      instants,
    )
    t.ok(renewed.ledgerNow - ledgerNow < 10_000)
  })

  t.test('a lease is revoked as it was seen, and not once it was renewed', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 1 })
    const theirs = await lease(second, 'b')
    const by = { ledger: second, ...theirs }

    const stale = await seen(by, mine)
    await first.renewLease({ ...mine, ttlMs: TTL_MS })
    const spared = await second.takeOver({ ...theirs, ...SWEEP, expired: stale })
    t.strictSame(spared.payments, [])
    t.match(await first.renewLease({ ...mine, ttlMs: TTL_MS }), { held: true })

    const expired = await seen(by, mine)
    const taken = await second.takeOver({ ...theirs, ...SWEEP, expired })
    t.strictSame(idsOf(taken.payments), [uuid(1)])
    t.match(await first.renewLease({ ...mine, ttlMs: TTL_MS }), { held: false })
  })
}

function takenPayments(t: Test, makeLedger: MakeLedger): void {
  t.test('payments of a dead instance are taken over in doubt at both processors', async (t) => {
    const { first, second, passTime } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 3 })
    const pinned = { processor: 'fallback', requestedAt: 777, remainingMs: 1_000 } as const
    await first.record([parked(2, { delayMs: 0, unknownOutcomes: [pinned] }), settled(3)], mine)
    await first.claimParked([uuid(2)], mine)
    await passTime(TTL_MS)
    const theirs = await lease(second, 'b')
    const expired = await seen({ ledger: second, ...theirs }, mine)

    const { payments: claims } = await second.takeOver({ ...theirs, ...SWEEP, expired })

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
    t.ok(
      remaining(claims).every((ms) => ms === SETTLE_BY_MS),
      'counted from the claim',
    )
  })

  t.test('a payment taken over stays in doubt when its new owner dies too', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 2 })
    const theirs = await lease(second, 'b')
    await first.releaseLease(mine.leaseId)
    await second.takeOver({ ...theirs, ...NONE_EXPIRED })

    await first.record([parked(1)], mine)
    t.equal((await first.find(uuid(1)))?.state, 'pending')
    await second.record([settled(1, { fencingToken: 1 })], theirs)
    t.equal((await first.find(uuid(1)))?.state, 'settled')

    const third = await lease(first, 'c')
    await second.releaseLease(theirs.leaseId)
    const { payments } = await first.takeOver({ ...third, ...NONE_EXPIRED, settleByMs: 10_000 })
    t.match(payments, [{ correlationId: uuid(2), fencingToken: 2 }])
    t.strictSame(remaining(payments), [10_000, 10_000])
  })

  t.test(
    'payments under a revoked lease are taken over in bounded batches until none is left',
    async (t) => {
      const { first, second } = await makeLedger()
      const mine = await lease(first)
      await acceptMany(first, { ...mine, count: 25 })
      const theirs = await lease(second, 'b')
      const expired = await seen({ ledger: second, ...theirs }, mine)

      const sizes: number[] = []
      const ids = new Set<string>()
      for (let sweep = 0; sweep < 4; sweep += 1) {
        const request = { ...theirs, ...SWEEP, limit: 10, expired: sweep === 0 ? expired : [] }
        const { payments } = await second.takeOver(request)
        sizes.push(payments.length)
        for (const id of idsOf(payments)) ids.add(id)
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
    const { payments } = await second.takeOver({ ...theirs, ...NONE_EXPIRED })

    t.match(payments, [{ correlationId: uuid(1), fencingToken: 1 }])
    t.strictSame(remaining(payments), [SETTLE_BY_MS, SETTLE_BY_MS])
    t.match(await first.renewLease({ ...mine, ttlMs: TTL_MS }), { held: false })
    const accepting = first.accept([request(2)], { ...mine, parked: false })
    await t.rejects(accepting, { code: 'lease_lost' })
    t.match(await second.takeOver({ ...theirs, ...NONE_EXPIRED }), { payments: [] })
  })

  t.test('a takeover takes no payment of a living instance and no parked one', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    const theirs = await lease(second, 'b')
    await acceptMany(first, { ...mine, count: 2 })
    await first.record([parked(1)], mine)

    t.match(await second.takeOver({ ...theirs, ...NONE_EXPIRED }), { payments: [] })
    t.equal((await first.find(uuid(1)))?.state, 'parked')
    t.match(await first.countOpen(), { parked: 1, owned: 1 })
    const dead = await lease(first, 'c')
    await first.accept([request(3)], { ...dead, parked: false })
    await first.releaseLease(dead.leaseId)
    const { payments } = await second.takeOver({ ...theirs, ...NONE_EXPIRED })
    t.strictSame(idsOf(payments), [uuid(3)], 'those of a dead one beside them')
    await first.record([settled(2)], mine)
    t.equal((await first.find(uuid(2)))?.state, 'settled', 'its owner is the same as before')
  })
}

function strays(t: Test, makeLedger: MakeLedger): void {
  t.test('a lease’s open payments are listed with their fencing tokens', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    const theirs = await lease(second, 'b')
    await acceptMany(first, { ...mine, count: 4 })
    await first.record([parked(1, { delayMs: 0 }), parked(2, { delayMs: 0 }), settled(3)], mine)
    await first.claimParked([uuid(1)], mine)
    await second.claimParked([uuid(2)], theirs)

    const owned = await first.listOwned({ ...mine, limit: 10 })

    const byId = owned.toSorted((one, other) => (one.correlationId < other.correlationId ? -1 : 1))
    t.strictSame(byId, [
      { correlationId: uuid(1), fencingToken: 1 },
      { correlationId: uuid(4), fencingToken: 0 },
    ])
    t.equal((await first.listOwned({ ...mine, limit: 1 })).length, 1)
  })

  t.test(
    'what is claimed again by its owner is in doubt, and its old token decides nothing',
    async (t) => {
      const { first, second } = await makeLedger()
      const mine = await lease(first)
      const theirs = await lease(second, 'b')
      await acceptMany(first, { ...mine, count: 4 })
      await first.record([settled(2), parked(3, { delayMs: 0 })], mine)
      const named = [1, 2, 3, 4].map((n) => ({
        correlationId: uuid(n),
        fencingToken: n === 4 ? 7 : 0,
      }))

      const none = await second.reclaim(named, { ...theirs, settleByMs: SETTLE_BY_MS })
      const claims = await first.reclaim(named, { ...mine, settleByMs: SETTLE_BY_MS })

      t.strictSame(none, [], 'another’s')
      t.match(claims, [{ correlationId: uuid(1), fencingToken: 1 }])
      t.strictSame(idsOf(claims), [uuid(1)], 'neither final, nor parked, nor under another token')
      t.strictSame(remaining(claims), [SETTLE_BY_MS, SETTLE_BY_MS])
      await first.record([parked(1)], mine)
      t.equal((await first.find(uuid(1)))?.state, 'pending')
      await first.record([parked(1, { fencingToken: 1 })], mine)
      t.equal((await first.find(uuid(1)))?.state, 'parked')
      await first.releaseLease(mine.leaseId)
      const late = first.reclaim(named, { ...mine, settleByMs: SETTLE_BY_MS })
      await t.rejects(late, { code: 'lease_lost' })
    },
  )
}
