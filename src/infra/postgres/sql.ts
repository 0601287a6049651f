// Pieces that several statements share.

import type { ProcessorName } from '../../actors/model/payment.ts'

/** PostgreSQL's clock in epoch ms, the same for a whole statement. */
export const NOW_MS = '(extract(epoch FROM now()) * 1000)::bigint'

/**
 * An instant in epoch ms, float8. An infinite one is infinite here, too, and only damages its row: an
 * error in an expression would fail the statement, and with it all other rows, again and again.
 */
export function epochMs(instant: string): string {
  return `(extract(epoch FROM ${instant}) * 1000)::float8`
}

/**
 * The row of the lease $1, after what is selected. An old snapshot keeps each version of it, one a
 * second: backwards the index gives the newest first.
 */
export const OF_LEASE = 'FROM leases WHERE id <= $1 AND id >= $1 ORDER BY id DESC LIMIT 1'

/** All leases as `lease`, for WITH RECURSIVE: from one to the next in the same way. */
export const LEASES = `lease AS (
    (SELECT ${leaseColumns()} FROM leases l ORDER BY l.id DESC LIMIT 1)
    UNION ALL
    SELECT next.* FROM lease CROSS JOIN LATERAL (
      SELECT ${leaseColumns()} FROM leases l WHERE l.id < lease.id ORDER BY l.id DESC LIMIT 1
    ) AS next
  )`

function leaseColumns(): string {
  return 'l.id, l.xmin::text AS version, l.revoked, l.owned_from, l.parked_from, l.ttl_ms, l.instance_id'
}

/**
 * Whether the lease $1 is held; asked once per statement. No clock is asked: from a lease that
 * nobody has revoked nothing was taken.
 */
export const IS_HELD = `SELECT coalesce((SELECT NOT revoked ${OF_LEASE}), false)`

/** The same as one row with one column `held`. */
export const HELD = `held AS MATERIALIZED (${IS_HELD} AS held)`

/**
 * Names the rows that a statement works on, as column `mark`: a dump that is read in writes the newest
 * history anew, or makes the table of payments anew, and either gives another name.
 */
export const MARK = `coalesce((SELECT h.xmin::text || '/' || 'payments'::regclass::oid
    FROM histories h ORDER BY h.generation DESC LIMIT 1), 'none') AS mark`

/**
 * Whether payment `p` is open, where it is looked for by its id. The sum keeps the partial
 * indexes out: while they are small the planner takes one of them for cheaper than the primary key,
 * and goes on scanning it when it has grown.
 */
export const IS_OPEN = '(p.state + 0) = 0'

/**
 * From here on a commit of this transaction, or of this session, is answered once it is on disk,
 * however the server is set: what PostgreSQL forgets of whose a payment is in a crash, two owners
 * may act on. A server that waits for its standbys, too, keeps doing so.
 */
export function commitOnDisk(scope: 'transaction' | 'session'): string {
  return `set_config('synchronous_commit', CASE current_setting('synchronous_commit')
    WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, ${scope === 'transaction'})`
}

/** Whether a payment with the id `id` is archived, or was: the ids of those are kept for longer. */
export function isKnown(id: string): string {
  return `EXISTS (SELECT FROM known_payments k WHERE k.correlation_id = ${id})`
}

/**
 * All payments, those that are archived too: one snapshot has each in one of both tables. Conditions
 * stand outside of it, `state = 1` among them, since PostgreSQL would sort what stands inside.
 */
export const ALL_PAYMENTS = `(
    SELECT correlation_id, amount_cents, state, processor, requested_at_ms, accepted_at, attempts
    FROM payments
    UNION ALL
    SELECT correlation_id, amount_cents, 1::smallint, processor, requested_at_ms, accepted_at,
      attempts
    FROM archived_payments
  )`

/** Before it the totals of seconds are joined, epoch ms. */
export const JOINED_BEFORE = 'coalesce((SELECT joined_before_ms FROM archive_progress), 0)'

/** Adds the settled payments among `rows`, a part of the same statement, to the totals. */
export function addToTotals(rows: string, shard: string): string {
  return `INSERT INTO settled_totals AS t (level, bucket_ms, processor, shard, payments, cents)
    SELECT l.level, u.requested_at_ms - u.requested_at_ms % l.width_ms, u.processor, ${shard},
      count(*), sum(u.amount_cents)::bigint
    FROM ${rows} u
    CROSS JOIN (VALUES (0, 1000::bigint), (1, 60000), (2, 3600000), (3, 86400000))
      AS l (level, width_ms)
    WHERE u.state = 1
    GROUP BY 1, 2, 3
    ORDER BY 1, 2, 3
    ON CONFLICT (level, bucket_ms, processor, shard) DO UPDATE
      SET payments = t.payments + excluded.payments, cents = t.cents + excluded.cents`
}

/** How a processor is written in the tables. */
export const PROCESSOR_NUMBER: Readonly<Record<ProcessorName, 1 | 2>> = {
  default: 1,
  fallback: 2,
}

export function processorName(number: 1 | 2): ProcessorName {
  return number === 1 ? 'default' : 'fallback'
}

/**
 * A PostgreSQL array of what needs no quotes: numbers, UUIDs and nothing. pg's own way costs several
 * times as much on the hot path.
 */
export function arrayOf<Item>(
  items: readonly Item[],
  pick: (item: Item) => string | number | null | undefined,
): string {
  let text = '{'
  for (let index = 0; index < items.length; index += 1) {
    const item = items[index]
    if (item === undefined) continue
    text += (index === 0 ? '' : ',') + (pick(item) ?? 'NULL')
  }
  return text + '}'
}
