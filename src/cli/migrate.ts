// `pit migrate`: which migrations of Pit's tables are applied, and the rest, by hand.

import { codeOf, wordsOf } from '../actors/model/errors.ts'
import {
  applyByHand,
  planMigrations,
  type MigrationPlan,
  type PendingMigration,
} from '../infra/postgres/migrate-by-hand.ts'
import { counted, readArguments } from '../operator/command-line.ts'
import {
  BooksUnreachable,
  EXIT_DIFFERENT,
  EXIT_FINE,
  UsageError,
  exitCodeOf,
} from '../operator/failures.ts'
import { findDatabase } from './addresses.ts'
import { escapedLines } from '../operator/free-text.ts'

const USAGE = `Usage: pit migrate --plan | --apply | --sql

Shows which migrations of Pit's tables are applied to the database, applies
those that are not, or prints them for psql. Works beside running instances and
beside another pit migrate; may be broken off, and goes on from there.

  --plan    when each was applied and by which Pit; what is left, who applies
            it, and about how many rows the table has. Changes nothing
  --apply   applies all that is left, also what a start leaves alone: what Pits
            that are older than it says do not survive
  --sql     prints what is left as one script for psql. Changes nothing
  --help    shows this

Examples:
  pit migrate --plan
  pit migrate --sql | psql postgres://admin@db/pit

Environment: DATABASE_URL. Without it: that of the dev stack that runs on
DATA_DIR (.data).
Exit codes: 0 nothing is left, or it is printed; 1 something is left, or was
refused; 2 usage; 3 the database does not answer.
`

const write = (text: string): void => void process.stdout.write(`${escapedLines(text)}\n`)

async function main(): Promise<number> {
  const flag = { type: 'boolean' } as const
  const options = { plan: flag, apply: flag, sql: flag, help: flag }
  const { values } = readArguments('pit migrate', { args: process.argv.slice(2), options })
  if (values.help === true) {
    process.stdout.write(USAGE)
    return EXIT_FINE
  }
  const wanted = (['plan', 'apply', 'sql'] as const).filter((each) => values[each] === true)
  const [what, ...more] = wanted
  if (what === undefined || more.length > 0) {
    throw new UsageError('pit migrate takes one of --plan, --apply, --sql (--help says more)')
  }
  const url = await findDatabase()
  try {
    const plan = await planMigrations(url)
    if (what === 'plan') return showPlan(plan)
    if (what === 'apply') return await apply(url, plan)
    process.stdout.write(plan.script)
    return EXIT_FINE
  } catch (cause) {
    // The tables are of another Pit, or the role may not.
    if (!['schema_unfit', '42501'].includes(codeOf(cause))) throw new BooksUnreachable('Pit', cause)
    process.stderr.write(`${escapedLines(wordsOf(cause))}\n`)
    return EXIT_DIFFERENT
  }
}

function showPlan({ records, pending }: MigrationPlan): number {
  for (const { name, appliedAt, appliedBy, rows } of records) {
    const changed = rows === 0 ? '' : `, ${counted(rows, 'row')} changed`
    const when = appliedAt === null ? 'begun' : `applied ${appliedAt}`
    write(`${name}  ${when} by ${appliedBy}${changed}`)
  }
  for (const each of pending) write(`${each.name}  ${describe(each)}`)
  return pending.length === 0 ? EXIT_FINE : EXIT_DIFFERENT
}

function describe({ kind, appliedBy, needsCode, table }: PendingMigration): string {
  const who =
    appliedBy === 'person'
      ? 'by pit migrate --apply'
      : `by ${WHO[appliedBy]} or pit migrate --apply`
  const about = table === undefined ? '' : `, about ${counted(table.rows, 'row')} in ${table.name}`
  const ends =
    needsCode === 0 ? '' : `; Pits that do not know migration ${needsCode} do not survive it`
  return `is left: ${HOW[kind]}, ${who}${about}${ends}`
}

const HOW: Readonly<Record<PendingMigration['kind'], string>> = {
  transaction: 'in one transaction',
  statements: 'outside a transaction',
  batches: 'in batches',
}

const WHO: Readonly<Record<'start' | 'instance', string>> = {
  start: 'the next start',
  instance: 'an instance while it serves',
}

/** Between two lines of progress, ms. */
const PROGRESS_MS = 2_000

async function apply(url: string, { pending }: MigrationPlan): Promise<number> {
  if (pending.length === 0) {
    write('nothing is left to apply')
    return EXIT_FINE
  }
  const broken = new AbortController()
  const stop = (): void => broken.abort()
  process.once('SIGINT', stop).once('SIGTERM', stop)
  let toldAt = 0
  try {
    await applyByHand(url, {
      signal: broken.signal,
      onLocked: () => write('somebody else applies migrations now: waiting for that'),
      onWaiting: (reason) => write(`trying again: ${reason}`),
      onNews: ({ migration, state, rows }) => {
        if (state === 'going on' && performance.now() < toldAt + PROGRESS_MS) return
        toldAt = performance.now()
        write(`${migration}  ${state}${rows === 0 ? '' : `, ${counted(rows, 'row')} changed`}`)
      },
    })
  } catch (cause) {
    if (!broken.signal.aborted) throw cause
    write('broken off: the next one goes on from here')
    return EXIT_DIFFERENT
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop)
  }
  return EXIT_FINE
}

// Stands below the constants: what stands below it has no value yet when it runs.
process.exitCode = await exitCodeOf(main, (text) => process.stderr.write(text))
