// `pit rejected`: payments that both processors denied, listed, and sent through again by hand.

import type { PostgresPool } from '../infra/postgres/pool.ts'
import { counted, printCents, readArguments, readInstant } from './command-line.ts'
import { readPaymentId, readRate, readReason } from './command-line.ts'
import { EXIT_DIFFERENT, EXIT_FINE, UsageError } from './failures.ts'
import { aboutIds } from './noted-command.ts'
import { PAYMENTS_MAX, PER_SECOND, runOrder, type PacedOrder } from './paced-command.ts'
import { EVERYTHING, findRejected, listRejected } from './redrive.ts'
import type { RejectedFilter, RejectedPayment } from './redrive.ts'
import { escaped } from './free-text.ts'

export const REJECTED_USAGE = `Usage: pit rejected [options]
       pit rejected --redrive <id>...
       pit rejected --redrive (--all | filter) [--yes]

Lists the payments that both processors denied, or sends some of them through
again: those with the given correlationIds, all of them, or those that fit a
filter. Before it redrives by a filter it says how many they are, and asks.

  --redrive               send through again, and do not only list
  --all                   all rejected payments
  --from, --to <instant>  filter: accepted then; ISO instants with offset, both
                          inclusive
  --processor <name>      filter: denied by that one, default or fallback
  --status <answer>       filter: what a processor said, such as "http 400"
  --reason <text>         why, for whoever reads pit audit later
  --yes                   do not ask
  --per-second <count>    payments that become due in a second, ${PER_SECOND} when absent
  --help                  shows this

Each redrive is a row of the table commands, which pit audit lists: the role of
the database that it used, when, why, what it was about and what it met.
A redrive takes ${PAYMENTS_MAX.toLocaleString('en-US')} payments at most. It may be interrupted, and repeated
for the rest: a payment that is not rejected any more is left alone, and named.

Examples:
  pit rejected --processor default
  pit rejected --redrive 4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3
  pit rejected --redrive --all --yes

Environment: DATABASE_URL. Without it: that of the dev stack that runs on
DATA_DIR (.data).
Exit codes: 0 done; 1 a payment was not redriven, or it was not confirmed;
2 usage; 3 the database does not answer.
`

export type RejectedOptions =
  | { readonly kind: 'help' }
  | { readonly kind: 'list'; readonly filter: RejectedFilter }
  | {
      readonly kind: 'redrive'
      readonly which: readonly string[] | RejectedFilter
      readonly isConfirmed: boolean
      /** What it is about is said in the words of its flags. */
      readonly order: Omit<PacedOrder, 'ids'>
    }

/** Throws `UsageError`. */
export function readRejectedOptions(args: readonly string[]): RejectedOptions {
  const { values, positionals: ids } = parseFlags(args)
  if (values.help === true) return { kind: 'help' }
  const filter = readFilter(values)
  if (filter !== undefined && values.all === true) throw new UsageError('--all takes no filter')
  if (values.redrive !== true) {
    if (values.reason !== undefined) throw new UsageError('--reason stands after --redrive')
    if (ids.length > 0) throw new UsageError('correlationIds stand after --redrive')
    return { kind: 'list', filter: filter ?? EVERYTHING }
  }
  const wanted = values.all === true ? EVERYTHING : filter
  if (wanted !== undefined && ids.length > 0) {
    throw new UsageError('--redrive takes correlationIds or a filter, not both')
  }
  if (wanted === undefined && ids.length === 0) {
    throw new UsageError('--redrive takes correlationIds, a filter or --all')
  }
  const perSecond = readRate('per-second', values['per-second'], PER_SECOND)
  const named = [...new Set(ids.map((id) => readPaymentId('--redrive', id)))]
  const about = aboutOf(values, named)
  return {
    kind: 'redrive',
    which: wanted ?? named,
    isConfirmed: values.yes === true,
    order: { kind: 'redrive', about, reason: readReason(values.reason), perSecond },
  }
}

function aboutOf(values: ReturnType<typeof parseFlags>['values'], ids: readonly string[]): string {
  if (values.all === true) return '--all'
  if (ids.length > 0) return aboutIds(ids)
  return (['from', 'to', 'processor', 'status'] as const)
    .flatMap((name) => (values[name] === undefined ? [] : [`--${name} ${values[name]}`]))
    .join(' ')
}

function readFilter(values: ReturnType<typeof parseFlags>['values']): RejectedFilter | undefined {
  const { from, to, processor, status } = values
  if ([from, to, processor, status].every((each) => each === undefined)) return undefined
  if (processor !== undefined && processor !== 'default' && processor !== 'fallback') {
    throw new UsageError(`--processor is default or fallback, not ${processor}`)
  }
  const window = {
    from: readInstant('from', from, EVERYTHING.from),
    to: readInstant('to', to, EVERYTHING.to),
  }
  if (window.from > window.to) throw new UsageError('--from is after --to')
  return { ...window, processor, status: status?.replace(/^(?=\d{3}$)/, 'http ') }
}

function parseFlags(args: readonly string[]) {
  return readArguments('pit rejected', {
    // An id may be joined to the flag.
    args: args.flatMap((each) => (each.startsWith('--redrive=') ? each.split('=', 2) : [each])),
    allowPositionals: true,
    options: {
      redrive: { type: 'boolean' },
      all: { type: 'boolean' },
      from: { type: 'string' },
      to: { type: 'string' },
      processor: { type: 'string' },
      status: { type: 'string' },
      reason: { type: 'string' },
      yes: { type: 'boolean' },
      'per-second': { type: 'string' },
      help: { type: 'boolean' },
    },
  })
}

export interface RejectedTool {
  readonly pool: PostgresPool
  readonly write: (text: string) => void
  /** Asks whoever sits at the terminal; undefined: nobody does. */
  readonly confirm: ((question: string) => Promise<boolean>) | undefined
}

/** The exit code. Rejects with `UsageError` or `BooksUnreachable`. */
export async function runRejected(
  options: Exclude<RejectedOptions, { kind: 'help' }>,
  tool: RejectedTool,
): Promise<number> {
  if (options.kind === 'list') return await list(options.filter, tool)
  const { which, isConfirmed, order } = options
  if (isIds(which)) return await runOrder({ ...order, ids: which }, tool)
  const ids = await confirmed(which, { tool, isConfirmed, perSecond: order.perSecond })
  return ids === undefined ? EXIT_DIFFERENT : await runOrder({ ...order, ids }, tool)
}

// Array.isArray does not narrow a readonly array.
function isIds(which: readonly string[] | RejectedFilter): which is readonly string[] {
  return Array.isArray(which)
}

/** Payments in one listing, and of the sample that stands above a question. */
const LISTED_MAX = 1000
const SAMPLE_MAX = 10

async function list(filter: RejectedFilter, { pool, write }: RejectedTool): Promise<number> {
  const rejected = await listRejected(pool, filter, LISTED_MAX)
  if (rejected.length === 0) write('no payment is rejected\n')
  for (const payment of rejected) write(`${describe(payment)}\n`)
  if (rejected.length === LISTED_MAX) write(`and perhaps more: the oldest ${LISTED_MAX} only\n`)
  return EXIT_FINE
}

/** The ids of what is to be redriven; undefined when that was declined. */
async function confirmed(
  filter: RejectedFilter,
  {
    tool,
    isConfirmed,
    perSecond,
  }: { readonly tool: RejectedTool; readonly isConfirmed: boolean; readonly perSecond: number },
): Promise<readonly string[] | undefined> {
  const { pool, write, confirm } = tool
  const { ids, count, cents } = await findRejected(pool, filter, PAYMENTS_MAX)
  write(`${counted(count, 'payment')} rejected, ${printCents(cents)} in all\n`)
  if (count === 0) return []
  const sample = await listRejected(pool, filter, SAMPLE_MAX)
  for (const payment of sample) write(`${describe(payment)}\n`)
  if (count > sample.length) write(`and ${count - sample.length} more\n`)
  if (count > ids.length) write(`this redrive takes the oldest ${ids.length} of them\n`)
  if (isConfirmed) return ids
  if (confirm === undefined) throw new UsageError('there is no terminal to ask at: --yes confirms')
  if (await confirm(`redrive ${counted(ids.length, 'payment')}, ${perSecond} a second?`)) return ids
  write('nothing was changed\n')
  return undefined
}

function describe({ correlationId, amountCents, acceptedAt, why }: RejectedPayment): string {
  const at = new Date(acceptedAt).toISOString()
  const said = why === undefined ? '' : `  ${why}`
  const amount = printCents(amountCents).padStart(14)
  return escaped(`${correlationId}  ${amount}  accepted ${at}${said}`)
}
