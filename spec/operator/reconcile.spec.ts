import { randomUUID } from 'node:crypto'
import t from 'tap'
import { UsageError } from '../../src/operator/failures.ts'
import { readReconcileOptions } from '../../src/operator/reconcile-command.ts'
import { serve } from '../support/collector.ts'
import { START, startOperatorBooks } from '../support/operator-books.ts'
import { startPostgres } from '../support/postgres.ts'

const postgres = await startPostgres(t)

t.test('equal books are reported equal', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  for (let n = 0; n < 20; n += 1) await world.pay({ requestedAt: START + n * 700 })
  await world.pay({ processor: 'fallback', requestedAt: START })

  const { code, said } = await world.reconcile([])

  t.equal(code, 0)
  t.match(said, 'default: equal; Pit 20 payments of 398.00')
  t.match(said, 'fallback: equal; Pit 1 payment of 19.90')
})

t.test('a payment that the processor does not have is named', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  for (let n = 0; n < 50; n += 1) await world.pay({ requestedAt: START + n * 311 })
  const id = await world.settleInPit({ requestedAt: START + 7_777 })

  const { code, said } = await world.reconcile([])

  t.equal(code, 1)
  t.match(said, 'default: Pit has +1 payment, +19.90')
  t.match(said, `${id}: Pit has 19.90 settled at default requested 2026-03-01T10:00:07.777Z`)
  t.match(said, 'the processor does not know it')
  t.match(said, 'fallback: equal')
})

t.test('a payment that the processor has and Pit has open is named', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  const now = Date.now()
  for (let n = 0; n < 10; n += 1) await world.pay({ processor: 'fallback', requestedAt: now + n })
  const id = await world.acceptInPit()
  await world.charge({ processor: 'fallback', correlationId: id, requestedAt: now + 4 })

  const { code, said } = await world.reconcile([])

  t.equal(code, 1)
  t.match(said, 'fallback: Pit has -1 payment, -19.90')
  t.match(said, `${id}: Pit has 19.90 open, the processor has 19.90 requested`)
})

t.test('a payment that Pit never accepted is found as one that Pit does not know', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  await world.pay({ requestedAt: START })
  await world.charge({ correlationId: randomUUID(), requestedAt: START + 3 })

  const { code, said } = await world.reconcile([])

  t.equal(code, 1)
  t.match(said, '2026-03-01T10:00:00.003Z: Pit has -1 payment, -19.90')
  t.match(said, 'no settled payment accounts for it')
})

t.test('a payment settled at the wrong processor is named at both', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  const id = await world.settleInPit({ requestedAt: Date.now() })
  await world.charge({ processor: 'fallback', correlationId: id, requestedAt: Date.now() - 5 })

  const { said } = await world.reconcile([])

  t.equal(said.split(id).length - 1, 2, said)
})

t.test('a running total that is not the sum of its payments is found', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  for (let n = 0; n < 10; n += 1) await world.pay({ requestedAt: START + n * 100 })
  await world.sql('UPDATE settled_totals SET cents = cents + 1, payments = payments')

  const { code, said } = await world.reconcile([])

  t.equal(code, 1)
  t.match(said, 'a running total is wrong')
})

t.test('a window is compared up to its exact edges', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  await world.pay({ requestedAt: START })
  await world.settleInPit({ requestedAt: START + 1 })

  const at = (ms: number): string => new Date(START + ms).toISOString()

  t.equal((await world.reconcile(['--from', at(0), '--to', at(0)])).code, 0)
  t.equal((await world.reconcile(['--from', at(0), '--to', at(1)])).code, 1)
  t.equal((await world.reconcile(['--from', at(1), '--to', at(1)])).code, 1)
  t.equal((await world.reconcile(['--from', at(2)])).code, 0)
})

t.test('reconcile exits with 3 when books cannot be read', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  const nobody = 'http://127.0.0.1:1'

  t.equal((await world.reconcile([], { token: 'wrong' })).code, 3)
  t.equal((await world.reconcile(['--url', nobody])).code, 3)
  t.equal(
    (await world.reconcile([], { processors: { default: nobody, fallback: nobody } })).code,
    3,
  )
  const noDatabase = { databaseUrl: 'postgresql://nobody@127.0.0.1:1/none' }
  t.equal((await world.reconcile([], noDatabase)).code, 3)
})

t.test('reconcile exits with 3 when an answer is not a summary', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  const totals = [
    { totalRequests: 1 },
    { totalRequests: -1, totalAmount: 1 },
    { totalRequests: 1.5, totalAmount: 1 },
    { totalRequests: 1, totalAmount: 1e300 },
    { totalRequests: '1', totalAmount: 1 },
  ]

  for (const total of totals) {
    const body = JSON.stringify({ default: total, fallback: total })
    const url = await serve(t, async () => ({ status: 200, body }))
    const { code, said } = await world.reconcile(['--url', url])
    t.equal(code, 3, body)
    t.match(said, 'its answer is not a summary')
  }
})

t.test('reconcile exits with 2 when an option is missing or wrong', async (t) => {
  const world = await startOperatorBooks(t, postgres)

  t.equal((await world.reconcile([], { token: undefined })).code, 2)
  t.equal((await world.reconcile([], { databaseUrl: undefined })).code, 2)
  for (const wrong of [
    '--from=2026-01-01',
    '--from=2026-02-30T00:00:00Z',
    '--to=x',
    '--nosuch',
    '--url=ftp://a',
  ]) {
    t.throws(() => readReconcileOptions([wrong]), UsageError, wrong)
  }
  const backwards = ['--from=2026-01-02T00:00:00Z', '--to=2026-01-01T00:00:00Z']
  t.throws(() => readReconcileOptions(backwards), UsageError)
})
