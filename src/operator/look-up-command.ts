// `pit look-up`: parked payments in doubt are due now, one after the other, so that an instance claims
// them and asks their processors. No settle-by deadline changes: what is not found is believed no
// earlier for that.

import type { ProcessorName } from '../actors/model/payment.ts'
import type { PostgresPool } from '../infra/postgres/pool.ts'
import { BOOLEAN, INTEGER, STATE, TEXT, nullable, type Query } from '../infra/postgres/rows.ts'
import { arrayOf, isKnown } from '../infra/postgres/sql.ts'
import { counted, readArguments, readPaymentId, readRate } from './command-line.ts'
import { EXIT_DIFFERENT, EXIT_FINE, UsageError } from './failures.ts'
import { aboutIds, noteCommand, noteDone } from './noted-command.ts'
import { ask } from './pit-books.ts'

/** Payments that become due in a second when nothing else is said. */
const PER_SECOND = 100

/** Payments of one command, and of one transaction. */
const LOOK_UP_MAX = 100_000
const BATCH_MAX = 500

export const LOOK_UP_USAGE = `Usage: pit look-up <id>... [options]
       pit look-up (--all | --processor <name>) [options]

Has parked payments in doubt looked up now, and not only when they are due: those
with the given correlationIds, all, or those in doubt at a processor. What is not
found is believed no earlier for that. Before it goes by --all or --processor it
says how many they are, and asks.

  --all                 all payments in doubt that are parked and not yet due
  --processor <name>    those in doubt at this one, default or fallback
  --reason <text>       why, for whoever reads pit audit later
  --yes                 do not ask
  --per-second <count>  payments that become due in a second, ${PER_SECOND} when absent
  --help                shows this

A payment in doubt that an instance has is looked up by it every few seconds. Each
command is a row of the table commands, which pit audit lists. It takes
${LOOK_UP_MAX.toLocaleString('en-US')} payments at most.

Examples:
  pit look-up 4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3
  pit look-up --processor default --reason "its books are back"

Environment: DATABASE_URL. Without it: that of the dev stack that runs on
DATA_DIR (.data).
Exit codes: 0 done; 1 a payment was not made due, or it was not confirmed;
2 usage; 3 the database does not answer.
`

export interface LookUpOptions {
  /** Ids, or all that are in doubt at this processor, at any where it is null. */
  readonly which: { readonly ids: readonly string[] } | { readonly inDoubtAt: ProcessorName | null }
  /** The same in the words of the flags. */
  readonly about: string
  readonly reason: string | undefined
  readonly isConfirmed: boolean
  readonly perSecond: number
}

/** Undefined where help is wanted. Throws `UsageError`. */
export function readLookUpOptions(args: readonly string[]): LookUpOptions | undefined {
  const { values, positionals } = readArguments('pit look-up', {
    args: [...args],
    allowPositionals: true,
    options: {
      all: { type: 'boolean' },
      processor: { type: 'string' },
      reason: { type: 'string' },
      yes: { type: 'boolean' },
      'per-second': { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) return undefined
  const { all, processor, reason } = values
  const given = [all === true, processor !== undefined, positionals.length > 0]
  if (given.filter(Boolean).length !== 1) {
    throw new UsageError('pit look-up takes correlationIds, --processor or --all')
  }
  const more = {
    reason,
    isConfirmed: values.yes === true,
    perSecond: readRate('per-second', values['per-second'], PER_SECOND),
  }
  if (all === true) return { which: { inDoubtAt: null }, about: '--all', ...more }
  if (processor === 'default' || processor === 'fallback') {
    return { which: { inDoubtAt: processor }, about: `--processor ${processor}`, ...more }
  }
  if (processor !== undefined) {
    throw new UsageError(`--processor is default or fallback, not ${processor}`)
  }
  const ids = [...new Set(positionals.map((id) => readPaymentId('pit look-up', id)))]
  return { which: { ids }, about: aboutIds(ids), ...more }
}

export interface LookUpTool {
  readonly pool: PostgresPool
  readonly write: (text: string) => void
  /** Asks whoever sits at the terminal; undefined: nobody does. */
  readonly confirm: ((question: string) => Promise<boolean>) | undefined
}

/** The exit code. Rejects with `UsageError` or `BooksUnreachable`. */
export async function runLookUp(options: LookUpOptions, tool: LookUpTool): Promise<number> {
  const { which } = options
  if ('ids' in which) return await makeDue(which.ids, options, tool)
  const { pool, write, confirm } = tool
  const { count } = await ask(pool.runForRow(COUNT, [which.inDoubtAt]))
  const rows = await ask(pool.run(IDS, [which.inDoubtAt, LOOK_UP_MAX]))
  write(`${counted(count, 'payment')} in doubt, parked and not yet due\n`)
  if (count > rows.length) write(`this command takes the first ${rows.length} of them\n`)
  if (!options.isConfirmed && count > 0) {
    if (confirm === undefined) {
      throw new UsageError('there is no terminal to ask at: --yes confirms')
    }
    const question = `look up ${counted(rows.length, 'payment')}, ${options.perSecond} a second?`
    if (!(await confirm(question))) {
      write('nothing was changed\n')
      return EXIT_DIFFERENT
    }
  }
  const ids = rows.map((row) => row.correlation_id)
  return await makeDue(ids, options, tool)
}

async function makeDue(
  ids: readonly string[],
  { about, reason, perSecond }: LookUpOptions,
  { pool, write }: LookUpTool,
): Promise<number> {
  if (ids.length === 0) return EXIT_FINE
  const payments = ids.length
  const payload = { about, payments, perSecond }
  const command = await noteCommand(pool, { kind: 'lookUp', payload, reason })
  const intervalMs = 1_000 / perSecond
  let due = 0
  for (let at = 0; at < ids.length; at += BATCH_MAX) {
    const batch = arrayOf(ids.slice(at, at + BATCH_MAX), (id) => id)
    const rows = await ask(pool.run(MAKE_DUE, [batch, at * intervalMs, intervalMs]))
    for (const row of rows) {
      const result = resultOf(row)
      if (result === 'due') due += 1
      if (result !== 'due' || payments === 1) write(`${row.correlation_id} ${SENTENCES[result]}\n`)
    }
  }
  await noteDone(pool, command, { payments, due })
  if (payments > 1) {
    const last = Math.ceil(((payments - 1) * intervalMs) / 1_000)
    write(`${due} of ${payments} payments due within ${last} s\n`)
  }
  return due === payments ? EXIT_FINE : EXIT_DIFFERENT
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

// Rows are locked in the order of their ids, as the instances lock them: nobody waits in a circle.
const MAKE_DUE = {
  name: 'makeDue',
  effect: 'writes',
  columns: DUE,
  text: `
  WITH wanted AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[]) WITH ORDINALITY AS item (correlation_id, number)
  ), locked AS MATERIALIZED (
    SELECT p.correlation_id, wanted.number
    FROM wanted JOIN payments p ON p.correlation_id = wanted.correlation_id
    WHERE (p.state + 0) = 0 AND p.owner IS NULL
      AND (p.default_doubt_until_ms IS NOT NULL OR p.fallback_doubt_until_ms IS NOT NULL)
    ORDER BY p.correlation_id
    FOR UPDATE OF p
  ), due AS (
    UPDATE payments p SET due_at = least(p.due_at, now()
      + ($2::float8 + (locked.number - 1) * $3::float8) * interval '1 millisecond')
    FROM locked WHERE p.correlation_id = locked.correlation_id
    RETURNING p.correlation_id
  )
  SELECT wanted.correlation_id::text,
    EXISTS (SELECT FROM due WHERE due.correlation_id = wanted.correlation_id) AS is_due,
    coalesce(p.state, CASE WHEN ${isKnown('wanted.correlation_id')} THEN 1 END) AS state,
    p.owner IS NOT NULL AS is_owned
  FROM wanted LEFT JOIN payments p ON p.correlation_id = wanted.correlation_id
  ORDER BY wanted.number`,
} satisfies Query
