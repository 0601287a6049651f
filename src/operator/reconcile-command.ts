// `pit reconcile`: its command line and its run.

import type { ProcessorName } from '../actors/model/payment.ts'
import type { PostgresPool } from '../infra/postgres/pool.ts'
import { readProgress } from '../infra/postgres/row-sums.ts'
import { JOINED_MS } from '../infra/postgres/summaries.ts'
import { AskedProcessor } from './asked-processor.ts'
import { counted, printInstant, readArguments, readHttpUrl } from './command-line.ts'
import { readInstant, readRate } from './command-line.ts'
import { compareWith, type CompareRequest, type Comparison } from './comparison.ts'
import { DIFFERING_MAX } from './differing-spans.ts'
import { EXIT_DIFFERENT, EXIT_FINE, UsageError } from './failures.ts'
import {
  ask,
  booksInTables,
  booksOverHttp,
  openTables,
  startOfGrain,
  type BooksBegin,
  type PitBooks,
  type Span,
} from './pit-books.ts'
import { findOutOfTime, rowsInTables } from './pit-payments.ts'
import {
  describeBucket,
  describeComparison,
  describeFinding,
  describeOutOfTime,
  describeRowsGone,
  processorOf,
  spanOf,
} from './reconcile-report.ts'
import { IN_FLIGHT_MAX_MS, readIds, takeBack } from './take-back.ts'
import { compareRowsWithTotals, findRowsGone } from './rows-and-totals.ts'
import { escapedLines } from './free-text.ts'

export interface ReconcileOptions {
  readonly span: Span
  /** Whether the window has no start, or no end: then it is everything that can be asked about. */
  readonly isOpen: { readonly from: boolean; readonly to: boolean }
  /** Asked for Pit's summaries in place of its tables; no slash at its end. */
  readonly pitUrl: string | undefined
  readonly lookUps: CompareRequest['lookUps']
  /** Look-ups that begin in a second, at most. */
  readonly perSecond: number
  /** Rows before it were moved away, epoch ms. */
  readonly archivedBefore: number | undefined
  /** A file with ids that Pit may have lost: they are booked, and nothing is compared. */
  readonly takeBack: string | undefined
  /** The longest that a charge may be in flight, ms: younger ones are not booked. */
  readonly inFlightMs: number
  /** Whether to do so without asking. */
  readonly isConfirmed: boolean
}

/** Slower than payments come in at many Pits: they go to the processors meanwhile. */
const PER_SECOND = 500

export const RECONCILE_USAGE = `Usage: pit reconcile [options]

Compares Pit's books three ways: the rows of settled payments with the totals
that summaries are made of, and the rows with both processors, each payment by a
look-up. Names what was deleted, altered or added in any of the three.

  --from, --to <instant>  ISO instants with offset, both inclusive; absent:
                          everything from 1970 to 2999
  --sums                  quick: compares sums by the hour, and payments only
                          where they differ
  --per-second <count>    look-ups that begin in a second, ${PER_SECOND} when absent
  --archived-before <instant>
                          rows before it were moved away: only their totals are
                          compared
  --url <url>             ask Pit over HTTP for its summaries, in place of its
                          rows' sums; without DATABASE_URL nothing else is
                          compared
  --take-back <file>      compare nothing: book what PostgreSQL has lost in a
                          failover. The file has the correlationIds, a line
                          each, as clients or the old server know them. Those
                          that Pit does not know, and that one processor alone
                          has had for ${IN_FLIGHT_MAX_MS / 60_000} minutes, are booked as settled,
                          but where its totals count payments whose rows were
                          dropped. Names those, and those that no book has.
                          Says how many are booked, and asks
  --in-flight <seconds>   in place of those minutes: 1.05 times the sum of
                          IN_DOUBT_HORIZON_MS and LOOKUP_LAG_MS of the
                          instances, rounded up
  --yes                   do not ask
  --help                  shows this

While payments are under way the last ones may differ for seconds: let the
window end before. A million payments take half an hour at ${PER_SECOND} a second, and a
few seconds with --sums. Findings are printed as they come; to go on after an
interruption, begin --from where progress stood.

Examples:
  pit reconcile
  pit reconcile --sums --from 2026-01-31T00:00:00Z --to 2026-01-31T23:59:59Z

Environment: DATABASE_URL, PROCESSOR_DEFAULT_URL, PROCESSOR_FALLBACK_URL,
PROCESSOR_TOKEN. Without DATABASE_URL and --url: what the dev stack uses that
runs on DATA_DIR (.data).
Exit codes: 0 equal; 1 different; 2 usage; 3 Pit, its database or a processor
does not answer; 4 a bug of this tool.
`

/** Both ends of a window that has none, epoch ms. */
const FIRST_MS = 0
const LAST_MS = Date.parse('2999-12-31T23:59:59.999Z')

const SECOND_MS = 1_000

/** Undefined when only help was asked for. Throws `UsageError`. */
export function readReconcileOptions(args: readonly string[]): ReconcileOptions | undefined {
  const values = parseFlags(args)
  if (values.help === true) return undefined
  const from = readInstant('from', values.from, FIRST_MS)
  const to = readInstant('to', values.to, LAST_MS)
  if (from > to) throw new UsageError('--from is after --to')
  const { url } = values
  const archived = values['archived-before']
  return {
    span: { from, to },
    isOpen: { from: values.from === undefined, to: values.to === undefined },
    pitUrl: url === undefined ? undefined : readHttpUrl('url', url),
    lookUps: values.sums === true ? 'whereSumsDiffer' : 'all',
    perSecond: readRate('per-second', values['per-second'], PER_SECOND),
    archivedBefore:
      archived === undefined ? undefined : readInstant('archived-before', archived, FIRST_MS),
    takeBack: values['take-back'],
    inFlightMs: readRate('in-flight', values['in-flight'], IN_FLIGHT_MAX_MS / 1000) * 1000,
    isConfirmed: values.yes === true,
  }
}

function parseFlags(args: readonly string[]) {
  return readArguments('pit reconcile', {
    args: [...args],
    options: {
      from: { type: 'string' },
      to: { type: 'string' },
      sums: { type: 'boolean' },
      'per-second': { type: 'string' },
      'archived-before': { type: 'string' },
      url: { type: 'string' },
      'take-back': { type: 'string' },
      'in-flight': { type: 'string' },
      yes: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  }).values
}

/** From the environment. */
export interface ReconcileAddresses {
  readonly databaseUrl: string | undefined
  readonly processors: Readonly<Record<ProcessorName, string>>
  /** Token for the processors' admin summaries. */
  readonly token: string | undefined
}

export interface ReconcileOutput {
  /** Findings and verdicts. */
  readonly write: (text: string) => void
  /** How far it is: one line without its end, now and then. */
  readonly progress: (line: string) => void
  /** Asks whoever sits at the terminal; undefined: nobody does. */
  readonly confirm?: ((question: string) => Promise<boolean>) | undefined
}

/** The exit code. Rejects with `UsageError` or `BooksUnreachable`. */
export async function runReconcile(
  options: ReconcileOptions,
  addresses: ReconcileAddresses,
  output: ReconcileOutput,
): Promise<number> {
  const { databaseUrl, token, processors } = addresses
  if (token === undefined)
    throw new UsageError('PROCESSOR_TOKEN is not set; --help says what is needed')
  if (databaseUrl === undefined && options.pitUrl === undefined)
    throw new UsageError(
      'DATABASE_URL is not set, and no --url is given; --help says what is needed',
    )
  const tables = databaseUrl === undefined ? undefined : openTables(databaseUrl)
  const { perSecond } = options
  const asked = (name: ProcessorName): AskedProcessor =>
    new AskedProcessor({ name, url: processors[name].replace(/\/$/, ''), token, perSecond })
  try {
    const both = { default: asked('default'), fallback: asked('fallback') }
    if (options.takeBack === undefined) {
      return await new Reconciliation(options, { tables, output }).compare(both)
    }
    if (tables === undefined) throw new UsageError('--take-back needs DATABASE_URL')
    const { inFlightMs, isConfirmed } = options
    const tool = { tables, processors: both, write: output.write, confirm: output.confirm }
    return await takeBack(await readIds(options.takeBack), {
      ...tool,
      inFlightMs,
      isConfirmed,
      now: Date.now(),
    })
  } finally {
    await tables?.close()
  }
}

type AskedProcessors = Readonly<Record<ProcessorName, AskedProcessor>>

class Reconciliation {
  readonly #options: ReconcileOptions
  readonly #tables: PostgresPool | undefined
  readonly #output: ReconcileOutput
  #isEqual = true

  constructor(
    options: ReconcileOptions,
    parts: { readonly tables: PostgresPool | undefined; readonly output: ReconcileOutput },
  ) {
    this.#options = options
    this.#tables = parts.tables
    this.#output = parts.output
  }

  async compare(processors: AskedProcessors): Promise<number> {
    const tables = this.#tables
    const begin =
      tables === undefined
        ? { rowsFrom: 0, grainMs: SECOND_MS, joinedBefore: 0 }
        : await this.#compareTables(tables, processors)
    const comparisons: Comparison[] = []
    for (const processor of [processors.default, processors.fallback]) {
      comparisons.push(await this.#compareWith(processor, begin))
    }
    for (const comparison of comparisons) this.#say(describeComparison(comparison))
    if (comparisons.some(({ findings }) => findings > 0)) this.#isEqual = false
    this.#sayWhatIsLeftOut(comparisons)
    return this.#isEqual ? EXIT_FINE : EXIT_DIFFERENT
  }

  async #compareTables(tables: PostgresPool, processors: AskedProcessors): Promise<BooksBegin> {
    const { span, archivedBefore } = this.#options
    const progress = await ask(readProgress(tables))
    const { joinedBefore } = progress
    const grainMs = span.from < joinedBefore ? JOINED_MS : SECOND_MS
    const gone = await findRowsGone(tables, span, { ...progress, archivedBefore, grainMs })
    if (gone !== undefined) {
      this.#say(describeRowsGone(gone))
      if (gone.why === 'unknown') this.#isEqual = false
    }
    await this.#nameOutOfTime(tables)
    const rowsFrom = gone?.before ?? startOfGrain(span.from, grainMs)
    const from = Math.max(rowsFrom, span.from)
    const begin = { rowsFrom, grainMs, joinedBefore }
    if (from > span.to) return begin
    const buckets = await compareRowsWithTotals(
      tables,
      { from, to: span.to },
      {
        onBucket: async (bucket) => {
          const name = bucket.level === 0 ? processorOf(bucket) : undefined
          const recorded = name && (await processors[name].total(spanOf(bucket)))
          this.#say(describeBucket(bucket, recorded))
        },
        onProgress: (at) => this.#output.progress(`rows and totals: ${printInstant(at)}`),
      },
    )
    if (buckets > 0) this.#isEqual = false
    const more = buckets < DIFFERING_MAX ? '' : ', and perhaps more'
    this.#say(
      `rows and totals: ${buckets === 0 ? 'equal' : `${counted(buckets, 'bucket')} ${buckets === 1 ? 'differs' : 'differ'}${more}`}`,
    )
    return begin
  }

  /** An open window cannot reach further than processors can be asked. */
  async #nameOutOfTime(tables: PostgresPool): Promise<void> {
    const { span, isOpen } = this.#options
    const asked = {
      from: isOpen.from ? span.from : Number.MIN_SAFE_INTEGER,
      to: isOpen.to ? span.to : Number.MAX_SAFE_INTEGER,
    }
    const payments = await findOutOfTime(tables, { span: asked, limit: DIFFERING_MAX })
    for (const payment of payments) this.#say(describeOutOfTime(payment))
    if (payments.length > 0) this.#isEqual = false
  }

  #compareWith(processor: AskedProcessor, begin: BooksBegin): Promise<Comparison> {
    const { span, lookUps } = this.#options
    const { name } = processor
    return compareWith(processor, {
      span,
      pit: this.#pitBooks(begin),
      rows: this.#tables && rowsInTables(this.#tables),
      rowsFrom: begin.rowsFrom,
      grainMs: begin.grainMs,
      lookUps,
      tell: (finding) => {
        for (const line of describeFinding(finding, name)) this.#say(line)
      },
      onProgress: (at) => {
        const looked = `${counted(processor.lookedUp, 'payment')} looked up`
        this.#output.progress(`${name}: ${printInstant(at)}, ${looked}`)
      },
    })
  }

  #pitBooks(begin: BooksBegin): PitBooks {
    const { pitUrl } = this.#options
    if (pitUrl !== undefined) return booksOverHttp(pitUrl)
    if (this.#tables === undefined) throw new UsageError('there are no books of Pit to compare')
    return booksInTables(this.#tables, begin)
  }

  #sayWhatIsLeftOut(comparisons: readonly Comparison[]): void {
    const payments = comparisons.reduce((sum, { pit }) => sum + pit.payments, 0n)
    const rest = counted(payments, 'payment')
    if (this.#tables === undefined) {
      this.#say('not looked at: rows and totals in PostgreSQL, because DATABASE_URL is not set')
      this.#say(`not looked at: ${rest} one by one; what cancels out is not seen`)
    } else if (this.#options.lookUps === 'whereSumsDiffer') {
      this.#say(`not looked at: ${rest} one by one; what cancels out within an hour is not seen`)
    }
  }

  #say(line: string): void {
    this.#output.write(`${escapedLines(line)}\n`)
  }
}
