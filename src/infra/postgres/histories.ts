// Which history of PostgreSQL each session is of: what its server says of itself, and what the table
// `histories` says that it was the last time.

import { cacheFailureOf, codeOf } from '../../actors/model/errors.ts'
import type { ServerFacts } from '../../actors/model/facts.ts'
import type {
  Histories,
  HistoryWatch,
  KnownBefore,
  MetServer,
} from '../../actors/model/ledger-history.ts'
import type { KnownRenewal, RenewalCache } from '../../actors/model/ports.ts'
import type { SessionHistories } from './connection.ts'
import { BOOLEAN, FLOAT, INTEGER, TEXT, nullable, readOnlyRow, readRows } from './rows.ts'
import type { Query, Statement } from './rows.ts'
import { MARK, commitOnDisk } from './sql.ts'

export interface SessionHistoriesParts {
  readonly watch: HistoryWatch
  readonly renewals: RenewalCache
  /** Told once of each thing that a server does not tell: it is not compared. */
  readonly onUnread: (what: keyof ServerFacts, words: string) => void
  /** This machine's time of day, epoch ms; default `Date.now`. */
  readonly timeOfDay?: () => number
}

type Ask = (statement: Statement) => Promise<readonly object[]>

/** Compares at each new session, and again where the instance next to it was quicker. */
export function createSessionHistories(parts: SessionHistoriesParts): SessionHistories {
  const { watch, renewals, timeOfDay = Date.now } = parts
  const unread = new Set<string>()
  // What Redis has is compared before it is replaced: it may be more than this instance knows.
  let isCompared = false
  return {
    get epoch() {
      return watch.epoch
    },
    get mark() {
      return watch.mark
    },
    suspect: () => watch.suspect(),
    run: watch.run,
    note(seen) {
      watch.note(seen)
      // Without Redis, or while it is away, each knows its own renewals only.
      if (isCompared && watch.known !== undefined)
        renewals.publish(watch.known).catch(nothingShared)
    },
    async meet(query) {
      const shared = await readShared(renewals)
      const before = { own: watch.known, shared: shared ?? undefined }
      const facts = await readFacts(query, { ...parts, unread })
      const server = { ...facts, renewals: await readRenewals(query, before) }
      let histories = await readHistories(query, timeOfDay())
      while (watch.isOther(server, histories, before)) {
        const generation = watch.next(histories, before)
        const after = histories[0]?.generation
        await query(append(facts, { generation, after, now: timeOfDay() }))
        histories = await readHistories(query, timeOfDay())
      }
      watch.enter(server, histories, before)
      isCompared ||= shared !== undefined
    },
    async compareLate(query) {
      if (isCompared) return
      const shared = await readShared(renewals)
      if (shared === undefined) return
      const isLacking =
        shared !== null &&
        watch.lacks(shared, await readRenewals(query, { own: undefined, shared }))
      // The next session compares again, and tells.
      if (isLacking) watch.suspect()
      else isCompared = true
    },
  }
}

/** Null: Redis has none. Undefined: it does not answer. */
async function readShared(renewals: RenewalCache): Promise<KnownRenewal | null | undefined> {
  try {
    return (await renewals.read()) ?? null
  } catch (error) {
    return nothingShared(error)
  }
}

/** Without Redis only this instance's own memory says what PostgreSQL had. */
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
    tables: await read('tables', TABLES),
  }
}

/** No right, no such function, a function that a managed server does not support. */
const WITHHELD = new Set(['42501', '42883', '0A000'])

/** The renewals of the runs that are known to have made any. */
async function readRenewals(
  query: Ask,
  { own, shared }: KnownBefore,
): Promise<MetServer['renewals']> {
  const runs = [own, shared].flatMap((known) => (known === undefined ? [] : [known.run]))
  const statement = {
    name: 'readRenewals',
    effect: 'reads',
    protocol: 'simple',
    columns: { run: TEXT, count: INTEGER },
    text: `SELECT run::text, count FROM renewals WHERE run = ANY ('{${runs.join(',')}}'::uuid[])`,
  } satisfies Query
  const rows = readRows(statement, await query(statement))
  return new Map(rows.map(({ run, count }) => [run, count]))
}

async function readHistories(query: Ask, now: number): Promise<Histories> {
  return readRows(NEWEST, await query(NEWEST)).map((row) => ({
    generation: row.generation,
    systemIdentifier: row.system_identifier,
    timeline: row.timeline,
    tables: row.tables,
    isReadIn: row.is_read_in,
    mark: row.mark,
    // Either clock may be set, and a longer age ends the time in which processors are asked.
    ageMs: Math.min(row.age_ms, now - row.first_seen_ms),
  }))
}

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

const TABLES = {
  name: 'readTables',
  effect: 'reads',
  protocol: 'simple',
  columns: { value: TEXT },
  text: `
  SELECT d.oid || '/' || 'payments'::regclass::oid AS value
  FROM pg_database d WHERE d.datname = current_database()`,
} satisfies Query

const NEWEST = {
  name: 'readHistories',
  effect: 'reads',
  protocol: 'simple',
  columns: {
    generation: INTEGER,
    system_identifier: nullable(TEXT),
    timeline: nullable(INTEGER),
    tables: nullable(TEXT),
    is_read_in: BOOLEAN,
    mark: TEXT,
    age_ms: FLOAT,
    first_seen_ms: FLOAT,
  },
  text: `
  SELECT generation, system_identifier, timeline, tables, ${MARK},
    coalesce(written_by <> xmin::text, false) AS is_read_in,
    (extract(epoch FROM now() - first_seen) * 1000)::float8 AS age_ms,
    (extract(epoch FROM first_seen) * 1000)::float8 AS first_seen_ms
  FROM histories ORDER BY generation DESC LIMIT 2`,
} satisfies Query

/** Any constant that nothing else locks: instances that see the same history write it once. */
const LOCK_KEY = 7_052_029

interface NextHistory {
  readonly generation: number
  /** The newest one that the table has. */
  readonly after: number | undefined
  /** This machine's time of day, epoch ms. */
  readonly now: number
}

// It is first seen by the later one of both clocks: by one that is behind its age would be too long.
// A later history is numbered by the time as well: one that another restore has undone never has the
// number of one that instances still know.
function append(
  { systemIdentifier, timeline, tables }: ServerFacts,
  { generation, after, now }: NextHistory,
): Statement {
  const [identifier, ids] = [systemIdentifier, tables].map((text) =>
    text === null ? 'NULL' : `'${text}'`,
  )
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
    INSERT INTO histories (generation, system_identifier, timeline, tables, first_seen, written_by)
    SELECT ${number}, ${identifier}, ${timeline ?? 'NULL'}, ${ids},
      greatest(now(), to_timestamp(${now} / 1000.0)), (txid_current() % 4294967296)::text
    WHERE (SELECT max(generation) FROM histories) IS NOT DISTINCT FROM ${after ?? 'NULL'}`,
  }
}
