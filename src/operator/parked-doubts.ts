// Parked payments in doubt: which ones there are, and having them looked up now. They become due one
// after the other, and instances claim them as they claim whatever waits.

import type { ProcessorName } from '../actors/model/payment.ts'
import type { PostgresPool } from '../infra/postgres/pool.ts'
import { BOOLEAN, INTEGER, STATE, TEXT, nullable, type Query } from '../infra/postgres/rows.ts'
import { arrayOf, isKnown } from '../infra/postgres/sql.ts'
import {
  BATCH_DUE_AT,
  lockBatch,
  noteBatch,
  type Batch,
  type BatchResult,
} from './noted-command.ts'
import { ask } from './pit-books.ts'

export interface ParkedDoubts {
  /** Those that are due first, `limit` at most. */
  readonly ids: readonly string[]
  /** How many there are. */
  readonly count: number
}

/** Those that are not yet due. Rejects with `BooksUnreachable`. @param inDoubtAt null: anywhere. */
export async function findParkedDoubts(
  pool: PostgresPool,
  inDoubtAt: ProcessorName | null,
  limit: number,
): Promise<ParkedDoubts> {
  const { count } = await ask(pool.runForRow(COUNT, [inDoubtAt]))
  const rows = await ask(pool.run(IDS, [inDoubtAt, limit]))
  return { ids: rows.map((row) => row.correlation_id), count }
}

/** Makes those of the payments due that are parked in doubt. Rejects with `BooksUnreachable`. */
export async function lookUpBatch(
  pool: PostgresPool,
  { command, ids, delayMs, intervalMs }: Batch,
): Promise<readonly BatchResult[]> {
  const values = [arrayOf(ids, (id) => id), delayMs, intervalMs, command]
  return (await ask(pool.run(MAKE_DUE, values))).map((row) => {
    const result = resultOf(row)
    const words = SENTENCES[result]
    return { correlationId: row.correlation_id, isDone: result === 'due', words }
  })
}

type Result = 'due' | 'owned' | 'notInDoubt' | 'settled' | 'rejected' | 'unknown'

function resultOf({ is_due, state, is_owned }: RowOfDue): Result {
  if (is_due) return 'due'
  if (state === null) return 'unknown'
  if (state !== 0) return state === 1 ? 'settled' : 'rejected'
  return is_owned === true ? 'owned' : 'notInDoubt'
}

const SENTENCES: Readonly<Record<Result, string>> = {
  due: 'is due: the next instance with capacity looks it up',
  owned: 'is in the hands of an instance, which looks it up by itself where it is in doubt',
  notInDoubt: 'is not in doubt; nothing was changed',
  settled: 'is settled; nothing was changed',
  rejected: 'is rejected; nothing was changed',
  unknown: 'is not known; nothing was changed',
}

const PARKED = 'p.owner IS NULL AND p.state = 0'

const WAITING = `${PARKED} AND p.due_at > now()
    AND (p.default_doubt_until_ms IS NOT NULL AND $1::text IS DISTINCT FROM 'fallback'
      OR p.fallback_doubt_until_ms IS NOT NULL AND $1::text IS DISTINCT FROM 'default')`

const COUNT = {
  name: 'countInDoubt',
  effect: 'reads',
  columns: { count: INTEGER },
  text: `SELECT count(*)::int AS count FROM payments p WHERE ${WAITING}`,
} satisfies Query

const IDS = {
  name: 'idsInDoubt',
  effect: 'reads',
  columns: { correlation_id: TEXT },
  text: `
  SELECT p.correlation_id::text FROM payments p WHERE ${WAITING}
  ORDER BY p.due_at, p.correlation_id LIMIT $2`,
} satisfies Query

const DUE = {
  correlation_id: TEXT,
  is_due: BOOLEAN,
  state: nullable(STATE),
  is_owned: nullable(BOOLEAN),
}

interface RowOfDue {
  readonly is_due: boolean
  readonly state: 0 | 1 | 2 | null
  readonly is_owned: boolean | null
}

const MAKE_DUE = {
  name: 'makeDue',
  effect: 'writes',
  columns: DUE,
  text: `
  WITH ${lockBatch(`(p.state + 0) = 0 AND p.owner IS NULL
      AND (p.default_doubt_until_ms IS NOT NULL OR p.fallback_doubt_until_ms IS NOT NULL)`)},
  due AS (
    UPDATE payments p SET due_at = least(p.due_at, ${BATCH_DUE_AT})
    FROM locked WHERE p.correlation_id = locked.correlation_id
    RETURNING p.correlation_id
  ), ${noteBatch('due')}
  SELECT wanted.correlation_id::text,
    EXISTS (SELECT FROM due WHERE due.correlation_id = wanted.correlation_id) AS is_due,
    coalesce(p.state, CASE WHEN ${isKnown('wanted.correlation_id')} THEN 1 END) AS state,
    p.owner IS NOT NULL AS is_owned
  FROM wanted LEFT JOIN payments p ON p.correlation_id = wanted.correlation_id
  ORDER BY wanted.number`,
} satisfies Query
