// What PostgreSQL and the way to it do for a while, drawn: clocks that are set, read-only sessions,
// statements that are refused with any SQLSTATE or answered late, locks and old snapshots that
// somebody holds, connections that end or fall silent after a drawn number of bytes.

import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import type { Chance } from '../simulation/chance.ts'
import { drawStep } from './clocks.ts'
import type { FaultName } from './fault-kinds.ts'
import type { PitLedger } from './ledgers.ts'
import type { System } from './system.ts'

export type PostgresTrouble =
  | { readonly kind: 'clock'; readonly byMs: number }
  /** `sessions`: those that begin meanwhile stay read-only for good; `server`: all, meanwhile. */
  | { readonly kind: 'readOnly'; readonly whose: 'sessions' | 'server' }
  /** A share of these statements is refused, after a while or at the commit. */
  | {
      readonly kind: 'refusal'
      readonly table: string
      readonly operation: (typeof OPERATIONS)[number]
      readonly at: 'statement' | 'commit'
      /** Undefined: answered late, and done. */
      readonly sqlState: string | undefined
      /** Before it is refused or done, ms. */
      readonly afterMs: number
      /** 0 to 1. */
      readonly share: number
    }
  | { readonly kind: 'held'; readonly what: 'snapshot' | 'lock'; readonly table: string }
  | {
      readonly kind: 'broken'
      readonly how: 'reset' | 'silence'
      readonly bytesMax: number
      readonly everyMs: number
    }

const TABLES = ['payments', 'payments', 'payments', 'leases', 'settled_totals'] as const
const OPERATIONS = ['INSERT', 'UPDATE', 'DELETE', 'INSERT OR UPDATE OR DELETE'] as const

/**
 * By which a server says that it did not do a statement, without saying anything about the data in
 * it: those of classes 22 and 23 do, and Pit keeps such an outcome aside for good.
 */
const SQL_STATES = [
  '08000 08003 08006 0A000 25000 25006 25P02 25P03 26000 28000',
  '34000 3D000 40000 40001 40002 40003 40P01 42501 42P01 42P05',
  '53000 53100 53200 53300 53400 54000 55000 55006 55P03 55P04',
  '57000 57014 57P01 57P02 57P03 57P04 57P05 58000 58030 58P01',
  '72000 F0000 HV000 P0001 XX000 XX001 XX002',
].flatMap((line) => line.split(' '))

export function drawTrouble(name: FaultName, chance: Chance): PostgresTrouble | undefined {
  switch (name) {
    case 'postgres-clock':
      return { kind: 'clock', byMs: drawStep(chance) }
    case 'postgres-read-only':
      return { kind: 'readOnly', whose: chance.pick(['sessions', 'server'] as const) }
    case 'postgres-refuse':
      return {
        kind: 'refusal',
        table: chance.pick(TABLES),
        operation: chance.pick(OPERATIONS),
        at: chance.pick(['statement', 'statement', 'commit'] as const),
        sqlState: chance.happens(0.8) ? chance.pick(SQL_STATES) : undefined,
        afterMs: Math.round(chance.happens(0.6) ? 0 : chance.between([50, 3000])),
        share: chance.pick([0.1, 0.5, 1]),
      }
    case 'postgres-held': {
      const what = chance.pick(['snapshot', 'lock'] as const)
      return { kind: 'held', what, table: chance.pick(TABLES) }
    }
    case 'postgres-broken':
      return {
        kind: 'broken',
        how: chance.pick(['reset', 'silence', 'silence'] as const),
        bytesMax: chance.pick([1, 30, 500, 20_000]),
        everyMs: Math.round(chance.between([300, 2000])),
      }
    default:
      return undefined
  }
}

export function describeTrouble(trouble: PostgresTrouble): string {
  switch (trouble.kind) {
    case 'clock':
      return `its clock is set by ${trouble.byMs} ms`
    case 'readOnly':
      return trouble.whose === 'server' ? 'all are read-only' : 'new sessions are read-only'
    case 'refusal': {
      const { table, operation, at, sqlState, afterMs, share } = trouble
      const how = sqlState === undefined ? 'is done' : `is refused with ${sqlState}`
      return `${share * 100} % of ${operation} on ${table} ${how} after ${afterMs} ms, at ${at}`
    }
    case 'held':
      return `somebody holds a ${trouble.what} on ${trouble.table}`
    case 'broken': {
      const { how, bytesMax, everyMs } = trouble
      const what = how === 'reset' ? 'are reset' : 'fall silent'
      return `connections ${what} within ${bytesMax} bytes, every ${everyMs} ms`
    }
  }
}

/** Resolves once it is over; what it leaves behind is in the clock's and the sessions' state. */
export async function injectTrouble(
  { layout, clocks, faultLedger, postgresRelay }: System,
  trouble: PostgresTrouble,
  { lastsMs, chance }: { readonly lastsMs: number; readonly chance: Chance },
): Promise<void> {
  switch (trouble.kind) {
    case 'clock':
      clocks.set('postgres', trouble.byMs)
      await pause(lastsMs)
      return clocks.set('postgres', 0)
    case 'readOnly':
      return await beReadOnly(faultLedger, trouble.whose, lastsMs)
    case 'refusal':
      return await refuse(faultLedger, trouble, lastsMs)
    case 'held':
      return await hold(layout.postgres.url, trouble, lastsMs)
    case 'broken': {
      const { how, bytesMax, everyMs } = trouble
      const endsAt = performance.now() + lastsMs
      while (performance.now() < endsAt) {
        postgresRelay.breakAfter({ how, drawBytes: () => chance.below(bytesMax) })
        await pause(everyMs)
      }
    }
  }
}

async function beReadOnly(
  ledger: PitLedger,
  whose: 'sessions' | 'server',
  lastsMs: number,
): Promise<void> {
  const [on, off] =
    whose === 'server'
      ? [
          ['ALTER SYSTEM SET default_transaction_read_only = on', 'SELECT pg_reload_conf()'],
          ['ALTER SYSTEM RESET default_transaction_read_only', 'SELECT pg_reload_conf()'],
        ]
      : [
          ['ALTER DATABASE postgres SET default_transaction_read_only = on'],
          ['ALTER DATABASE postgres RESET default_transaction_read_only'],
        ]
  for (const statement of on) await ledger.tell(statement)
  if (whose === 'sessions') await ledger.cutConnections()
  await pause(lastsMs)
  for (const statement of off) await ledger.tell(statement)
}

/** By triggers, so that everything else of the statement and its transaction is PostgreSQL's own. */
async function refuse(
  ledger: PitLedger,
  trouble: Extract<PostgresTrouble, { kind: 'refusal' }>,
  lastsMs: number,
): Promise<void> {
  const { table, operation, at, sqlState, afterMs, share } = trouble
  const raise =
    sqlState === undefined ? '' : `RAISE EXCEPTION 'drawn' USING ERRCODE = '${sqlState}';`
  await ledger.tell(`CREATE OR REPLACE FUNCTION chaos_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF random() < ${share} THEN
        PERFORM pg_sleep(${afterMs / 1000});
        ${raise}
      END IF;
      RETURN NULL;
    END $$`)
  const kind =
    at === 'statement'
      ? `TRIGGER chaos BEFORE ${operation} ON ${table} FOR EACH STATEMENT`
      : `CONSTRAINT TRIGGER chaos AFTER ${operation} ON ${table}
           DEFERRABLE INITIALLY DEFERRED FOR EACH ROW`
  await ledger.tell(`CREATE ${kind} EXECUTE FUNCTION chaos_refuse()`)
  await pause(lastsMs)
  await ledger.tell(`DROP TRIGGER chaos ON ${table}`)
}

/** In a session of its own, which nothing ends. */
async function hold(
  url: string,
  { what, table }: Extract<PostgresTrouble, { kind: 'held' }>,
  lastsMs: number,
): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: 'chaos holder' })
  client.on('error', () => undefined)
  await client.connect()
  try {
    await client.query('SET idle_in_transaction_session_timeout = 0')
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    if (what === 'lock') await client.query(`LOCK TABLE ${table} IN SHARE MODE`)
    else await client.query(`SELECT count(*) FROM ${table}`)
    await pause(lastsMs)
  } finally {
    await client.end()
  }
}
