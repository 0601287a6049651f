import type { Test } from 'tap'
import type { MakeLedger } from './ledger.ts'
import {
  DELAYS,
  acceptMany,
  attempt,
  idsOf,
  lease,
  parked,
  rejected,
  request,
  settled,
  uuid,
} from './ledger-words.ts'

export function claimsContract(t: Test, makeLedger: MakeLedger): void {
  t.test('a parked payment is claimed when it is due, with all that is known of it', async (t) => {
    const { first, second, passTime } = await makeLedger()
    const mine = await lease(first)
    const theirs = await lease(second, 'b')
    await acceptMany(first, { ...mine, count: 1 })
    const attempts = [attempt('default', 'inDoubt')]
    const unknownOutcomes = [
      { processor: 'default', requestedAt: 1_000, remainingMs: 20_000 } as const,
    ]
    await first.record([parked(1, { delayMs: 5_000, rounds: 3, unknownOutcomes, attempts })], mine)

    const early = await second.claimDue({ ...theirs, limit: 10, ...DELAYS })
    const waiting = await second.find(uuid(1))
    await passTime(6_000)
    const [claimed] = await second.claimDue({ ...theirs, limit: 10, ...DELAYS })

    t.strictSame(early, [])
    t.match(waiting, { state: 'parked', attempts })
    t.ok(waiting?.dueInMs !== undefined && waiting.dueInMs > 1_000 && waiting.dueInMs <= 5_000)
    t.match(claimed, {
      correlationId: uuid(1),
      fencingToken: 1,
      rounds: 3,
      amountCents: 1_990,
      attempts,
    })
    t.match(claimed?.unknownOutcomes, [{ processor: 'default', requestedAt: 1_000 }])
    const remainingMs = claimed?.unknownOutcomes[0]?.remainingMs ?? 0
    t.ok(remainingMs > 9_000 && remainingMs <= 14_001, 'its doubt has gone on ageing')
    t.ok(claimed !== undefined && claimed.ageMs >= 6_000)
    t.strictSame(await first.claimDue({ ...mine, limit: 10, ...DELAYS }), [], 'and is claimed once')
  })

  t.test('a claimed payment is parked or rejected by its new owner only', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    const theirs = await lease(second, 'b')
    await acceptMany(first, { ...mine, count: 1 })
    await first.record([parked(1, { delayMs: 0 })], mine)
    await second.claimDue({ ...theirs, limit: 10, ...DELAYS })

    await first.record([parked(1), parked(1, { fencingToken: 1 })], mine)
    await first.record([rejected(1)], mine)
    await second.record([rejected(1)], theirs)
    t.equal((await first.find(uuid(1)))?.state, 'pending')

    await second.record([parked(1, { fencingToken: 1, delayMs: 0 })], theirs)
    const [again] = await first.claimDue({ ...mine, limit: 10, ...DELAYS })
    await first.record([settled(1, { fencingToken: 2 })], mine)
    t.equal(again?.fencingToken, 2)
    t.equal((await first.find(uuid(1)))?.state, 'settled')
  })

  t.test('due payments are claimed oldest first and up to the limit', async (t) => {
    const { first, passTime } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 5 })
    const delays = [500, 300, 100, 400, 90_000]
    await first.record(
      delays.map((delayMs, index) => parked(index + 1, { delayMs })),
      mine,
    )
    await passTime(1_000)

    const listed = await first.listParked(3)
    const early = await first.claimDue({ ...mine, limit: 2, ...DELAYS })
    const late = await first.claimDue({ ...mine, limit: 10, ...DELAYS })

    t.strictSame(
      listed.map((entry) => entry.correlationId),
      [uuid(3), uuid(2), uuid(4)],
    )
    t.ok(listed.every((entry) => entry.dueInMs <= 0))
    t.strictSame(
      [...early, ...late].map((claim) => claim.correlationId),
      [uuid(3), uuid(2), uuid(4), uuid(1)],
    )
    t.equal(early.length, 2)
    t.match(await first.listParked(10), [{ correlationId: uuid(5) }])
    t.match(await first.countOpen(), { parked: 1, owned: 4 })
  })

  t.test('parked payments are claimed by id, due or not, and no others', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    const theirs = await lease(second, 'b')
    await acceptMany(first, { ...mine, count: 4 })
    await first.record([parked(1), parked(2), parked(3), settled(4)], mine)

    const ids = [uuid(2), uuid(1), uuid(4), uuid(7)]
    const claimed = await second.claimParked(ids, theirs)

    t.strictSame(idsOf(claimed), [uuid(1), uuid(2)])
    t.ok(claimed.every((claim) => claim.fencingToken === 1))
    t.strictSame(await first.claimParked(ids, mine), [])
    t.strictSame(await first.claimParked([], mine), [])
  })

  t.test('an instance whose lease was revoked claims nothing', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 1 })
    await first.record([parked(1, { delayMs: 0 })], mine)
    await first.releaseLease(mine.leaseId)

    const lost = { code: 'lease_lost' }
    await t.rejects(first.claimDue({ ...mine, limit: 1, ...DELAYS }), lost)
    await t.rejects(first.claimParked([uuid(1)], mine), lost)
    const sweep = { limit: 1, settleByMs: 0, expired: [] }
    await t.rejects(first.takeOver({ ...mine, ...sweep }), lost)
    t.equal((await second.find(uuid(1)))?.state, 'parked')
  })

  t.test('what a clock that was set back makes due too late is due at once', async (t) => {
    const { first, stepClock } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 3 })
    const delays = [5_000, 8_000, 0]
    await first.record(
      delays.map((delayMs, index) => parked(index + 1, { delayMs })),
      mine,
    )

    const due = { ...mine, limit: 10, delayMaxMs: 10_000 }
    const early = await first.claimDue(due)
    await stepClock(-3_000)
    await first.accept([request(4)], { ...mine, parked: true })
    const dueFirst = await first.claimDue({ ...due, limit: 1 })
    const stranded = await first.claimDue({ ...due, limit: 1 })
    const none = await first.claimDue(due)

    t.strictSame(idsOf(early), [uuid(3)])
    t.strictSame(idsOf(dueFirst), [uuid(4)], 'what is due goes first, and counts for the limit')
    t.strictSame(idsOf(stranded), [uuid(2)], 'further ahead than any delay')
    t.strictSame(none, [], 'the other one waits no longer than the longest delay')
  })

  t.test('a claim tells when it was made and when its payment was parked', async (t) => {
    const { first, passTime } = await makeLedger()
    const mine = await lease(first)
    await acceptMany(first, { ...mine, count: 2 })
    await first.record([parked(1, { delayMs: 0 })], mine)
    await passTime(5_000)

    const [one] = await first.claimParked([uuid(1)], mine)
    await first.accept([request(3)], { ...mine, parked: true })
    const [three] = await first.claimParked([uuid(3)], mine)

    const waitedMs = (one?.claimedAt ?? 0) - (one?.parkedAt ?? 0)
    t.ok(waitedMs >= 5_000 && waitedMs < 15_000, `${waitedMs} ms`)
    t.equal(three?.parkedAt, null, 'it was never in memory')
  })

  t.test('instances that claim at once never get the same payment', async (t) => {
    const { first, second } = await makeLedger()
    const mine = await lease(first)
    const theirs = await lease(second, 'b')
    await acceptMany(first, { ...mine, count: 200 })
    const all = Array.from({ length: 200 }, (_, index) => parked(index + 1, { delayMs: 0 }))
    await first.record(all, mine)

    const claims = await Promise.all(
      Array.from({ length: 12 }, (_, turn) =>
        turn % 2 === 0
          ? first.claimDue({ ...mine, limit: 30, ...DELAYS })
          : second.claimDue({ ...theirs, limit: 30, ...DELAYS }),
      ),
    )
    const rest = await first.claimDue({ ...mine, limit: 200, ...DELAYS })

    const ids = idsOf([...claims.flat(), ...rest])
    t.equal(ids.length, 200)
    t.equal(new Set(ids).size, 200)
  })
  t.end()
}
