// What an operator does with the database's own rights, in the table of commands: who, when, why, and
// what it met. No instance has to obey it.

import type { PostgresPool } from '../infra/postgres/pool.ts'
import { INTEGER, type Query } from '../infra/postgres/rows.ts'
import { counted } from './command-line.ts'
import { ask } from './pit-books.ts'

export interface NotedCommand {
  readonly kind: string
  /** What is ordered, as a person would say it, and whatever else is to be known of it. */
  readonly payload: { readonly about: string } & Readonly<Record<string, unknown>>
  /** Undefined: nobody gave one. */
  readonly reason: string | undefined
}

/** Appends it before anything is done; its id. Rejects with `BooksUnreachable`. */
export async function noteCommand(
  pool: PostgresPool,
  { kind, payload, reason = 'no reason was given' }: NotedCommand,
): Promise<number> {
  return (await ask(pool.runForRow(NOTE, [kind, JSON.stringify(payload), reason]))).id
}

/** Says what it met, and that it is over. Rejects with `BooksUnreachable`. */
export async function noteDone(pool: PostgresPool, id: number, met: object): Promise<void> {
  await ask(pool.run(DONE, [id, JSON.stringify(met)]))
}

/** Ids that are named in a command; of more it says how many they are. */
const NAMED_MAX = 100

/** What a command about these payments is about. */
export function aboutIds(ids: readonly string[]): string {
  return ids.length > NAMED_MAX ? counted(ids.length, 'id') : ids.join(' ')
}

// One at a time, as instances write them: an id that is given out is committed before a higher one.
const NOTE = {
  name: 'noteCommand',
  effect: 'writes',
  columns: { id: INTEGER },
  text: `
  WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtext('pit commands')))
  INSERT INTO commands (by, via, kind, payload, reason, awaited)
  SELECT 'database role ' || current_user, 'cli', $1, $2::jsonb, $3, '["the command itself"]'
  FROM turn RETURNING id`,
} satisfies Query

const DONE = {
  name: 'noteDone',
  effect: 'writes',
  columns: {},
  text: `
  UPDATE commands SET result = jsonb_build_object(awaited->>0, $2::jsonb), done_at = now()
  WHERE id = $1`,
} satisfies Query
