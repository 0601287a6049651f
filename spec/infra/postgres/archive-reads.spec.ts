// What readers are told of archived payments: sums, single payments, controls.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { request, uuid } from '../../contracts/ledger-words.ts'
import { DAY_MS, HOUR_MS, NOW, payment, startArchived } from '../../support/archive.ts'
import { startPostgres } from '../../support/postgres.ts'
import { addUp } from '../../support/settled-sums.ts'

const server = await startPostgres(t)

t.test('a control is found among archived payments, and is gone with their day', async (t) => {
  const { ledger, ...world } = await startArchived(t, server)
  await world.settle([payment(1, 40 * DAY_MS)])
  await world.archive()

  t.same(await ledger.findControl('default'), { kind: 'found', correlationId: uuid(1) })
  t.same(await ledger.findControl('fallback'), { kind: 'none' })
  await world.archive({ keepMs: DAY_MS })
  t.same(await ledger.findControl('default'), { kind: 'gone' })
})

t.test('whoever reads while payments are archived sees each of them once', async (t) => {
  const world = await startArchived(t, server)
  const payments = Array.from({ length: 1_500 }, (_, n) =>
    payment(n + 1, 3 * HOUR_MS + n * 7, { amountCents: 100 + n }),
  )
  await world.settle(payments)
  // Not on whole seconds, so that single payments of both tables are added up.
  const window = { from: NOW - 3 * HOUR_MS - 9_999, to: NOW - 3 * HOUR_MS - 301 }
  const expected = addUp(payments, window)
  let isOver = false

  const archiving = world.archive({ rateMax: 3_000 }).finally(() => (isOver = true))
  let reads = 0
  for (; !isOver; reads += 1) {
    assert.deepEqual((await world.ledger.summarize(window, [])).summary, expected)
    assert.equal((await world.ledger.find(uuid(1_500 - (reads % 1_500))))?.state, 'settled')
  }

  t.match(await archiving, { payments: 1_500 })
  t.ok(reads > 1)
})

t.test('years of days take no more locks than a small server has', async (t) => {
  const small = await startPostgres(t, { max_connections: '20', max_locks_per_transaction: '16' })
  const { ledger, leaseId, ...world } = await startArchived(t, small)
  await world.settle([payment(1, 3 * DAY_MS), payment(2, 3 * HOUR_MS)])
  for (let year = 0; year < 2; year += 1) {
    await world.sql(`DO $$ BEGIN
      FOR day IN ${365 * year + 1} .. ${365 * (year + 1)} LOOP
        EXECUTE format('CREATE TABLE day_%s PARTITION OF archived_payments
          FOR VALUES FROM (%s) TO (%s)', day, day * ${DAY_MS}::bigint, (day + 1) * ${DAY_MS}::bigint);
        COMMIT;
      END LOOP; END $$`)
  }

  t.match(await world.archive(), { payments: 2 })

  t.match(await ledger.find(uuid(1)), { state: 'settled', attempts: [{}] })
  t.match(await ledger.findControl('default'), { kind: 'found' })
  t.same((await ledger.accept([request(1)], { leaseId, parked: false })).results, ['known'])
  const window = { from: NOW - 3 * DAY_MS, to: NOW - 3 * HOUR_MS }
  t.match((await ledger.summarize(window, [])).summary.default, { payments: 2 })
})

t.test('summaries over archived and dropped days equal those of a plain list', async (t) => {
  const world = await startArchived(t, server)
  const today = NOW - (NOW % DAY_MS)
  const borders = [0, 1_000, 60_000, HOUR_MS, DAY_MS].map((at) => today - 3 * DAY_MS + at)
  const instants = fc
    .tuple(
      fc.constantFrom(...borders, today - DAY_MS, NOW - HOUR_MS / 2),
      fc.integer({ min: -1_100, max: 1_100 }),
    )
    .map(([border, offset]) => border + offset)
  const payments = fc
    .sample(fc.tuple(instants, fc.boolean(), fc.integer({ min: 1, max: 999 })), {
      numRuns: 300,
      seed: 5,
    })
    .map(([requestedAt, isDefault, amountCents], index) =>
      payment(index + 1, 0, {
        requestedAt,
        amountCents,
        processor: isDefault ? 'default' : 'fallback',
      }),
    )
  await world.settle(payments)
  const windows = fc.record({ from: instants, to: instants }, { requiredKeys: [] })
  const agrees = async (keptFrom: number): Promise<void> => {
    await fc.assert(
      fc.asyncProperty(windows, async (window) => {
        if (Math.min(window.from ?? NOW, window.to ?? NOW) < keptFrom) return
        const { summary } = await world.ledger.summarize(window, [])
        assert.deepEqual(summary, addUp(payments, window))
      }),
      { numRuns: 200 },
    )
  }

  const pass = await world.archive()
  t.ok((pass?.payments ?? 0) > 100 && (await world.counts())[0] > 0, 'some are left')
  await t.resolves(agrees(0))
  const joined = 'SELECT FROM settled_totals WHERE level = 0 AND bucket_ms % 10000 <> 0'
  t.equal((await world.sql(`${joined} AND bucket_ms < ${today - DAY_MS}`)).length, 0)
  // As a charge whose outcome was unknown for long, or one that is taken back.
  const late = payments
    .slice(0, 40)
    .map((one, index) => ({ ...one, correlationId: uuid(500 + index) }))
  await world.settle(late)
  payments.push(...late)
  t.not((await world.sql(`${joined} AND bucket_ms < ${today - DAY_MS}`)).length, 0)
  await t.resolves(agrees(0))
  await world.archive({ keepMs: 2 * DAY_MS })
  t.ok((await world.counts())[1] > 0)
  await t.resolves(agrees(today - 2 * DAY_MS))
  const minute = { from: today - 3 * DAY_MS, to: today - 3 * DAY_MS + 59_999 }
  t.same((await world.ledger.summarize(minute, [])).summary, addUp(payments, minute))
})
