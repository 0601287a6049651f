// `pit look-up`: parked payments in doubt are due now, one after the other, so that an instance claims
// them and asks their processors. No settle-by deadline changes: what is not found is believed no
// earlier for that.

import type { ProcessorName } from '../actors/model/payment.ts'
import type { PostgresPool } from '../infra/postgres/pool.ts'
import { counted, readArguments, readPaymentId, readRate, readReason } from './command-line.ts'
import { EXIT_DIFFERENT, UsageError } from './failures.ts'
import { aboutIds } from './noted-command.ts'
import { PAYMENTS_MAX, PER_SECOND, runOrder } from './paced-command.ts'
import { findParkedDoubts } from './parked-doubts.ts'

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
${PAYMENTS_MAX.toLocaleString('en-US')} payments at most.

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
    reason: readReason(reason),
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
  const { which, about, reason, perSecond } = options
  const order = { kind: 'lookUp', about, reason, perSecond } as const
  if ('ids' in which) return await runOrder({ ...order, ids: which.ids }, tool)
  const { pool, write, confirm } = tool
  const { ids, count } = await findParkedDoubts(pool, which.inDoubtAt, PAYMENTS_MAX)
  write(`${counted(count, 'payment')} in doubt, parked and not yet due\n`)
  if (count > ids.length) write(`this command takes the first ${ids.length} of them\n`)
  if (!options.isConfirmed && count > 0) {
    if (confirm === undefined) {
      throw new UsageError('there is no terminal to ask at: --yes confirms')
    }
    const question = `look up ${counted(ids.length, 'payment')}, ${perSecond} a second?`
    if (!(await confirm(question))) {
      write('nothing was changed\n')
      return EXIT_DIFFERENT
    }
  }
  return await runOrder({ ...order, ids }, tool)
}
