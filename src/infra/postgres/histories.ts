// Which history of PostgreSQL each session is of: what its server says of itself, and what the table
// `histories` says that it was the last time.

import { cacheFailureOf, codeOf } from '../../actors/model/errors.ts'
import type { ServerFacts } from '../../actors/model/facts.ts'
import type { Histories, HistoryWatch } from '../../actors/model/ledger-history.ts'
import type { PositionCache } from '../../actors/model/ports.ts'
import type { SessionHistories } from './connection.ts'
import { PURGES } from './purges.ts'
import { BOOLEAN, FLOAT, INTEGER, TEXT, nullable, readOnlyRow, readRows } from './rows.ts'
import type { Query, Statement } from './rows.ts'
import { NOW_MS, commitOnDisk } from './sql.ts'

export interface SessionHistoriesParts {
  readonly watch: HistoryWatch
  readonly positions: PositionCache
  /** Told once of each thing that a server does not tell: it is not compared. */
  readonly onUnread: (what: keyof ServerFacts, words: string) => void
}

type Ask = (statement: Statement) => Promise<readonly object[]>

/** Compares at each new session, and again where the instance next to it was quicker. */
export function createSessionHistories(parts: SessionHistoriesParts): SessionHistories {
  const { watch, positions } = parts
  const unread = new Set<string>()
  return {
    get epoch() {
      return watch.epoch
    },
    get readsPosition() {
      return !unread.has('position')
    },
    note(seen) {
      watch.note(seen)
      // Without Redis, or while it is away, others know their own positions only.
      if (watch.known !== undefined) positions.publish(watch.known).catch(nothingShared)
    },
    async meet(query) {
      const before = { own: watch.known, shared: await positions.read().catch(nothingShared) }
      const facts = await readFacts(query, { ...parts, unread })
      let histories = await readHistories(query)
      while (watch.isOther(facts, histories, before)) {
        const generation = watch.next(histories, before)
        await query(append(facts, { generation, after: histories[0]?.generation }))
        histories = await readHistories(query)
      }
      watch.enter(facts, histories)
    },
  }
}

/** Without Redis only this instance's own memory says how far PostgreSQL had come. */
function nothingShared(error: unknown): undefined {
  cacheFailureOf(error)
}

async function readFacts(
  query: Ask,
  { onUnread, unread }: SessionHistoriesParts & { readonly unread: Set<string> },
): Promise<ServerFacts> {
  const read = async <Value>(
    name: keyof ServerFacts,
    fact: Query<{ value: { takes: string; fits: (value: unknown) => value is Value } }>,
  ): Promise<Value | null> => {
    if (unread.has(name)) return null
    try {
      return readOnlyRow(fact, await query(fact)).value
    } catch (cause) {
      if (!WITHHELD.has(codeOf(cause))) throw cause
      unread.add(name)
      onUnread(name, cause instanceof Error ? cause.message : String(cause))
      return null
    }
  }
  return {
    systemIdentifier: await read('systemIdentifier', SYSTEM_IDENTIFIER),
    timeline: await read('timeline', TIMELINE),
    position: await read('position', POSITION),
  }
}

/** No right, no such function, a function that a managed server does not support. */
const WITHHELD = new Set(['42501', '42883', '0A000'])

async function readHistories(query: Ask): Promise<Histories> {
  return readRows(NEWEST, await query(NEWEST)).map((row) => ({
    generation: row.generation,
    systemIdentifier: row.system_identifier,
    timeline: row.timeline,
    position: row.position,
    ageMs: row.age_ms,
  }))
}

/** How far the log is on disk: a crash never brings a server back below that. */
const POSITION_BYTES = `(pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint`

const SYSTEM_IDENTIFIER = {
  name: 'readSystemIdentifier',
  effect: 'reads',
  protocol: 'simple',
  columns: { value: TEXT },
  text: 'SELECT system_identifier::text AS value FROM pg_control_system()',
} satisfies Query

// The control file has the timeline of the last checkpoint, which is late after a promotion.
const TIMELINE = {
  name: 'readTimeline',
  effect: 'reads',
  protocol: 'simple',
  columns: { value: INTEGER },
  text: `SELECT ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int AS value`,
} satisfies Query

const POSITION = {
  name: 'readPosition',
  effect: 'reads',
  protocol: 'simple',
  columns: { value: INTEGER },
  text: `SELECT ${POSITION_BYTES} AS value`,
} satisfies Query

const NEWEST = {
  name: 'readHistories',
  effect: 'reads',
  protocol: 'simple',
  columns: {
    generation: INTEGER,
    system_identifier: nullable(TEXT),
    timeline: nullable(INTEGER),
    position: nullable(INTEGER),
    age_ms: FLOAT,
  },
  text: `
  SELECT generation, system_identifier, timeline, position,
    (extract(epoch FROM now() - first_seen) * 1000)::float8 AS age_ms
  FROM histories ORDER BY generation DESC LIMIT 2`,
} satisfies Query

/** Any constant that nothing else locks: instances that see the same history write it once. */
const LOCK_KEY = 7_052_029

// A later history is numbered by the time as well: one that another restore has undone never has the
// number of one that instances still know.
function append(
  { systemIdentifier, timeline, position }: ServerFacts,
  { generation, after }: { readonly generation: number; readonly after: number | undefined },
): Statement {
  const identifier = systemIdentifier === null ? 'NULL' : `'${systemIdentifier}'`
  const number =
    after === undefined && generation === 0
      ? '0'
      : `greatest(${generation}, (extract(epoch FROM now()) * 1000)::bigint)`
  return {
    name: 'appendHistory',
    effect: 'writes',
    protocol: 'simple',
    text: `
    SELECT pg_advisory_xact_lock(${LOCK_KEY}), ${commitOnDisk('transaction')};
    INSERT INTO histories (generation, system_identifier, timeline, position)
    SELECT ${number}, ${identifier}, ${timeline ?? 'NULL'}, ${position ?? 'NULL'}
    WHERE (SELECT max(generation) FROM histories) IS NOT DISTINCT FROM ${after ?? 'NULL'}`,
  }
}

const RENEWED = {
  held: BOOLEAN,
  purges: INTEGER,
  ledger_now: INTEGER,
  generation: INTEGER,
  position: nullable(INTEGER),
}

const GENERATION = 'coalesce((SELECT max(generation) FROM histories), 0)'
const RENEW = { name: 'renewLease', ...renewal('0', 'NULL::bigint') } as const
const RENEW_IN = { name: 'renewLeaseIn', ...renewal(GENERATION, 'NULL::bigint') } as const
const RENEW_AT = { name: 'renewLeaseAt', ...renewal(GENERATION, POSITION_BYTES) } as const

/**
 * Renews lease $1 for $2 ms, with its watermarks $3 and $4, null where they stay as they are, and says
 * what of the history the server tells.
 */
export function renewalFor(histories: SessionHistories | undefined): Query<typeof RENEWED> {
  if (histories === undefined) return RENEW
  return histories.readsPosition ? RENEW_AT : RENEW_IN
}

// What was not revoked may be renewed, however late: nobody has taken anything from it.
function renewal(generation: string, position: string): Omit<Query<typeof RENEWED>, 'name'> {
  return {
    effect: 'writes',
    columns: RENEWED,
    text: `
  WITH renewed AS (
    UPDATE leases SET expires_at = now() + $2::float8 * interval '1 ms',
      owned_from = coalesce(to_timestamp($3::float8 / 1000), owned_from),
      parked_from = coalesce(to_timestamp($4::float8 / 1000), parked_from)
    WHERE id = $1 AND NOT revoked
    RETURNING id
  )
  SELECT EXISTS (SELECT FROM renewed) AS held, ${PURGES}, ${NOW_MS} AS ledger_now,
    ${generation} AS generation, ${position} AS position`,
  }
}
