// Pit's tables and two processors for the specs of `pit reconcile`: settled payments on both sides,
// and whatever a spec then does to one of them.

import { randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type { Ledger } from '../../src/actors/model/ports.ts'
import { createPostgresLedger } from '../../src/infra/postgres/ledger.ts'
import { exitCodeOf } from '../../src/operator/failures.ts'
import { readReconcileOptions, runReconcile } from '../../src/operator/reconcile-command.ts'
import { startSimulator, type Simulator } from '../../src/simulator/simulator.ts'
import { serve } from './collector.ts'
import { LEDGER, runSql, type SpecPostgres } from './postgres.ts'

/** On the hour. */
export const START = Date.parse('2026-03-01T10:00:00.000Z')
export const TOKEN = '123'

export interface Settlement {
  readonly processor?: ProcessorName
  readonly requestedAt: number
  readonly amountCents?: number
}

export interface OperatorBooks {
  readonly databaseUrl: string
  readonly simulators: Readonly<Record<ProcessorName, Simulator>>
  /** Settles a payment on both sides, and gives its id; `default` and 19.90 if not said. */
  pay(settlement: Settlement): Promise<string>
  /** Has the processor alone record one. */
  charge(settlement: Settlement & { readonly correlationId: string }): Promise<void>
  /** Each gives the id of a payment that is in Pit's tables only. */
  settleInPit(settlement: Settlement): Promise<string>
  acceptInPit(): Promise<string>
  sql(text: string, values?: readonly (string | number)[]): Promise<unknown>
  reconcile(
    args: readonly string[],
    places?: Partial<Parameters<typeof runReconcile>[1]>,
    confirm?: Confirm,
  ): Promise<{ code: number; said: string; progress: readonly string[] }>
}

/** Who sits at the terminal; undefined: nobody does. */
type Confirm = Parameters<typeof runReconcile>[2]['confirm']

export async function startOperatorBooks(t: Test, postgres: SpecPostgres): Promise<OperatorBooks> {
  const databaseUrl = await postgres.freshDatabase()
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString: databaseUrl })
  const simulators = {
    default: await startSimulator({ port: 0, feeRate: 0.05 }),
    fallback: await startSimulator({ port: 0, feeRate: 0.15 }),
  }
  t.teardown(async () => {
    await Promise.all([ledger.close(), simulators.default.close(), simulators.fallback.close()])
  })
  const { leaseId } = await ledger.acquireLease({ instanceId: 'spec', ttlMs: 600_000 })
  const settleInPit: OperatorBooks['settleInPit'] = async (settlement) => {
    const { processor = 'default', requestedAt, amountCents = AMOUNT_CENTS } = settlement
    const correlationId = await accept(ledger, { leaseId, amountCents })
    const settled = { kind: 'settled', correlationId, processor, requestedAt, amountCents } as const
    await ledger.record([{ ...settled, fencingToken: 0, purges: 0, attempts: [] }], { leaseId })
    return correlationId
  }
  const charge: OperatorBooks['charge'] = (settlement) => sendCharge(simulators, settlement)
  return {
    databaseUrl,
    simulators,
    settleInPit,
    charge,
    pay: async (settlement) => {
      const correlationId = await settleInPit(settlement)
      await charge({ ...settlement, correlationId })
      return correlationId
    },
    acceptInPit: () => accept(ledger, { leaseId, amountCents: AMOUNT_CENTS }),
    sql: (text, values) => runSql(databaseUrl, text, values),
    reconcile: (args, places, confirm) => {
      const processors = { default: simulators.default.url, fallback: simulators.fallback.url }
      return reconcile(args, { databaseUrl, processors, token: TOKEN, ...places }, confirm)
    },
  }
}

const AMOUNT_CENTS = 1_990

async function reconcile(
  args: readonly string[],
  places: Parameters<typeof runReconcile>[1],
  confirm: Confirm,
): Promise<{ code: number; said: string; progress: readonly string[] }> {
  let said = ''
  const progress: string[] = []
  const write = (text: string): void => {
    said += text
  }
  const output = { write, progress: (line: string) => void progress.push(line), confirm }
  const tool = async (): Promise<number> => {
    const options = readReconcileOptions(args)
    return options === undefined ? 0 : await runReconcile(options, places, output)
  }
  return { code: await exitCodeOf(tool, write), said, progress }
}

async function accept(
  ledger: Ledger,
  { leaseId, amountCents }: { readonly leaseId: number; readonly amountCents: number },
): Promise<string> {
  const correlationId = randomUUID()
  await ledger.accept([{ correlationId, amountCents }], { leaseId, parked: false })
  return correlationId
}

async function sendCharge(
  simulators: OperatorBooks['simulators'],
  settlement: Settlement & { readonly correlationId: string },
): Promise<void> {
  const { correlationId, processor = 'default', requestedAt } = settlement
  const answer = await fetch(`${simulators[processor].url}/payments`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      correlationId,
      amount: (settlement.amountCents ?? AMOUNT_CENTS) / 100,
      requestedAt: new Date(requestedAt).toISOString(),
    }),
  })
  await answer.text()
  if (!answer.ok) throw new Error(`the simulator answered ${answer.status}`)
}

/** What a processor says that a spec has written itself; undefined: 404. */
export interface WrittenBooks {
  /** JSON. */
  total(span: { readonly from: number; readonly to: number }): string
  find(correlationId: string): Promise<string | undefined>
}

/** The URL of a processor that has just books, and refuses a window that ends before it begins. */
export function serveBooks(t: Test, books: WrittenBooks): Promise<string> {
  return serve(t, async ({ url = '/' }) => {
    const { pathname, searchParams } = new URL(url, 'http://processor')
    const instant = (name: string): number => Date.parse(searchParams.get(name) ?? '')
    if (pathname === '/admin/payments-summary') {
      const span = { from: instant('from'), to: instant('to') }
      return span.from > span.to
        ? { status: 400, body: '' }
        : { status: 200, body: books.total(span) }
    }
    const body = await books.find(pathname.split('/').at(-1) ?? '')
    return { status: body === undefined ? 404 : 200, body: body ?? '' }
  })
}
