// What an operator orders about many payments: a row in the table of commands, then batch by batch the
// payments, each due after the one before it, so that instances claim them as they have capacity.

import type { PacedKind } from '../actors/model/operator.ts'
import type { PostgresPool } from '../infra/postgres/pool.ts'
import { EXIT_DIFFERENT, EXIT_FINE } from './failures.ts'
import { noteCommand, type Batch, type BatchResult, type Given } from './noted-command.ts'
import { lookUpBatch } from './parked-doubts.ts'
import { redriveBatch } from './redrive.ts'

/** Payments of one command: those that it did nothing to are named. */
export const PAYMENTS_MAX = 100_000

/** Payments that become due in a second when nothing else is said. */
export const PER_SECOND = 100

export interface PacedOrder {
  readonly kind: PacedKind
  /** Which payments, as a person would say it. */
  readonly about: string
  /** The same, in the order in which they become due; none twice, `PAYMENTS_MAX` at most. */
  readonly ids: readonly string[]
  readonly reason: string | undefined
  readonly perSecond: number
  /** Undefined: whoever has the role of the database. */
  readonly given?: Given
}

/** Notes the order in the table of commands; its id there. Rejects with `BooksUnreachable`. */
export async function giveOrder(pool: PostgresPool, order: PacedOrder): Promise<number> {
  const { kind, about, ids, reason, perSecond, given } = order
  const payload = { about, payments: ids.length, perSecond }
  return await noteCommand(pool, { kind, payload, reason, given })
}

/** Payments of one transaction. */
const BATCH_MAX = 500

/**
 * Carries out what was noted as `command`, and tells of each batch. How many it was done to. Rejects
 * with `BooksUnreachable`: then the row in the table says how far it has come.
 */
export async function carryOut(
  pool: PostgresPool,
  { command, kind, ids, perSecond }: PacedOrder & { readonly command: number },
  tell: (results: readonly BatchResult[]) => void = () => undefined,
): Promise<number> {
  const intervalMs = 1_000 / perSecond
  let done = 0
  for (let at = 0; at < ids.length; at += BATCH_MAX) {
    const batch = { command, ids: ids.slice(at, at + BATCH_MAX), delayMs: at * intervalMs }
    const results = await STEPS[kind](pool, { ...batch, intervalMs })
    done += results.filter(({ isDone }) => isDone).length
    tell(results)
  }
  return done
}

const STEPS: Readonly<
  Record<PacedKind, (pool: PostgresPool, batch: Batch) => Promise<readonly BatchResult[]>>
> = { lookUp: lookUpBatch, redrive: redriveBatch }

/** As a command line does: with what became of payments. The exit code. */
export async function runOrder(
  order: PacedOrder,
  { pool, write }: { readonly pool: PostgresPool; readonly write: (text: string) => void },
): Promise<number> {
  const { kind, ids, perSecond } = order
  const payments = ids.length
  if (payments === 0) return EXIT_FINE
  const command = await giveOrder(pool, order)
  let handled = 0
  const done = await carryOut(pool, { ...order, command }, (results) => {
    for (const { correlationId, isDone, words } of results) {
      if (!isDone || payments === 1) write(`${correlationId} ${words}\n`)
    }
    handled += results.length
    if (payments > BATCH_MAX) write(`${handled} of ${payments} handled so far\n`)
  })
  if (payments > 1) {
    const last = Math.ceil(((payments - 1) * 1_000) / perSecond / 1_000)
    const what = kind === 'lookUp' ? 'due' : 'redriven, due'
    write(`${done} of ${payments} payments ${what} within ${last} s\n`)
  }
  return done === payments ? EXIT_FINE : EXIT_DIFFERENT
}
