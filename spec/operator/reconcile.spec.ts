import { randomUUID } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type { Ledger } from '../../src/actors/model/ports.ts'
import { createPostgresLedger } from '../../src/infra/postgres/ledger.ts'
import { BooksUnreachable, UsageError, exitCodeOf } from '../../src/operator/failures.ts'
import { findDifferingSpans } from '../../src/operator/comparison.ts'
import { readReconcileOptions, runReconcile } from '../../src/operator/reconcile-command.ts'
import { startSimulator, type Simulator } from '../../src/simulator/simulator.ts'
import { serve } from '../support/collector.ts'
import { LEDGER, runSql, startPostgres } from '../support/postgres.ts'

const START = Date.parse('2026-03-01T10:00:00.000Z')
const TOKEN = '123'

const postgres = await startPostgres(t)

t.test('equal books are reported equal', async (t) => {
  const world = await startBooks(t)
  for (let n = 0; n < 20; n += 1) await world.pay('default', START + n * 700)
  await world.pay('fallback', START)

  const { code, said } = await world.reconcile([])

  t.equal(code, 0)
  t.match(said, 'default: equal; Pit 20 payments of 398.00')
  t.match(said, 'fallback: equal; Pit 1 payments of 19.90')
})

t.test('a payment that the processor does not have is named', async (t) => {
  const world = await startBooks(t)
  for (let n = 0; n < 50; n += 1) await world.pay('default', START + n * 311)
  const id = await world.settleInPit('default', START + 7_777)

  const { code, said } = await world.reconcile([])

  t.equal(code, 1)
  t.match(said, 'default: Pit has +1 payments, +19.90')
  t.match(said, '2026-03-01T10:00:07.777Z: Pit has +1 payments')
  t.match(said, `${id}: Pit has 19.90 settled at default`)
  t.match(said, 'the processor does not know it')
  t.match(said, 'fallback: equal')
})

t.test('a payment that the processor has and Pit has open is named', async (t) => {
  const world = await startBooks(t)
  const now = Date.now()
  for (let n = 0; n < 10; n += 1) await world.pay('fallback', now + n)
  const id = await world.acceptInPit()
  await world.charge('fallback', id, now + 4)

  const { code, said } = await world.reconcile([])

  t.equal(code, 1)
  t.match(said, 'fallback: Pit has -1 payments, -19.90')
  t.match(said, `${id}: Pit has 19.90 open, the processor has 19.90 requested`)
})

t.test('a payment that Pit never accepted is found as one that Pit does not know', async (t) => {
  const world = await startBooks(t)
  await world.pay('default', START)
  await world.charge('default', randomUUID(), START + 3)

  const { code, said } = await world.reconcile([])

  t.equal(code, 1)
  t.match(said, '2026-03-01T10:00:00.003Z: Pit has -1 payments, -19.90')
  t.match(said, 'no payment that Pit knows accounts for it')
})

t.test('a payment settled at the wrong processor is named at both', async (t) => {
  const world = await startBooks(t)
  const id = await world.settleInPit('default', Date.now())
  await world.charge('fallback', id, Date.now() - 5)

  const { said } = await world.reconcile([])

  t.equal(said.split(id).length - 1, 2, said)
})

t.test('a running total that is not the sum of its payments is found', async (t) => {
  const world = await startBooks(t)
  for (let n = 0; n < 10; n += 1) await world.pay('default', START + n * 100)
  await runSql(
    world.databaseUrl,
    'UPDATE settled_totals SET cents = cents + 1, payments = payments',
  )

  const { code, said } = await world.reconcile([])

  t.equal(code, 1)
  t.match(said, 'a running total is wrong')
})

t.test('a window is compared up to its exact edges', async (t) => {
  const world = await startBooks(t)
  await world.pay('default', START)
  await world.settleInPit('default', START + 1)

  const at = (ms: number): string => new Date(START + ms).toISOString()

  t.equal((await world.reconcile(['--from', at(0), '--to', at(0)])).code, 0)
  t.equal((await world.reconcile(['--from', at(0), '--to', at(1)])).code, 1)
  t.equal((await world.reconcile(['--from', at(1), '--to', at(1)])).code, 1)
  t.equal((await world.reconcile(['--from', at(2)])).code, 0)
})

t.test('reconcile exits with 3 when books cannot be read', async (t) => {
  const world = await startBooks(t)
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
  const world = await startBooks(t)
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
  const world = await startBooks(t)

  t.equal((await world.reconcile([], { token: undefined })).code, 2)
  t.equal((await world.reconcile([], { databaseUrl: undefined })).code, 2)
  for (const wrong of ['--from=2026-01-01', '--to=x', '--nosuch', '--url=ftp://a']) {
    t.throws(() => readReconcileOptions([wrong], START), UsageError, wrong)
  }
  const backwards = ['--from=2026-01-02T00:00:00Z', '--to=2026-01-01T00:00:00Z']
  t.throws(() => readReconcileOptions(backwards, START), UsageError)
})

t.test('a difference is found to the millisecond in some forty comparisons', async (t) => {
  const wrong = [START + 5, START + 86_000_000]
  let asked = 0
  const compare = async ({ from, to }: { from: number; to: number }) => {
    asked += 1
    const inside = wrong.filter((instant) => instant >= from && instant <= to).length
    return { payments: inside, cents: inside * 100 }
  }

  const found = await findDifferingSpans({ from: START, to: START + 86_400_000 }, compare)

  t.strictSame(
    found.map(({ span }) => span.from),
    wrong,
  )
  t.ok(asked < 120, `${asked} comparisons`)
})

interface Books {
  readonly databaseUrl: string
  /** Settles a payment on both sides. */
  pay(processor: ProcessorName, requestedAt: number): Promise<void>
  charge(processor: ProcessorName, correlationId: string, requestedAt: number): Promise<void>
  /** Each gives the id of a payment of 19.90 that is in Pit's tables only. */
  settleInPit(processor: ProcessorName, requestedAt: number): Promise<string>
  acceptInPit(): Promise<string>
  reconcile(
    args: readonly string[],
    places?: Partial<Parameters<typeof runReconcile>[1]>,
  ): Promise<{ code: number; said: string }>
}

async function startBooks(t: Test): Promise<Books> {
  const databaseUrl = await postgres.freshDatabase()
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString: databaseUrl })
  const simulators = {
    default: await startSimulator({ port: 0, feeRate: 0.05 }),
    fallback: await startSimulator({ port: 0, feeRate: 0.15 }),
  }
  t.teardown(async () => {
    await Promise.all([ledger.close(), simulators.default.close(), simulators.fallback.close()])
  })
  const { leaseId } = await ledger.acquireLease({ instanceId: 'spec', ttlMs: 60_000 })
  const settleInPit: Books['settleInPit'] = async (processor, requestedAt) => {
    const correlationId = await accept(ledger, leaseId)
    const settled = { kind: 'settled', correlationId, processor, requestedAt } as const
    const outcome = { ...settled, amountCents: 1_990, fencingToken: 0, purges: 0, attempts: [] }
    await ledger.record([outcome], { leaseId })
    return correlationId
  }
  const charge: Books['charge'] = (processor, id, requestedAt) =>
    sendCharge(simulators[processor], id, requestedAt)
  return {
    databaseUrl,
    settleInPit,
    charge,
    pay: async (processor, requestedAt) =>
      charge(processor, await settleInPit(processor, requestedAt), requestedAt),
    acceptInPit: () => accept(ledger, leaseId),
    reconcile: async (args, places) => {
      let said = ''
      const write = (text: string): void => {
        said += text
      }
      const tool = async (): Promise<number> => {
        const options = readReconcileOptions(args, Date.now())
        if (options === undefined) return 0
        const processors = { default: simulators.default.url, fallback: simulators.fallback.url }
        return await runReconcile(
          options,
          { databaseUrl, processors, token: TOKEN, ...places },
          write,
        )
      }
      return { code: await exitCodeOf(tool, write), said }
    },
  }
}

async function accept(ledger: Ledger, leaseId: number): Promise<string> {
  const correlationId = randomUUID()
  await ledger.accept([{ correlationId, amountCents: 1_990 }], { leaseId, parked: false })
  return correlationId
}

async function sendCharge(
  simulator: Simulator,
  correlationId: string,
  requestedAt: number,
): Promise<void> {
  const answer = await fetch(`${simulator.url}/payments`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      correlationId,
      amount: 19.9,
      requestedAt: new Date(requestedAt).toISOString(),
    }),
  })
  await answer.text()
  if (!answer.ok) throw new BooksUnreachable('the simulator', `it answered ${answer.status}`)
}
