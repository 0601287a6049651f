// Rows, totals and processors: what happens to one of the three is found and named.

import { randomUUID } from 'node:crypto'
import t from 'tap'
import { START, startOperatorBooks } from '../support/operator-books.ts'
import { startPostgres } from '../support/postgres.ts'

const postgres = await startPostgres(t)

const HOUR_MS = 3_600_000
const MODES = [[], ['--sums']] as const

t.test('a settled row that was deleted is found, though totals and processors agree', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  for (let n = 0; n < 10; n += 1) await world.pay({ requestedAt: START + n * 10 })
  const id = await world.pay({ requestedAt: START + 500 })
  await world.sql(`DELETE FROM payments WHERE correlation_id = '${id}'`)

  for (const mode of MODES) {
    const { code, said } = await world.reconcile([...mode])

    t.equal(code, 1)
    t.match(said, 'rows 10 payments of 199.00, totals 11 payments of 218.90')
    t.match(said, 'processor 11 payments of 218.90: a row was deleted or altered')
    t.match(said, 'default 2026-03-01T10:00:00.500Z: Pit has -1 payment, -19.90')
    t.match(said, 'its row was deleted')
    t.match(said, 'rows and totals: 1 bucket differs')
  }
})

t.test('a settled row whose amount was altered is named', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  await world.pay({ requestedAt: START })
  const id = await world.pay({ requestedAt: START + 500 })
  await world.sql(`UPDATE payments SET amount_cents = 2090 WHERE correlation_id = '${id}'`)

  for (const mode of MODES) {
    const { code, said } = await world.reconcile([...mode])

    t.equal(code, 1)
    t.match(said, `${id}: Pit has 20.90 settled at default requested 2026-03-01T10:00:00.500Z`)
    t.match(said, 'the processor has 19.90 requested 2026-03-01T10:00:00.500Z')
    t.match(said, 'a row was altered')
  }
})

t.test('a settled row that was added by hand is named', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  await world.pay({ requestedAt: START })
  const id = randomUUID()
  await world.sql(
    `INSERT INTO payments (correlation_id, amount_cents, state, processor, requested_at_ms)
    VALUES ('${id}', 1990, 1, 1, ${START + 3})`,
  )

  for (const mode of MODES) {
    const { code, said } = await world.reconcile([...mode])

    t.equal(code, 1)
    t.match(said, `${id}: Pit has 19.90 settled`)
    t.match(said, 'the processor does not know it')
    t.match(said, 'a row was added or altered')
  }
})

t.test('a settled row that was put back to open or rejected is named', async (t) => {
  for (const [state, word] of [
    [0, 'open'],
    [2, 'rejected'],
  ] as const) {
    const world = await startOperatorBooks(t, postgres)
    const id = await world.pay({ requestedAt: Date.now() })
    await world.pay({ requestedAt: Date.now() })
    await world.sql(
      `UPDATE payments SET state = ${state}, processor = NULL, requested_at_ms = NULL
      WHERE correlation_id = '${id}'`,
    )

    const { code, said } = await world.reconcile([])

    t.equal(code, 1)
    t.match(said, `${id}: Pit has 19.90 ${word}, the processor has 19.90`)
  }
})

t.test('a payment that both have at one instant with different amounts is named', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  await world.pay({ requestedAt: START })
  const correlationId = await world.settleInPit({ requestedAt: START })
  await world.charge({ correlationId, requestedAt: START, amountCents: 1_800 })

  for (const mode of MODES) {
    const { code, said } = await world.reconcile([...mode])

    t.equal(code, 1)
    t.match(said, 'rows and totals: equal')
    t.match(said, `${correlationId}: Pit has 19.90 settled at default`)
    t.match(said, 'the processor has 18.00 requested 2026-03-01T10:00:00.000Z')
    t.match(said, 'default: Pit has +0 payments, +1.90')
  }
})

t.test('a payment that both have with different instants is named', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  await world.pay({ requestedAt: START })
  const correlationId = await world.settleInPit({ requestedAt: START + 20 })
  await world.charge({ correlationId, requestedAt: START + 2 * HOUR_MS })

  for (const mode of MODES) {
    const { code, said } = await world.reconcile([...mode])

    t.equal(code, 1)
    t.match(said, `${correlationId}: Pit has 19.90 settled at default requested`)
    t.match(said, 'the processor has 19.90 requested 2026-03-01T12:00:00.000Z')
    t.match(said, 'default: different, though the sums are equal')
  }
  const once = (await world.reconcile([])).said
  t.equal(once.split(correlationId).length - 1, 1, 'what a look-up explains is said once')
})

t.test('a payment settled at the other processor at the same instant is not named', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  const missing = await world.settleInPit({ requestedAt: START })
  const fine = await world.pay({ processor: 'fallback', requestedAt: START })
  await world.charge({ correlationId: randomUUID(), requestedAt: START, amountCents: 2_500 })

  for (const mode of MODES) {
    const { code, said } = await world.reconcile([...mode])

    t.equal(code, 1)
    t.match(said, missing)
    t.notMatch(said, fine)
  }
})

t.test('payments that cancel out in all sums are found by look-ups', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  const [first, second] = [START + 10, START + 20]
  await world.pay({ requestedAt: START })
  const other = await world.settleInPit({ requestedAt: first })
  await world.charge({ correlationId: randomUUID(), requestedAt: first })
  const dear = await world.settleInPit({ requestedAt: second, amountCents: 3_000 })
  const cheap = await world.settleInPit({ requestedAt: second, amountCents: 1_000 })
  await world.charge({ correlationId: dear, requestedAt: second, amountCents: 1_000 })
  await world.charge({ correlationId: cheap, requestedAt: second, amountCents: 3_000 })

  const sums = await world.reconcile(['--sums'])
  const full = await world.reconcile([])

  t.equal(sums.code, 0)
  t.match(sums.said, 'not looked at: 4 payments one by one')
  t.equal(full.code, 1)
  t.notMatch(full.said, 'not looked at')
  for (const id of [other, dear, cheap]) t.match(full.said, id)
  t.match(full.said, '2026-03-01T10:00:00.010Z: Pit has -1 payment, -19.90')
  t.match(full.said, 'default: different, though the sums are equal')
})

t.test('a wrong total is found in each width of bucket', async (t) => {
  for (const [level, width] of ['second', 'minute', 'hour', 'day'].entries()) {
    const world = await startOperatorBooks(t, postgres)
    await world.pay({ requestedAt: START + 90 * 60_000 })
    await world.sql(`UPDATE settled_totals SET payments = payments + 1 WHERE level = ${level}`)

    const { code, said } = await world.reconcile(['--from', '2026-03-01T11:30:00Z'])

    t.equal(code, 1)
    t.match(said, new RegExp(`, ${width}: .* 1 payment .* a running total is wrong`))
    t.match(said, 'default: equal')
  }
})

t.test('a bucket of totals without any row is found', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  await world.pay({ requestedAt: START })
  await world.sql(
    `INSERT INTO settled_totals (level, bucket_ms, processor, shard, payments, cents)
    VALUES (0, ${START + 5 * HOUR_MS}, 2, 0, 1, 500)`,
  )

  const { code, said } = await world.reconcile([])

  t.equal(code, 1)
  t.match(said, 'fallback 2026-03-01T15:00:00.000Z, second: rows 0 payments of 0.00')
})

t.test('an instant that no processor can be asked about is named', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  await world.pay({ requestedAt: START })
  const ids = [await world.pay({ requestedAt: START }), await world.pay({ requestedAt: START })]
  await world.sql(`UPDATE payments SET requested_at_ms = -5 WHERE correlation_id = '${ids[0]}'`)
  await world.sql(
    `UPDATE payments SET requested_at_ms = 9223372036854775807 WHERE correlation_id = '${ids[1]}'`,
  )

  const { code, said } = await world.reconcile([])

  t.equal(code, 1)
  for (const id of ids) t.match(said, `${id}: Pit has 19.90 settled at default`)
})

t.test('what a processor alone has in an hour without rows is found', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  await world.pay({ requestedAt: START })
  await world.pay({ requestedAt: START + 9 * HOUR_MS })
  await world.charge({ correlationId: randomUUID(), requestedAt: START + 4 * HOUR_MS + 7 })
  await world.charge({ correlationId: randomUUID(), requestedAt: START + 20 * HOUR_MS })

  const { code, said } = await world.reconcile(['--sums'])

  t.equal(code, 1)
  t.match(said, '2026-03-01T14:00:00.007Z: Pit has -1 payment')
  t.match(said, '2026-03-02T06:00:00.000Z: Pit has -1 payment')
  t.match(said, 'default: Pit has -2 payments, -39.80; Pit 2 payments of 39.80')
})
