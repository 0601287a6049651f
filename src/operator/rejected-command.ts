// `pit rejected`: payments that both processors denied, listed, and sent through again by hand.

import type { PostgresPool } from '../infra/postgres/pool.ts'
import { counted, printCents, readArguments, readInstant } from './command-line.ts'
import { readPaymentId, readRate } from './command-line.ts'
import { EXIT_DIFFERENT, EXIT_FINE, UsageError } from './failures.ts'
import { aboutIds, noteCommand, noteDone } from './noted-command.ts'
import {
  EVERYTHING,
  findRejected,
  listRejected,
  redriveBatch,
  type RedriveResult,
  type RejectedFilter,
  type RejectedPayment,
} from './redrive.ts'

/** Payments that become due in a second when a redrive does not say otherwise. */
const PER_SECOND = 100

/** Payments of one redrive: they are named when something else became of them meanwhile. */
const REDRIVE_MAX = 100_000

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
A redrive takes ${REDRIVE_MAX.toLocaleString('en-US')} payments at most. It may be interrupted, and repeated
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
      readonly redrive: Redrive
    }

interface Redrive {
  /** What it is about, in the words of its flags. */
  readonly about: string
  readonly reason: string | undefined
  readonly perSecond: number
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
    redrive: { about, reason: values.reason, perSecond },
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
  const { which, isConfirmed, redrive } = options
  if (isIds(which)) return await redriveAll(which, { tool, redrive })
  const ids = await confirmed(which, { tool, isConfirmed, perSecond: redrive.perSecond })
  return ids === undefined ? EXIT_DIFFERENT : await redriveAll(ids, { tool, redrive })
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
  const { ids, count, cents } = await findRejected(pool, filter, REDRIVE_MAX)
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

/** Payments of one transaction. */
const BATCH_MAX = 500

async function redriveAll(
  ids: readonly string[],
  { tool, redrive }: { readonly tool: RejectedTool; readonly redrive: Redrive },
): Promise<number> {
  if (ids.length === 0) return EXIT_FINE
  const { pool, write } = tool
  const { about, reason, perSecond } = redrive
  const payments = ids.length
  const command = await noteCommand(pool, {
    kind: 'redrive',
    payload: { about, payments, perSecond },
    reason,
  })
  const intervalMs = 1_000 / perSecond
  let redriven = 0
  for (let at = 0; at < ids.length; at += BATCH_MAX) {
    const batch = ids.slice(at, at + BATCH_MAX)
    const results = await redriveBatch(pool, batch, { delayMs: at * intervalMs, intervalMs })
    for (const { correlationId, result } of results) {
      if (result === 'redriven') redriven += 1
      if (result !== 'redriven' || ids.length === 1)
        write(`${correlationId} ${SENTENCES[result]}\n`)
    }
    if (ids.length > BATCH_MAX) write(`${redriven} of ${at + batch.length} redriven so far\n`)
  }
  await noteDone(pool, command, { payments, redriven })
  if (ids.length > 1) {
    const last = Math.ceil(((ids.length - 1) * intervalMs) / 1_000)
    write(`${redriven} of ${counted(ids.length, 'payment')} redriven, due within ${last} s\n`)
  }
  return redriven === ids.length ? EXIT_FINE : EXIT_DIFFERENT
}

const SENTENCES: Readonly<Record<RedriveResult, string>> = {
  redriven: 'is parked and due: the next instance with capacity sends it',
  open: 'is not rejected but still being worked on; nothing was changed',
  settled: 'is not rejected but settled; nothing was changed',
  unknown: 'is not known; nothing was changed',
}

function describe({ correlationId, amountCents, acceptedAt, why }: RejectedPayment): string {
  const at = new Date(acceptedAt).toISOString()
  const said = why === undefined ? '' : `  ${why}`
  return `${correlationId}  ${printCents(amountCents).padStart(14)}  accepted ${at}${said}`
}
