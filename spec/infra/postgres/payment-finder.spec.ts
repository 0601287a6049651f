// Finding payments: each page against all rows, over open, rejected, settled and archived ones.

import t, { type Test } from 'tap'
import type {
  FoundPayment,
  PageRequest,
  PaymentFilter,
  PaymentFinder,
  PaymentsPage,
} from '../../../src/actors/model/found-payments.ts'
import { openPaymentFinder } from '../../../src/infra/postgres/payment-finder.ts'
import { attempt, parked, rejected, request, uuid } from '../../contracts/ledger-words.ts'
import { DAY_MS, HOUR_MS, NOW, payment, startArchived } from '../../support/archive.ts'
import { startPostgres } from '../../support/postgres.ts'

const postgres = await startPostgres(t)

async function startFinding(t: Test) {
  const world = await startArchived(t, postgres)
  const finder = openPaymentFinder({ connectionString: world.url, applicationName: 'spec' })
  t.teardown(() => finder.close())
  return { ...world, finder }
}

/** All pages in one direction, beginning with this one. */
async function pagesOf(
  finder: PaymentFinder,
  { direction = 'older', ...first }: PageRequest & { readonly direction?: 'older' | 'newer' },
): Promise<readonly PaymentsPage[]> {
  const pages: PaymentsPage[] = []
  for (let request: PageRequest | undefined = first; request !== undefined;) {
    const page = await finder.find(request)
    pages.push(page)
    const place: PageRequest['place'] = page[direction]
    request = place === undefined ? undefined : { ...first, place }
  }
  return pages
}

function numbersOf(payments: readonly FoundPayment[]): readonly number[] {
  return payments.map(({ correlationId }) => Number.parseInt(correlationId.slice(-12), 16))
}

async function find(finder: PaymentFinder, filter: PaymentFilter): Promise<readonly number[]> {
  const pages = await pagesOf(finder, { filter, limit: 100 })
  return numbersOf(pages.flatMap(({ payments }) => payments))
}

/** Ten archived ones on days with gaps between, six settled, one each of the others. */
async function startMixed(t: Test) {
  const world = await startFinding(t)
  const days = [3, 3, 4, 9, 9, 40, 41, 41, 300, 300]
  const old = days.map((day, n) => payment(10 + n, day * DAY_MS + n, { amountCents: 100 + n }))
  await world.settle(old)
  await world.archive()
  t.strictSame(await world.counts(), [0, 10, 10])
  const fresh = Array.from({ length: 6 }, (_, n) =>
    payment(20 + n, 1_000 * (6 - n), { processor: n % 2 === 0 ? 'default' : 'fallback' }),
  )
  const { ledger, leaseId } = world
  await world.settle(fresh)
  await ledger.accept(
    [30, 31, 32].map((n) => request(n, 5_000)),
    { leaseId, parked: false },
  )
  const attempts = [attempt('fallback', 'refused'), attempt('fallback', 'refused')]
  await ledger.record([rejected(31), parked(32, { attempts, delayMs: HOUR_MS })], { leaseId })
  return world
}

const ARCHIVED = [10, 11, 12, 13, 14, 15, 16, 17, 18, 19]

t.test(
  'payments of every state are found, newest first, over the gaps of the archive',
  async (t) => {
    const { finder, sql } = await startMixed(t)
    // Accepted last, and each at its own instant.
    await sql(`UPDATE payments SET accepted_at = now() + interval '1 minute' WHERE state = 0;
    UPDATE payments SET accepted_at = now() WHERE state = 2`)

    t.same(await find(finder, {}), [32, 30, 31, 25, 24, 23, 22, 21, 20, ...ARCHIVED])

    const [page] = await pagesOf(finder, { filter: {}, limit: 100 })
    const [due, owned, given, settled] = page?.payments ?? []
    t.match(due, { state: 'parked', amountCents: 5_000, attempts: 2, inDoubtAt: [] })
    t.ok((due?.dueAt ?? 0) > NOW + HOUR_MS / 2)
    t.match(owned, { state: 'owned', ownedBy: 'a', attempts: undefined })
    t.match(given, { state: 'rejected', attempts: 1 })
    t.match(settled, { state: 'settled', processor: 'fallback', requestedAt: NOW - 1_000 })
  },
)

t.test('pages of any size hold each payment once, in both directions', async (t) => {
  const { finder } = await startMixed(t)
  const all = await find(finder, {})

  for (const limit of [1, 2, 3, 7]) {
    const older = await pagesOf(finder, { filter: {}, limit })
    t.same(numbersOf(older.flatMap(({ payments }) => payments)), all, `older, ${limit} a page`)
    t.notOk(older[0]?.newer, 'nothing is newer than the newest')
    const last = older.at(-1)?.newer
    t.ok(last)
    if (last === undefined) continue
    const newer = await pagesOf(finder, { filter: {}, limit, place: last, direction: 'newer' })
    const shown = [...newer.toReversed(), older.at(-1)].flatMap((page) => page?.payments ?? [])
    t.same(numbersOf(shown), all, `newer, ${limit} a page`)
  }
})

t.test('each part of a filter leaves out what does not fit it', async (t) => {
  const { finder, sql } = await startMixed(t)
  await sql(`UPDATE payments SET accepted_at = now() - interval '2 hours' WHERE state = 0 AND
    correlation_id = '${uuid(30)}'`)
  const of = (filter: PaymentFilter) => find(finder, filter)

  t.same(await of({ states: ['settled'] }), [25, 24, 23, 22, 21, 20, ...ARCHIVED])
  t.same(await of({ states: ['rejected'] }), [31])
  t.same(await of({ states: ['parked', 'owned'] }), [32, 30])
  t.same(await of({ states: ['settled'], processor: 'fallback' }), [25, 23, 21])
  t.same(await of({ processor: 'fallback', states: ['parked', 'rejected'] }), [32, 31])
  t.same(await of({ processor: 'default', states: ['parked', 'owned'] }), [])
  t.same(await of({ amountMin: 105, amountMax: 107 }), [15, 16, 17])
  t.same(await of({ amountMin: 5_000, states: ['settled', 'rejected'] }), [31])
  const [third, ninth] = [NOW - 3 * DAY_MS, NOW - 9 * DAY_MS]
  t.same(await of({ from: ninth - 3, to: third - 1 }), [11, 12, 13], 'both ends belong to it')
  t.same(await of({ from: ninth - 2, to: third - 2 }), [12])
  t.same(await of({ to: NOW - 299 * DAY_MS }), [18, 19])
  t.same(await of({ from: NOW - DAY_MS, to: NOW - 90 * 60_000 }), [30], 'accepted then')
  t.same(await of({ olderThanMs: HOUR_MS }), [30])
  t.same(await of({ attemptsMin: 2 }), [32])
  await sql(`UPDATE payments SET attempts = jsonb_set(attempts, '{-1,number}', '31')
    WHERE correlation_id = '${uuid(32)}'`)
  t.same(await of({ attemptsMin: 31 }), [32], 'those that are no longer kept count too')
  t.same(await of({ attemptsMin: 32 }), [])
})

t.test('the first digits of an id are enough to find it, wherever its payment is', async (t) => {
  const { finder } = await startMixed(t)
  const idPrefix = uuid(0).replaceAll('-', '').slice(0, 30)

  const [page] = await pagesOf(finder, { filter: { idPrefix: `${idPrefix}0a` }, limit: 10 })
  t.match(page, { payments: [{ correlationId: uuid(10), state: 'settled', attempts: 1 }] })
  const all = [...ARCHIVED, 20, 21, 22, 23, 24, 25, 30, 31, 32]
  for (const limit of [1, 4, 100]) {
    const pages = await pagesOf(finder, { filter: { idPrefix }, limit })
    t.same(numbersOf(pages.flatMap(({ payments }) => payments)), all)
    const back = pages.at(-1)?.newer
    if (back === undefined) continue
    const newer = await pagesOf(finder, {
      filter: { idPrefix },
      limit,
      place: back,
      direction: 'newer',
    })
    const shown = [...newer.toReversed(), pages.at(-1)].flatMap((one) => one?.payments ?? [])
    t.same(numbersOf(shown), all)
  }
  t.same(await find(finder, { idPrefix: 'f' }), [])
})

t.test('a payment of a dropped day is found by its id, with what is kept of it', async (t) => {
  const { finder, archive } = await startMixed(t)
  await archive({ keepMs: 200 * DAY_MS })

  const idPrefix = uuid(18).replaceAll('-', '')
  const [page] = await pagesOf(finder, { filter: { idPrefix }, limit: 10 })
  t.strictSame(page?.payments, [
    {
      correlationId: uuid(18),
      state: 'settled',
      amountCents: 108,
      requestedAt: NOW - 300 * DAY_MS - 8,
      inDoubtAt: [],
    },
  ])
  t.same((await find(finder, { states: ['settled'] })).slice(-1), [17], 'and in no list')
})

/** With the archive it is two walks of 500 rows each. */
const RARE: PaymentFilter = { states: ['settled'], amountMax: 7 }

t.test('a page ends after so many rows, says where, and goes on from there', async (t) => {
  const { finder, sql, leaseId } = await startFinding(t)
  // One in 5,000 has the amount; instants of many are the same.
  const make = (table: string, more: string): string => `
    INSERT INTO ${table} (correlation_id, amount_cents, accepted_at, processor, requested_at_ms${more})
    SELECT ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
      CASE n % 5000 WHEN 0 THEN 7 ELSE 8 END, to_timestamp(${NOW} / 1000.0), 1,
      ${NOW - DAY_MS} + n / 10`
  await sql(`${make('payments', ', state, owner')}, 1, ${leaseId} FROM generate_series(1, 12000) n`)

  const pages = await pagesOf(finder, { filter: RARE, limit: 10 })

  t.same(numbersOf(pages.flatMap(({ payments }) => payments)), [10_000, 5_000])
  t.same(
    pages.map(({ lookedUntil }) => lookedUntil),
    [...Array.from({ length: 24 }, (_, page) => NOW - DAY_MS + 1_150 - page * 50), undefined],
  )
  const last = pages.at(-1)?.newer
  t.ok(last, 'an empty page leads back')
  const back = await pagesOf(finder, {
    filter: RARE,
    limit: 10,
    direction: 'newer',
    ...(last === undefined ? {} : { place: last }),
  })
  t.same(numbersOf(back.toReversed().flatMap(({ payments }) => payments)), [10_000, 5_000])
})

t.test('rows that somebody has altered by hand fail no page', async (t) => {
  const { finder, sql } = await startMixed(t)
  await sql(`UPDATE payments SET accepted_at = 'infinity', attempts = '[{"number": 1e400}]';
    UPDATE payments SET due_at = '-infinity' WHERE due_at IS NOT NULL;
    UPDATE payments SET requested_at_ms = 9223372036854775807, amount_cents = 9223372036854775807
      WHERE correlation_id = '${uuid(20)}'`)

  t.same(await find(finder, {}), [31, 30, 20, 25, 24, 23, 22, 21, ...ARCHIVED, 32])
  t.equal((await find(finder, { attemptsMin: 5 })).length, 9)
})
