// `pit reconcile --take-back`: payments that processors have and the ledger has lost, by a list of ids
// that others kept, into the books as settled.

import { readFile } from 'node:fs/promises'
import type { ProcessorName } from '../actors/model/payment.ts'
import type { PostgresPool } from '../infra/postgres/pool.ts'
import { BOOLEAN, INTEGER, TEXT, type Query } from '../infra/postgres/rows.ts'
import {
  ALL_PAYMENTS,
  PROCESSOR_NUMBER,
  addToTotals,
  arrayOf,
  isKnown,
} from '../infra/postgres/sql.ts'
import { JOINED_MS } from '../infra/postgres/summaries.ts'
import type { AskedProcessor } from './asked-processor.ts'
import { counted, printCents, printInstant, readPaymentId } from './command-line.ts'
import { EXIT_DIFFERENT, EXIT_FINE, UsageError } from './failures.ts'
import { ask } from './pit-books.ts'

export interface TakeBackTool {
  readonly tables: PostgresPool
  readonly processors: Readonly<Record<ProcessorName, AskedProcessor>>
  readonly write: (text: string) => void
  /** Asks whoever sits at the terminal; undefined: nobody does. */
  readonly confirm: ((question: string) => Promise<boolean>) | undefined
  /** Epoch ms. */
  readonly now: number
  /** The longest that a charge may be in flight, ms. */
  readonly inFlightMs: number
}

interface Lost {
  readonly correlationId: string
  readonly processor: ProcessorName
  readonly requestedAt: number
  readonly amountCents: number
}

/** As long as any settle-by deadline that can be set, ms: a younger charge may be in flight. */
export const IN_FLIGHT_MAX_MS = 1_260_000

/** Ids of one run, and of one transaction. */
const IDS_MAX = 1_000_000
const BATCH_MAX = 500

/** One id a line; empty lines are passed over. Throws `UsageError`. */
export async function readIds(path: string): Promise<readonly string[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new UsageError(`--take-back cannot read ${path}`, { cause })
  })
  const lines = text.split(/\r?\n/).map((line) => line.trim())
  const ids = lines.filter((line) => line !== '').map((id) => readPaymentId('--take-back', id))
  if (ids.length > IDS_MAX) throw new UsageError(`--take-back takes ${IDS_MAX} ids at most`)
  return [...new Set(ids)]
}

/**
 * Books those of the payments that Pit does not know and exactly one processor has, none of which is
 * so young that it may be in flight, or may be in the totals already. The exit code. Rejects with
 * `UsageError` or `BooksUnreachable`.
 */
export async function takeBack(
  ids: readonly string[],
  { isConfirmed, ...tool }: TakeBackTool & { readonly isConfirmed: boolean },
): Promise<number> {
  const { tables, write, confirm } = tool
  const unknown: string[] = []
  for (const batch of batchesOf(ids)) {
    const rows = await ask(tables.run(FIND_UNKNOWN, [arrayOf(batch, (id) => id)]))
    unknown.push(...rows.map((row) => row.correlation_id))
  }
  const lost = await findLost(unknown, tool)
  const cents = lost.payments.reduce((sum, { amountCents }) => sum + BigInt(amountCents), 0n)
  write(`${counted(ids.length, 'id')}: Pit knows ${ids.length - unknown.length + lost.archived}\n`)
  for (const id of lost.unrecorded)
    write(`${id} is in no book: whoever has its amount posts it again\n`)
  write(`${counted(lost.payments.length, 'payment')} lost, ${printCents(cents)} in all\n`)
  const code = lost.left === 0 ? EXIT_FINE : EXIT_DIFFERENT
  if (lost.payments.length === 0) return code
  if (!isConfirmed) {
    if (confirm === undefined)
      throw new UsageError('there is no terminal to ask at: --yes confirms')
    if (!(await confirm(`book ${counted(lost.payments.length, 'payment')} as settled?`))) {
      write('nothing was changed\n')
      return EXIT_DIFFERENT
    }
  }
  let taken = 0
  for (const batch of batchesOf(lost.payments)) taken += await book(tables, batch)
  write(`${taken} of ${counted(lost.payments.length, 'payment')} taken back\n`)
  return code
}

/**
 * What one processor alone has, what none has, how many the archive has all the same, and how many
 * were named since nobody can book them.
 */
async function findLost(
  ids: readonly string[],
  { tables, processors, write, now, inFlightMs }: TakeBackTool,
): Promise<{
  readonly payments: readonly Lost[]
  readonly unrecorded: readonly string[]
  readonly archived: number
  readonly left: number
}> {
  const found = new Map<string, Lost[]>()
  const unclear = new Map<string, string>()
  const asked = ids.map((correlationId) => ({ correlationId }))
  for (const processor of [processors.default, processors.fallback]) {
    await processor.findAll(asked, ({ correlationId }, recorded) => {
      if (recorded === undefined) return
      const { requestedAt, amountCents } = recorded
      if (amountCents === undefined) unclear.set(correlationId, 'has fractions of a cent')
      else if (requestedAt > now - inFlightMs) {
        unclear.set(correlationId, `was requested ${printInstant(requestedAt)}: try again later`)
      }
      const payment = { correlationId, processor: processor.name, requestedAt }
      const all = found.get(correlationId) ?? []
      found.set(correlationId, [...all, { ...payment, amountCents: amountCents ?? 0 }])
      if (all.length > 0) unclear.set(correlationId, 'is recorded at both processors')
    })
  }
  const clear = [...found].flatMap(([id, payments]) => (unclear.has(id) ? [] : payments))
  const archived = new Set<string>()
  for (const batch of batchesOf(clear)) {
    const rows = await ask(tables.run(FIND_BOOKED, columnsOf(batch)))
    for (const { correlation_id: id, at, archived: isArchived } of rows) {
      if (isArchived) archived.add(id)
      else unclear.set(id, `was requested ${printInstant(at)}, ${MAY_BE_COUNTED}`)
    }
  }
  for (const [id, why] of unclear) write(`${id} ${why}; it is left alone\n`)
  return {
    payments: clear.filter(({ correlationId: id }) => !unclear.has(id) && !archived.has(id)),
    unrecorded: ids.filter((id) => !found.has(id) && !unclear.has(id)),
    archived: archived.size,
    left: unclear.size,
  }
}

const MAY_BE_COUNTED =
  'where the totals count payments that no row is left of, as of a dropped day: it may be one of them'

/** In one transaction; how many were not there. */
async function book(tables: PostgresPool, batch: readonly Lost[]): Promise<number> {
  return (await ask(tables.run(BOOK, columnsOf(batch)))).length
}

function columnsOf(batch: readonly Lost[]): readonly string[] {
  return [
    arrayOf(batch, ({ correlationId }) => correlationId),
    arrayOf(batch, ({ amountCents }) => amountCents),
    arrayOf(batch, ({ processor }) => PROCESSOR_NUMBER[processor]),
    arrayOf(batch, ({ requestedAt }) => requestedAt),
  ]
}

function* batchesOf<Item>(items: readonly Item[]): Generator<readonly Item[]> {
  for (let at = 0; at < items.length; at += BATCH_MAX) yield items.slice(at, at + BATCH_MAX)
}

const FIND_UNKNOWN = {
  name: 'findUnknown',
  effect: 'reads',
  columns: { correlation_id: TEXT },
  text: `
  SELECT item.id::text AS correlation_id FROM unnest($1::uuid[]) AS item (id)
  WHERE NOT EXISTS (SELECT FROM payments p WHERE p.correlation_id = item.id)
    AND NOT ${isKnown('item.id')}`,
} satisfies Query

// What is settled is counted in the totals for ever, and its row, or its id, may be dropped. Where the
// totals of ten seconds, which is what they can tell apart, count no more than there are rows, each
// that they count has its row, and the payment is none of those. One whose id alone is gone, as with
// a partition that was detached by hand, is found by its instant.
const FIND_BOOKED = {
  name: 'findBooked',
  effect: 'reads',
  columns: { correlation_id: TEXT, at: INTEGER, archived: BOOLEAN },
  text: `
  WITH item AS MATERIALIZED (
    SELECT id, processor, at, at - at % ${JOINED_MS} AS begin, EXISTS (
      SELECT FROM archived_payments a WHERE a.requested_at_ms = at AND a.correlation_id = id
    ) AS archived
    FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::bigint[])
      AS item (id, cents, processor, at)
  ), span AS MATERIALIZED (
    SELECT processor, begin, begin + ${JOINED_MS} AS until FROM item GROUP BY processor, begin
  ), dropped AS MATERIALIZED (
    SELECT processor, begin FROM span s
    WHERE (
      SELECT sum(t.payments) FROM settled_totals t
      WHERE t.level = 0 AND t.processor = s.processor
        AND t.bucket_ms >= s.begin AND t.bucket_ms < s.until
    ) > (
      SELECT count(*) FROM ${ALL_PAYMENTS} p
      WHERE p.state = 1 AND p.processor = s.processor
        AND p.requested_at_ms >= s.begin AND p.requested_at_ms < s.until
    )
  )
  SELECT id::text AS correlation_id, at, archived FROM item
  WHERE archived OR (processor, begin) IN (SELECT processor, begin FROM dropped)`,
} satisfies Query

// In the order of the ids, as instances write them: nobody waits in a circle. One that is known by
// now, as by its client's posting it again, stays as it is and is not counted.
const BOOK = {
  name: 'takeBack',
  effect: 'writes',
  columns: { correlation_id: TEXT },
  text: `
  WITH booked AS (
    INSERT INTO payments
      (correlation_id, amount_cents, state, processor, requested_at_ms, accepted_at)
    SELECT id, cents, 1, processor, at, to_timestamp(at / 1000.0)
    FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::bigint[])
      AS item (id, cents, processor, at)
    WHERE NOT ${isKnown('item.id')}
    ORDER BY id
    ON CONFLICT (correlation_id) DO NOTHING
    RETURNING correlation_id, state, processor, requested_at_ms, amount_cents
  ), counted AS (
    ${addToTotals('booked', '0::smallint')}
  )
  SELECT correlation_id::text FROM booked`,
} satisfies Query
