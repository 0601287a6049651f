import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { Test } from 'tap'
import type { Ledger } from '../../../src/actors/model/ports.ts'
import { PLANNER_SETTINGS } from '../../../src/infra/postgres/connection.ts'
import { createPostgresLedger } from '../../../src/infra/postgres/ledger.ts'
import { SUMMARIZE, summaryParameters } from '../../../src/infra/postgres/summaries.ts'
import { BUCKET_WIDTHS_MS, coverWindow } from '../../../src/infra/postgres/summaries.ts'
import { DELAYS, lease, parked, request, settled } from '../../contracts/ledger-words.ts'
import { LEDGER, runSql, startPostgres } from '../../support/postgres.ts'
import { holdsAlways } from '../../support/property.ts'
import { addUp } from '../../support/settled-sums.ts'

const server = await startPostgres(t)

async function open(t: Test, connectionString: string): Promise<Ledger> {
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString })
  t.teardown(() => ledger.close())
  return ledger
}

// Requests around the borders of seconds, minutes, hours and days, where windows are cut.
const instants = fc
  .tuple(
    fc.constantFrom(0, 1_000, 60_000, 3_600_000, 86_400_000, 172_800_000, 90_061_000),
    fc.integer({ min: -1_100, max: 1_100 }),
  )
  .map(([border, offset]) => Math.max(0, border + offset))
const windows = fc.record({ from: instants, to: instants }, { requiredKeys: [] })

t.test('summaries equal those of a plain list, in any window', async (t) => {
  const database = await server.freshDatabase()
  const [first, second] = await Promise.all([open(t, database), open(t, database)])
  const leases = [await lease(first), await lease(second, 'b')]
  const payments = fc
    .sample(fc.tuple(instants, fc.boolean(), fc.integer({ min: 1, max: 99_999 })), {
      numRuns: 400,
      seed: 7,
    })
    .map(([requestedAt, isDefault, amountCents], index) =>
      settled(index + 1, {
        requestedAt,
        amountCents,
        processor: isDefault ? 'default' : 'fallback',
      }),
    )
  for (const [turn, ledger] of [first, second].entries()) {
    const mine = leases[turn] ?? { leaseId: 0 }
    const own = payments.filter((_, index) => index % 2 === turn)
    await ledger.accept(own, { ...mine, parked: false })
    await ledger.record(own, mine)
  }

  await t.resolves(
    fc.assert(
      fc.asyncProperty(windows, async (window) => {
        const { summary } = await first.summarize(window, [])
        assert.deepEqual(summary, addUp(payments, window))
      }),
      { numRuns: 300 },
    ),
  )
})

// From a millisecond to years, so that the ends meet at every level.
const spans = fc
  .tuple(fc.integer({ min: 0, max: 4_000_000_000_000 }), fc.integer({ min: 0, max: 40 }))
  .chain(([from, power]) =>
    fc.integer({ min: 0, max: 2 ** power }).map((widthMs) => ({ from, to: from + widthMs })),
  )

t.test('a window is cut into bounded runs of whole buckets, whatever its width', async (t) => {
  holdsAlways(
    t,
    fc.property(spans, (window) => {
      const { buckets, raw } = coverWindow(window)
      const lengths = [1_000, 60, 60, 24].map((wider, index) => {
        const level = index - 1
        const runs = level < 0 ? raw : buckets.filter((run) => run.level === level)
        const widthMs = BUCKET_WIDTHS_MS[level] ?? 1
        const units = runs.map((run) => (run.to - run.from) / widthMs)
        assert.ok(units.every((count) => Number.isInteger(count) && count > 0))
        return { wider, units: units.reduce((sum, count) => sum + count, 0) }
      })
      assert.ok(lengths.every(({ wider, units }) => units <= wider))
    }),
    { numRuns: 5_000 },
  )
})

t.test('before seconds are joined ten of them stand for one, at either end', async (t) => {
  holdsAlways(
    t,
    fc.property(spans, fc.integer({ min: -90_000, max: 90_000 }), (window, offset) => {
      const joinedBefore = Math.max(0, Math.floor((window.from + offset) / 600_000) * 600_000)
      const { buckets, raw } = coverWindow(window, joinedBefore)
      for (const { level, from, to } of buckets.filter((run) => run.from < joinedBefore)) {
        const widthMs = level === 0 ? 10_000 : (BUCKET_WIDTHS_MS[level] ?? 1)
        assert.ok(from % widthMs === 0 && (to % widthMs === 0 || to > joinedBefore))
      }
      const single = raw.reduce((sum, run) => sum + run.to - run.from, 0)
      assert.ok(single <= 10_000, `${single} ms of single payments`)
      const { from, to } = window
      const runs = [...buckets, ...raw]
      for (const instant of [
        from - 1,
        from,
        to,
        to + 1,
        ...runs.flatMap((run) => [run.from, run.to]),
      ]) {
        const around = runs.filter((run) => run.from <= instant && instant < run.to)
        const sum = around.reduce((total, run) => total + run.sign, 0)
        assert.equal(sum, from <= instant && instant <= to ? 1 : 0)
      }
    }),
    { numRuns: 5_000 },
  )
})

t.test('a window within one second is summed without totals', async (t) => {
  for (const [from, to] of [
    [5_000, 5_999],
    [5_001, 5_999],
    [5_000, 5_998],
    [5_700, 5_700],
  ] as const) {
    t.same(coverWindow({ from, to }), { buckets: [], raw: [{ sign: 1, from, to: to + 1 }] })
  }
  t.not(coverWindow({ from: 5_000, to: 6_000 }).buckets.length, 0)
})

t.test(
  'the runs of a window add up to 1 at each of its instants, and to 0 elsewhere',
  async (t) => {
    holdsAlways(
      t,
      fc.property(spans, fc.integer({ min: -90_000_000, max: 90_000_000 }), (window, offset) => {
        const { buckets, raw } = coverWindow(window)
        const { from, to } = window
        const runs = [...buckets, ...raw]
        const borders = [from, to, ...runs.flatMap((run) => [run.from, run.to])]
        const instants = [from + offset, ...borders.flatMap((at) => [at - 1, at, at + 1])]
        for (const instant of instants) {
          const around = runs.filter((run) => run.from <= instant && instant < run.to)
          const sum = around.reduce((total, run) => total + run.sign, 0)
          assert.equal(sum, from <= instant && instant <= to ? 1 : 0)
        }
      }),
      { numRuns: 5_000 },
    )
  },
)

t.test('a window over many payments reads totals, not payments', async (t) => {
  const database = await server.freshDatabase()
  const ledger = await open(t, database)
  await runSql(database, MANY_SETTLED)

  const window = { from: 500_400, to: 90_000_700 }
  const [plan] = await runSql(database, `${PLANNER_SETTINGS}; ${explain(window)}`)
  const { summary } = await ledger.summarize(window, [])

  const text = JSON.stringify(plan)
  const scans = [
    ...text.matchAll(/"Node Type":"Index[^}]*?"Actual Rows":([\d.]+),"Actual Loops":(\d+)/g),
  ]
  const touched = scans.reduce((sum, scan) => sum + Number(scan[1]) * Number(scan[2]), 0)
  t.ok(scans.length > 0 && touched > 0 && touched < 300, `touches ${touched} rows`)
  t.equal(summary.default.payments, 89_501)
})

t.test('a sum of more than 2^53 cents is exact, with what is not written yet', async (t) => {
  const database = await server.freshDatabase()
  const ledger = await open(t, database)
  const mine = await lease(ledger)
  const largest = 100_000_000_000
  await ledger.accept([request(1, largest)], { ...mine, parked: false })
  await runSql(database, VAST_TOTALS)

  const announced = [settled(1, { requestedAt: 1_000, amountCents: largest })]
  const { summary } = await ledger.summarize({}, announced)
  const part = await ledger.summarize({ to: 999_999 }, announced)

  t.strictSame(summary, {
    default: { payments: 180_145, cents: 18_014_400_000_000_003n + 100_000_000_000n },
    fallback: { payments: 0, cents: 0 },
  })
  t.strictSame(part.summary.default, { payments: 1, cents: largest })
})

// 90,072 payments of the largest amount on each of two days are more than 2^53 cents.
const VAST_TOTALS = `
  INSERT INTO settled_totals (level, bucket_ms, processor, shard, payments, cents)
  SELECT 3, day * 86400000::bigint, 1, 1, 90072, 9007200000000001 + day - 1
  FROM generate_series(1, 2) AS day`

// One payment a second for 100,000 seconds, and their totals, as if they had been recorded.
const MANY_SETTLED = `
  INSERT INTO payments (correlation_id, amount_cents, state, processor, requested_at_ms)
  SELECT gen_random_uuid(), 100, 1, 1, n * 1000 + 500 FROM generate_series(1, 100000) n;
  INSERT INTO settled_totals (level, bucket_ms, processor, shard, payments, cents)
  SELECT level, requested_at_ms - requested_at_ms % width, processor, 1, count(*), sum(amount_cents)
  FROM payments, (VALUES (0, 1000), (1, 60000), (2, 3600000), (3, 86400000)) l (level, width)
  GROUP BY 1, 2, 3;
  ANALYZE`

function explain(window: { from: number; to: number }): string {
  const values = summaryParameters(window, []).map((value) => `'${value}'`)
  const text = SUMMARIZE.text.replace(/\$(\d)/g, (_, n: string) => values[Number(n) - 1] ?? '')
  return `EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${text}`
}

t.test('totals equal the payments after replays, races and mixed outcomes', async (t) => {
  const database = await server.freshDatabase()
  const [first, second] = await Promise.all([open(t, database), open(t, database)])
  const leases = [await lease(first), await lease(second, 'b')]
  const outcomes = fc.sample(
    fc.tuple(fc.integer({ min: 1, max: 150 }), instants, fc.nat(2), fc.nat(1)),
    { numRuns: 900, seed: 11 },
  )
  const everyone = Array.from({ length: 150 }, (_, index) => request(index + 1))
  await first.accept(everyone, { leaseId: leases[0]?.leaseId ?? 0, parked: false })

  const writes = Array.from({ length: 30 }, (_, batch) => {
    const some = outcomes.slice(batch * 30, batch * 30 + 30)
    const mixed = some.map(([n, requestedAt, kind, fencingToken]) => {
      if (kind === 0) return parked(n, { delayMs: 0, fencingToken })
      return settled(n, {
        requestedAt,
        fencingToken,
        processor: kind === 1 ? 'default' : 'fallback',
      })
    })
    const [ledger, mine] = batch % 3 === 2 ? [second, leases[1]] : [first, leases[0]]
    const own = mine ?? { leaseId: 0 }
    return [ledger.record(mixed, own), ledger.claimDue({ ...own, limit: 5, ...DELAYS })]
  })
  await Promise.all(writes.flat())

  const [sums] = await runSql(
    database,
    `SELECT count(*)::int AS payments, coalesce(sum(amount_cents), 0)::int AS cents
    FROM payments WHERE state = 1`,
  )
  const totals = await runSql(
    database,
    `SELECT sum(payments)::int AS payments, sum(cents)::int AS cents
    FROM settled_totals GROUP BY level`,
  )
  t.ok(Number(sums?.['payments']) > 50, 'there is something to compare')
  t.strictSame(totals, [sums, sums, sums, sums])
})
