// The partitions of the archive's tables: which there are, those that are made before something is
// put there, and those that are dropped once all in them is too old.

import type { PostgresConnection } from './connection.ts'
import { TEXT, readRows, type Query, type Statement } from './rows.ts'

export const DAY_MS = 86_400_000

export type PartitionedTable = 'archived_payments' | 'known_payments'

/** A range of `requested_at_ms`; infinite where PostgreSQL says so. */
export interface Partition {
  /** As it stands in a statement. */
  readonly name: string
  readonly from: number
  /** Exclusive. */
  readonly to: number
}

async function listPartitions(
  connection: PostgresConnection,
  table: PartitionedTable,
): Promise<readonly Partition[]> {
  const rows = readRows(LIST, await connection.query(LIST, [table]))
  return rows.map(({ name, bound }) => {
    const [, from = 'MINVALUE', to = 'MAXVALUE'] = RANGE.exec(bound) ?? []
    return { name, from: limitOf(from), to: limitOf(to) }
  })
}

/** As `FOR VALUES FROM ('0') TO (MAXVALUE)`; anything else, as `DEFAULT`, takes whatever comes. */
const RANGE = /FROM \('?(-?\d+|MINVALUE)'?\) TO \('?(-?\d+|MAXVALUE)'?\)/

function limitOf(text: string): number {
  if (text === 'MINVALUE') return -Infinity
  return text === 'MAXVALUE' ? Infinity : Number(text)
}

/**
 * The partition that an instant belongs to, which is made if there is none: of this width or, between
 * two others, as wide as fits. Nobody waits for it. Rejects with `NoPartition` where the role may
 * not make tables.
 */
export async function ensurePartition(
  connection: PostgresConnection,
  { table, at, widthMs }: { table: PartitionedTable; at: number; widthMs: number },
): Promise<Partition> {
  const all = await listPartitions(connection, table)
  const found = all.find(({ from, to }) => from <= at && at < to)
  if (found !== undefined) return found
  const start = at - (at % widthMs)
  const from = Math.max(start, ...all.filter(({ to }) => to <= at).map(({ to }) => to))
  const to = Math.min(start + widthMs, ...all.filter((one) => one.from > at).map((one) => one.from))
  const partition = { name: `${table}_${dayOf(from)}_${dayOf(to)}`, from, to }
  const text = makingOf(table, partition)
  await connection.query({ ...MAKE, text }, []).catch((cause: unknown) => {
    throw new NoPartition(table, text, cause)
  })
  return partition
}

/** Partitions that are gone for good. */
export interface DroppedPartitions {
  readonly table: PartitionedTable
  readonly partitions: number
  /** Their names. */
  readonly oldest: string
  readonly youngest: string
}

/**
 * Drops the partitions in which all is from before an instant, epoch ms, the oldest first, and gives
 * their disk back. Others wait for that as long as for any lock that is held for moments. `onDropped`
 * is told at the end, also at that of a call that rejects.
 */
export async function dropPartitions(
  connection: PostgresConnection,
  {
    table,
    before,
    onDropped,
  }: {
    readonly table: PartitionedTable
    readonly before: number
    readonly onDropped: (dropped: DroppedPartitions) => void
  },
): Promise<void> {
  const all = await listPartitions(connection, table)
  const old = all.filter(({ to }) => to <= before).toSorted((a, b) => a.to - b.to)
  const names: string[] = []
  try {
    for (const { name, to } of old) {
      const noted =
        table === 'known_payments'
          ? ''
          : `UPDATE archive_progress SET dropped_before_ms = greatest(dropped_before_ms, ${to});`
      await connection.query({ ...DROP, text: `${noted} DROP TABLE ${name}` }, [])
      names.push(name)
    }
  } finally {
    const [oldest, youngest] = [names[0], names.at(-1)]
    if (oldest !== undefined && youngest !== undefined) {
      onDropped({ table, partitions: names.length, oldest, youngest })
    }
  }
}

/** `20261126`; of an instant within a day, that and the time. */
function dayOf(at: number): string {
  const text = new Date(at).toISOString().replace(/\.000Z$/, '')
  return text.replace(/T00:00:00$/, '').replace(/\D/g, '')
}

/** A partition that could not be made, with what makes it. */
class NoPartition extends Error {
  override readonly name = 'NoPartition'
  /** PostgreSQL's own, as the reason is its own. */
  readonly code: string

  constructor(table: PartitionedTable, sql: string, cause: unknown) {
    const words = cause instanceof Error ? cause.message : String(cause)
    super(`${words}: ${table} needs ${sql.replace(/\s+/g, ' ').trim()}`, { cause })
    const code: unknown = cause instanceof Error ? Reflect.get(cause, 'code') : undefined
    this.code = typeof code === 'string' ? code : ''
  }
}

// Made apart and attached: readers and writers of the whole do not wait for that. Rows come once and
// stay, so that pages are full, and a vacuum is worth it after so many: it lets summaries read the
// index alone.
function makingOf(table: PartitionedTable, { name, from, to }: Partition): string {
  return `
  CREATE TABLE ${name} (LIKE ${table}) WITH (
    fillfactor = 100, autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 500000, autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 500000);
  ALTER TABLE ${table} ATTACH PARTITION ${name} FOR VALUES FROM (${from}) TO (${to})`
}

const MAKE = { name: 'makePartition', effect: 'writes', protocol: 'simple' } satisfies Omit<
  Statement,
  'text'
>

const DROP = { name: 'dropPartition', effect: 'writes', protocol: 'simple' } satisfies Omit<
  Statement,
  'text'
>

const LIST = {
  name: 'listPartitions',
  effect: 'reads',
  columns: { name: TEXT, bound: TEXT },
  text: `
  SELECT c.oid::regclass::text AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE i.inhparent = to_regclass($1) AND c.relpartbound IS NOT NULL`,
} satisfies Query
