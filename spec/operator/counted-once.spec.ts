// `pit reconcile` counts and names each payment once: at the edges of hours, seconds and windows,
// among many others, and where it has only totals or summaries to go by.

import { randomUUID } from 'node:crypto'
import t from 'tap'
import { serve } from '../support/collector.ts'
import { START, serveBooks, startOperatorBooks } from '../support/operator-books.ts'
import { startPostgres } from '../support/postgres.ts'

const postgres = await startPostgres(t)

const HOUR_MS = 3_600_000
const MODES = [[], ['--sums']] as const

const at = (ms: number): string => new Date(START + ms).toISOString()

/** First and last milliseconds of hours; hours without payments are between them. */
const EDGES = [-1, 0, 1, HOUR_MS - 1, HOUR_MS, HOUR_MS + 1, 4 * HOUR_MS - 1, 4 * HOUR_MS]
const LAST = 30 * HOUR_MS

t.test('each payment counts once, at the edges of hours too', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  for (const [n, edge] of [...EDGES, LAST].entries()) {
    await world.pay({ requestedAt: START + edge, amountCents: 100 << n })
  }
  await world.pay({ processor: 'fallback', requestedAt: START })
  const books = [
    'default: equal; Pit 9 payments of 511.00, processor 9 payments of 511.00',
    'fallback: equal; Pit 1 payment of 19.90, processor 1 payment of 19.90',
  ]
  const leftOut = 'not looked at: 10 payments one by one; what cancels out within an hour'

  for (const window of [[], ['--from', at(-1), '--to', at(LAST)]]) {
    const full = await world.reconcile(window)
    const sums = await world.reconcile([...window, '--sums'])

    t.strictSame(full.said.trim().split('\n'), ['rows and totals: equal', ...books])
    t.strictSame([full.code, sums.code], [0, 0])
    t.match(sums.said, leftOut)
  }
  const { progress } = await world.reconcile(['--from', at(-1), '--to', at(LAST)])
  t.strictSame(
    progress.filter((line) => line.startsWith('rows')),
    [-1, 0, HOUR_MS, 3 * HOUR_MS, 4 * HOUR_MS, LAST].map((ms) => `rows and totals: ${at(ms)}`),
  )
  const instants = progress.flatMap((line) => /^default: (\S+),/.exec(line)?.[1] ?? [])
  t.strictSame(instants, instants.toSorted(), 'progress goes on')
  for (const ms of [-1, HOUR_MS - 1, HOUR_MS + 1, LAST]) t.ok(instants.includes(at(ms)))
})

t.test('a difference at an edge is named once, with its instant', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  for (const edge of EDGES) await world.pay({ requestedAt: START + edge })
  const alone = [-HOUR_MS, -2, 2 * HOUR_MS - 1, 2 * HOUR_MS, 3 * HOUR_MS - 1, 5 * HOUR_MS, LAST]
  for (const edge of alone) {
    await world.charge({ correlationId: randomUUID(), requestedAt: START + edge })
    await world.settleInPit({ processor: 'fallback', requestedAt: START + edge })
  }

  for (const mode of MODES) {
    const { code, said } = await world.reconcile([
      ...mode,
      '--from',
      at(-HOUR_MS),
      '--to',
      at(LAST),
    ])

    t.equal(code, 1)
    const additions = said.matchAll(/^default (\S+): Pit has -1 payment, -19.90$/gm)
    t.strictSame(
      [...additions].map(([, instant]) => instant),
      alone.map(at),
    )
    t.equal(said.match(/no settled payment accounts for it/g)?.length, alone.length)
    t.match(said, 'default: Pit has -7 payments, -139.30; Pit 8 payments of 159.20')
    const missing = said.matchAll(/requested (\S+), the processor does not know it/g)
    t.strictSame(
      [...missing].map(([, instant]) => instant),
      alone.map(at),
    )
  }
})

t.test('a hundred findings are told, and of more it is said that there are more', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  await world.pay({ requestedAt: START })
  const settle = (from: number, count: number) =>
    world.sql(`
      INSERT INTO payments (correlation_id, amount_cents, state, processor, requested_at_ms)
      SELECT gen_random_uuid(), 100, 1, 1, ${START + from} + n FROM generate_series(1, ${count}) n`)
  const window = ['--from', at(0), '--to', at(3 * HOUR_MS), '--per-second', '99999']
  const told = (said: string): number | undefined => said.match(/does not know it/g)?.length
  await settle(0, 60)
  await settle(HOUR_MS, 40)

  for (const mode of MODES) {
    const { said } = await world.reconcile([...mode, ...window])
    t.equal(told(said), 100)
    t.match(said, /^default: Pit has \+100 payments, \+100.00; Pit 101 .* of 19.90$/m)
  }
  await settle(2 * HOUR_MS, 2)
  for (const mode of MODES) {
    const { said } = await world.reconcile([...mode, ...window])
    t.equal(told(said), 100)
    t.match(said, /^default: Pit has \+102 payments, .*; the first 100 findings only$/m)
  }
})

t.test('a hundred wrong totals are told, and of more it is said that there may be', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  const tell = (from: number, count: number) =>
    world.sql(`
      INSERT INTO settled_totals (level, bucket_ms, processor, shard, payments, cents)
      SELECT 0, ${START + from} + n * 1000, 2, 0, 1, 100 FROM generate_series(0, ${count - 1}) n`)
  const told = (said: string): number | undefined => said.match(/, (second|minute|hour): /g)?.length
  await tell(0, 60)
  await tell(HOUR_MS, 38)
  const some = await world.reconcile(['--sums'])
  await tell(HOUR_MS + 38_000, 22)

  const { said } = await world.reconcile(['--sums'])

  t.equal(told(some.said), 100, 'a minute that lacks seconds is one more')
  t.equal(told(said), 100)
  t.match(said, 'rows and totals: 100 buckets differ, and perhaps more')
  t.match(said, `fallback ${at(0)}, second: rows 0 payments of 0.00, totals 1 payment of 1.00`)
})

t.test('before rows begin the totals of whole seconds are compared', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  const moved = [100, 1_500, 4_000, 4_999, 5_000, 7_999]
  const kept = [8_000, 8_001, 10_300]
  for (const ms of [...moved, ...kept, 10_301]) await world.pay({ requestedAt: START + ms })
  await world.sql(`DELETE FROM payments WHERE requested_at_ms < ${START + 8_000}`)
  const compare = (from: number, to: number, ...more: string[]) =>
    world.reconcile(['--from', at(from), '--to', at(to), '--archived-before', at(8_400), ...more])

  for (const mode of MODES) {
    const over = await compare(300, 10_300, ...mode)
    t.strictSame(over.code, 0, over.said)
    t.match(over.said, `before ${at(8_000)}: the totals have 6 payments of 119.40; rows are not`)
    t.match(over.said, 'default: equal; Pit 9 payments of 179.10, processor 9 payments of 179.10')

    const wholly = await compare(300, 4_200, ...mode)
    t.strictSame(wholly.code, 0, wholly.said)
    t.match(wholly.said, `before ${at(5_000)}: the totals have 4 payments of 79.60; rows are not`)
    t.match(wholly.said, 'default: equal; Pit 4 payments of 79.60, processor 4 payments of 79.60')
  }
  const after = await compare(8_000, 10_300)
  t.notMatch(after.said, 'before', 'rows are all there')
  t.match(after.said, 'default: equal; Pit 3 payments of 59.70')

  for (const ms of [0, 7_999]) {
    await world.charge({ correlationId: randomUUID(), requestedAt: START + ms })
  }
  const { said } = await compare(300, 10_300)
  t.match(said, `default ${at(0)} to ${at(999)}: Pit has -1 payment, -19.90`)
  t.match(said, `default ${at(7_000)} to ${at(7_999)}: Pit has -1 payment, -19.90`)
  t.equal(said.match(/: Pit has -1/g)?.length, 2)
  t.notMatch(said, 'no settled payment', 'where there are no rows, none is looked for')
})

t.test('ten payments without rows are told as gone, and nine by their seconds', async (t) => {
  for (const count of [9, 10]) {
    const world = await startOperatorBooks(t, postgres)
    for (let n = 0; n < count; n += 1) await world.pay({ requestedAt: START + n * 1_000 })
    await world.pay({ requestedAt: START + HOUR_MS + 500 })
    await world.sql(`DELETE FROM payments WHERE requested_at_ms < ${START + HOUR_MS}`)

    const { code, said } = await world.reconcile(['--sums'])

    t.equal(code, 1)
    const gone = `before ${at(HOUR_MS)}: the totals have 10 payments of 199.00, and there are no rows`
    if (count === 10) t.match(said, gone)
    else t.match(said, 'rows and totals: 9 buckets differ')
    t.equal(said.includes('there are no rows'), count === 10)
  }
})

t.test('only rows that make up the totals count as moved away', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  await world.pay({ requestedAt: START })
  await world.pay({ requestedAt: START + 999, amountCents: 200 })
  await world.pay({ processor: 'fallback', requestedAt: START + 500, amountCents: 300 })
  await world.pay({ requestedAt: START + 1_000 })
  await world.pay({ requestedAt: START - 1_000 })
  await world.sql(`
    CREATE TABLE payments_archive AS SELECT * FROM payments;
    INSERT INTO payments_archive (correlation_id, amount_cents, state, processor, requested_at_ms)
    VALUES (gen_random_uuid(), 500, 2, 1, ${START + 1});
    DELETE FROM payments WHERE requested_at_ms < ${START + 1_000}`)
  const window = ['--sums', '--from', at(0)]

  const just = await world.reconcile(window)
  const nothing = await world.reconcile(['--sums', '--from', at(1_000)])
  t.equal(just.code, 0, just.said)
  t.match(just.said, 'the totals have 3 payments of 24.90, and payments_archive has just those')
  t.notMatch(nothing.said, 'payments_archive', 'nothing before the window counts')

  for (const processor of [1, 2]) {
    await world.sql(`UPDATE payments_archive SET state = 2 WHERE processor = ${processor}`)
    const lacking = await world.reconcile(window)
    await world.sql(`UPDATE payments_archive SET state = 1 WHERE amount_cents <> 500`)

    t.equal(lacking.code, 1)
    t.notMatch(lacking.said, 'payments_archive')
  }
})

t.test('one payment that was moved away is told as such', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  await world.pay({ requestedAt: START })
  await world.sql('CREATE TABLE payments_archive AS SELECT * FROM payments; DELETE FROM payments')

  const { code, said } = await world.reconcile(['--sums'])

  t.equal(code, 0, said)
  t.match(said, 'the totals have 1 payment of 19.90, and payments_archive has just those')
})

t.test('ten payments that a processor lacks make it emptied, and nine are named', async (t) => {
  for (const count of [9, 10]) {
    const world = await startOperatorBooks(t, postgres)
    for (let n = 0; n < count; n += 1) await world.settleInPit({ requestedAt: START + n })
    await world.pay({ requestedAt: START + count })
    await world.settleInPit({ requestedAt: START + count + 1 })
    await world.pay({ requestedAt: START + HOUR_MS })

    const { code, said } = await world.reconcile([])

    t.equal(code, 1)
    const emptied = `knows none of 10 payments before ${at(10)}: it was emptied`
    if (count === 10) {
      t.match(said, emptied)
      t.match(said, 'never had them; of them 10 were looked up')
    }
    t.equal(said.match(/does not know it/g)?.length, count === 10 ? 1 : 10)
    t.match(
      said,
      `Pit has +${count + 1} payments, +${count === 9 ? '199.00' : '218.90'}; Pit ${count + 3}`,
    )
  }
})

t.test('a processor that has one of the payments at another instant is not emptied', async (t) => {
  for (const known of [0, 11]) {
    const world = await startOperatorBooks(t, postgres)
    for (let n = 0; n < 12; n += 1) {
      const correlationId = await world.settleInPit({ requestedAt: START + n })
      if (n === known) await world.charge({ correlationId, requestedAt: START + 2 * HOUR_MS })
    }

    const { said } = await world.reconcile(['--to', at(HOUR_MS)])

    t.notMatch(said, 'emptied')
    t.equal(said.match(/does not know it/g)?.length, 11)
  }
})

t.test('payments from all of a window are asked for before it counts as emptied', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  await world.sql(`
    INSERT INTO payments (correlation_id, amount_cents, state, processor, requested_at_ms)
    SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 100, 1, 1, ${START} + n
    FROM generate_series(0, 1099) AS n`)
  const requestedAt = at(5 * HOUR_MS)
  for (const known of [[0], [1_010, 1_099], []]) {
    const [from = Infinity, to = from] = known
    const total = () => '{"totalRequests":0,"totalAmount":0}'
    const url = await serveBooks(t, {
      total,
      find: async (id) => {
        const n = Number(id.split('-').at(-1))
        return n < from || n > to ? undefined : JSON.stringify({ amount: 1, requestedAt })
      },
    })
    const processors = { default: url, fallback: world.simulators.fallback.url }
    for (const window of [['--to', at(1_099)], []]) {
      const { said } = await world.reconcile([...window, '--per-second', '99999'], { processors })

      if (known.length > 0) t.notMatch(said, 'emptied')
      else t.match(said, /none of 1100 payments: it was emptied.*; of them [234]\d were looked up/)
    }
  }
})

t.test('without a database differences are found in the summaries', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  await world.charge({ correlationId: randomUUID(), requestedAt: START })
  const serveSummary = (instants: readonly number[]) =>
    serve(t, async ({ url = '' }) => {
      const { searchParams } = new URL(url, 'http://pit')
      const instant = (name: string): number => Date.parse(searchParams.get(name) ?? '') - START
      if (instant('from') > instant('to')) return { status: 400, body: '' }
      const inside = instants.filter((ms) => ms >= instant('from') && ms <= instant('to'))
      const count = inside.length
      const total = { totalRequests: count, totalAmount: (count * 1_990) / 100 }
      const none = { totalRequests: 0, totalAmount: 0 }
      return { status: 200, body: JSON.stringify({ default: total, fallback: none }) }
    })
  const compare = async (instants: readonly number[], from = -HOUR_MS) => {
    const url = `${await serveSummary(instants)}/`
    const window = ['--from', at(from), '--to', at(HOUR_MS), '--url', url]
    return await world.reconcile(window, { databaseUrl: undefined })
  }

  const one = await compare([0, 7])
  const many = await compare([-20, -19, -18, -17, -16, -15, -14, -13, -12, -11, 0])
  const later = await compare([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0)

  t.equal(one.code, 1)
  t.match(one.said, `default ${at(7)}: Pit has +1 payment, +19.90\ndefault: Pit has +1`)
  t.match(one.said, 'not looked at: 2 payments one by one; what cancels out is not seen\n')
  t.equal(many.code, 1)
  t.match(
    many.said,
    `none of 10 payments before ${at(0)}: it was emptied or restarted, or never had them\n`,
  )
  t.equal(later.code, 1, later.said)
  t.equal(later.said.match(/Pit has \+1 payment/g)?.length, 10, 'it has the first of them')
})

t.test('an amount with fractions of a cent is told, and sums differ by just that', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  const correlationId = await world.settleInPit({ requestedAt: START })
  const url = await serveBooks(t, {
    total: ({ from, to }) =>
      from <= START && START <= to
        ? '{"totalRequests":1,"totalAmount":19.8}'
        : '{"totalRequests":0,"totalAmount":0}',
    find: async () => JSON.stringify({ amount: 19.799, requestedAt: at(0) }),
  })
  const processors = { default: url, fallback: world.simulators.fallback.url }

  const { said } = await world.reconcile(['--from', at(0)], { processors })

  t.match(said, `${correlationId}: Pit has 19.90 settled at default requested ${at(0)}`)
  t.match(said, 'the processor has fractions of a cent requested')
  t.match(said, `default ${at(0)}: Pit has +0 payments, +0.10`)
})
