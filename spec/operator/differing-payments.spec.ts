// The payments in which books differ, as the console asks for them: which are named, and how little
// the processor is asked.

import t, { type Test } from 'tap'
import {
  createDifferingSearch,
  SEARCH_BOUNDS,
  type DifferingItem,
} from '../../src/operator/differing-payments.ts'
import { openTables } from '../../src/operator/pit-books.ts'
import { serveBooks, START, startOperatorBooks, TOKEN } from '../support/operator-books.ts'
import { startPostgres } from '../support/postgres.ts'

const postgres = await startPostgres(t)

const SPAN = { from: Date.parse('2000-01-01T00:00:00Z'), to: START + 86_400_000 }
const HASTY = { ...SEARCH_BOUNDS, perSecond: 1_000, timeMaxMs: 600_000 }

interface Place {
  readonly databaseUrl: string
  readonly url: string
}

async function search(
  test: Test,
  { databaseUrl, url }: Place,
  { hours = [], bounds = HASTY }: { hours?: readonly number[]; bounds?: typeof HASTY } = {},
) {
  const tables = openTables(databaseUrl)
  test.teardown(() => tables.close())
  const books = { name: 'default', url, token: TOKEN } as const
  const found: DifferingItem[] = []
  const find = createDifferingSearch({
    tables,
    books: { default: books, fallback: { ...books, name: 'fallback' } },
    bounds,
  })
  const end = await find('default', { span: SPAN, hours, tell: (item) => found.push(item) })
  return { end, found }
}

t.test('the payments that are on one side, or have another amount there, are named', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  for (let n = 0; n < 20; n += 1) await world.pay({ requestedAt: START + n * 700 })
  const alone = await world.settleInPit({ requestedAt: START + 3_600_000 })
  const correlationId = await world.settleInPit({ requestedAt: START + 7_200_000 })
  await world.charge({ correlationId, requestedAt: START + 7_200_000, amountCents: 1_800 })
  const open = await world.acceptInPit()
  await world.charge({ correlationId: open, requestedAt: START + 9_000_000 })

  const place = { databaseUrl: world.databaseUrl, url: world.simulators.default.url }
  const { end, found } = await search(t, place)

  t.equal(end, 'whole')
  const settled = { state: 'settled', processor: 'default', amountCents: 1_990 }
  t.match(found, [
    { correlationId: alone, pit: settled, recorded: null },
    { correlationId, pit: settled, recorded: { amountCents: 1_800 } },
    { correlationId: open, pit: { state: 'open' }, recorded: { amountCents: 1_990 } },
  ])
})

t.test('a charge that nobody knows is told in words, and equal books in none', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  await world.pay({ requestedAt: START })
  const place = { databaseUrl: world.databaseUrl, url: world.simulators.default.url }
  t.same(await search(t, place), { end: 'whole', found: [] })

  const correlationId = '00000000-0000-4000-8000-00000000000a'
  await world.charge({ correlationId, requestedAt: START + 5_000 })

  const { found } = await search(t, place)
  t.match(found, [
    { kind: 'words', words: /10:00:05.000Z: Pit has -1 payment.*another client pays/ },
  ])
})

t.test('rows that do not add up are looked into though all sums agree', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  await world.pay({ requestedAt: START })
  const altered = await world.pay({ requestedAt: START + 2_000 })
  const deleted = await world.pay({ requestedAt: START + 4_000 })
  await world.sql(`UPDATE payments SET amount_cents = 1 WHERE correlation_id = '${altered}'`)
  await world.sql(`DELETE FROM payments WHERE correlation_id = '${deleted}'`)
  const place = { databaseUrl: world.databaseUrl, url: world.simulators.default.url }
  t.same((await search(t, place)).found, [])

  const { found } = await search(t, place, { hours: [START + 5_000] })

  t.match(found, [
    { correlationId: altered, pit: { amountCents: 1 }, recorded: { amountCents: 1_990 } },
    { kind: 'words', words: /10:00:04.000Z: Pit has -1 payment.*its row was deleted/ },
  ])
})

t.test(
  'what the named payments of an instant do not account for is told beside them',
  async (t) => {
    const world = await startOperatorBooks(t, postgres)
    const altered = await world.pay({ requestedAt: START })
    const deleted = await world.pay({ requestedAt: START })
    await world.sql(`UPDATE payments SET amount_cents = 1 WHERE correlation_id = '${altered}'`)
    await world.sql(`DELETE FROM payments WHERE correlation_id = '${deleted}'`)

    const place = { databaseUrl: world.databaseUrl, url: world.simulators.default.url }
    const { found } = await search(t, place, { hours: [START] })

    t.match(found, [
      { correlationId: altered, pit: { amountCents: 1 } },
      { words: /Pit has -1 payment, -19\.90: no settled payment accounts for it/ },
    ])
  },
)

t.test('an instant with more payments than are looked up is cut', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  for (let n = 0; n < 3; n += 1) await world.settleInPit({ requestedAt: START })
  const place = { databaseUrl: world.databaseUrl, url: world.simulators.default.url }

  const { end, found } = await search(t, place, { bounds: { ...HASTY, lookUpsMax: 2 } })

  t.equal(end, 'cut')
  t.match(found, [{ kind: 'payment' }, { kind: 'payment' }, { words: /Pit has \+1 payment/ }])
})

t.test('a total that was altered is told where rows and the processor agree', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  await world.pay({ requestedAt: START })
  await world.sql(`UPDATE settled_totals SET payments = payments + 1`)

  const place = { databaseUrl: world.databaseUrl, url: world.simulators.default.url }
  const { found } = await search(t, place)

  t.match(found, [{ words: /Pit’s totals have \+1 payment, .*a running total is wrong/ }])
})

t.test('a processor whose books differ everywhere is asked so much and no more', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  for (let n = 0; n < 30; n += 1) await world.settleInPit({ requestedAt: START + n * 10_000 })
  let questions = 0
  const url = await serveBooks(t, {
    total: () => {
      questions += 1
      const none = { totalRequests: 0, totalAmount: 0 }
      return JSON.stringify(none)
    },
    find: async () => {
      questions += 1
      return undefined
    },
  })
  const place = { databaseUrl: world.databaseUrl, url }

  const most = await search(t, place, { bounds: { ...HASTY, questionsMax: 10_000 } })
  t.equal(most.end, 'cut')
  t.equal(most.found.length, HASTY.secondsMax)

  questions = 0
  const few = await search(t, place, { bounds: { ...HASTY, questionsMax: 50 } })
  t.equal(few.end, 'cut')
  t.equal(questions, 50)

  questions = 0
  const late = await search(t, place, { bounds: { ...HASTY, timeMaxMs: -1 } })
  t.equal(late.end, 'cut')
  t.equal(questions, 0)
})

t.test('books that cannot be read end a search with the reason', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  await world.pay({ requestedAt: START })

  const place = { databaseUrl: world.databaseUrl, url: 'http://127.0.0.1:1' }
  await t.rejects(search(t, place), { code: 'books_unreachable', message: /processor default/ })
})
