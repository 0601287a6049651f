// `pit reconcile`: its command line, its run and what it prints.

import { parseArgs } from 'node:util'
import { formatCents, type Cents } from '../actors/model/money.ts'
import type { ProcessorName, ProcessorTotal } from '../actors/model/payment.ts'
import { ProcessorBooks } from '../infra/processor/books.ts'
import {
  areEqual,
  type Comparison,
  type Mismatch,
  type Difference,
  DIFFERING_MAX,
  isDifferent,
  reconcile,
  type Discrepancy,
} from './comparison.ts'
import { EXIT_DIFFERENT, EXIT_FINE, UsageError } from './failures.ts'
import { booksInTables, booksOverHttp, openTables, type Span } from './pit-books.ts'

export interface ReconcileOptions {
  readonly span: Span
  /** Asked for Pit's summaries in place of its tables; no slash at its end. */
  readonly pitUrl: string | undefined
}

export const RECONCILE_USAGE = `Usage: pit reconcile [options]

Compares Pit's books with both processors' and names the payments that differ.

  --from, --to <instant>  ISO instants with offset, both inclusive; absent: everything
  --url <url>             ask Pit over HTTP for its summaries, not its tables in DATABASE_URL
  --help                  shows this

While payments are under way the last ones may differ for seconds: let the window end before.

Environment: DATABASE_URL, PROCESSOR_DEFAULT_URL, PROCESSOR_FALLBACK_URL, PROCESSOR_TOKEN.
Exit codes: 0 equal; 1 different; 2 usage; 3 Pit, its database or a processor does not answer.
`

/** Start of a window without one, epoch ms, and how far one without an end reaches ahead. */
const FIRST_MS = 0
const AHEAD_MS = 86_400_000

/**
 * Undefined when only help was asked for. Throws `UsageError`.
 * @param now epoch ms, for a window without an end.
 */
export function readReconcileOptions(
  args: readonly string[],
  now: number,
): ReconcileOptions | undefined {
  const values = parseFlags(args)
  if (values.help === true) return undefined
  const from = values.from === undefined ? FIRST_MS : readInstant('from', values.from)
  const to = values.to === undefined ? now + AHEAD_MS : readInstant('to', values.to)
  if (from > to) throw new UsageError('--from is after --to')
  const { url } = values
  if (url !== undefined && (!URL.canParse(url) || !/^https?:/.test(url))) {
    throw new UsageError(`--url is an http address, not ${url}`)
  }
  return { span: { from, to }, pitUrl: url?.replace(/\/$/, '') }
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        from: { type: 'string' },
        to: { type: 'string' },
        url: { type: 'string' },
        help: { type: 'boolean' },
      },
    }).values
  } catch (cause) {
    throw new UsageError(`${(cause as Error).message}\n\n${RECONCILE_USAGE}`, { cause })
  }
}

/** With an offset: a date alone, or a local time, could mean more than one instant. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/

function readInstant(flag: string, text: string): number {
  const instant = INSTANT.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(instant)) {
    throw new UsageError(`--${flag} is an ISO instant with an offset, such as 2026-01-31T12:00:00Z`)
  }
  return instant
}

/** From the environment. */
export interface ReconcilePlaces {
  readonly databaseUrl: string | undefined
  readonly processors: Readonly<Record<ProcessorName, string>>
  /** For the processors' admin summaries. */
  readonly token: string | undefined
}

/** Bound on one question to a processor, ms. */
const TIMEOUT_MS = 10_000

/** The exit code. Rejects with `UsageError` or `BooksUnreachable`. */
export async function runReconcile(
  { span, pitUrl }: ReconcileOptions,
  places: ReconcilePlaces,
  write: (text: string) => void,
): Promise<number> {
  const { databaseUrl, token, processors } = places
  if (token === undefined)
    throw new UsageError('PROCESSOR_TOKEN is not set; --help says what is needed')
  const tables = databaseUrl === undefined ? undefined : openTables(databaseUrl)
  const pit = pitUrl === undefined ? tables && booksInTables(tables) : booksOverHttp(pitUrl)
  if (pit === undefined)
    throw new UsageError(
      'DATABASE_URL is not set, and no --url is given; --help says what is needed',
    )
  try {
    const comparisons = await reconcile({
      span,
      pit,
      tables,
      processors: (['default', 'fallback'] as const).map((name) => {
        const url = processors[name].replace(/\/$/, '')
        return new ProcessorBooks({ name, url, token, timeoutMs: TIMEOUT_MS })
      }),
    })
    write(`${describeComparisons(comparisons)}\n`)
    return areEqual(comparisons) ? EXIT_FINE : EXIT_DIFFERENT
  } finally {
    await tables?.close()
  }
}

/** A line for each processor, and below it where and why the books differ. */
function describeComparisons(comparisons: readonly Comparison[]): string {
  return comparisons.flatMap(describeComparison).join('\n')
}

function describeComparison(comparison: Comparison): readonly string[] {
  const { processor, pit, recorded, difference, discrepancies } = comparison
  const sums = `Pit ${describeTotal(pit)}, processor ${describeTotal(recorded)}`
  if (!isDifferent(difference)) return [`${processor}: equal; ${sums}`]
  return [
    `${processor}: Pit has ${describeDifference(difference)}; ${sums}`,
    ...discrepancies.flatMap(describeDiscrepancy),
    ...(discrepancies.length >= DIFFERING_MAX
      ? [`  and perhaps more: the first ${DIFFERING_MAX} only`]
      : []),
  ]
}

function describeDiscrepancy({ span, difference, mismatches }: Discrepancy): readonly string[] {
  const line = `  ${describeSpan(span)}: Pit has ${describeDifference(difference)}`
  if (span.from < span.to) return [`${line}, though each half agrees: a running total is wrong`]
  if (mismatches === undefined) return [line]
  if (mismatches.length === 0) return [line, `    ${UNEXPLAINED}`]
  return [line, ...mismatches.map((mismatch) => `    ${describeMismatch(mismatch)}`)]
}

const UNEXPLAINED = 'no payment that Pit knows accounts for it: another client may pay there'

function describeMismatch({ candidate, recorded }: Mismatch): string {
  const { correlationId, amountCents, state, processor, requestedAt } = candidate
  const where =
    requestedAt === undefined ? '' : ` at ${processor} requested ${printInstant(requestedAt)}`
  const theirs =
    recorded === undefined
      ? 'the processor does not know it'
      : `the processor has ${amountOf(recorded.amountCents)} requested ${printInstant(recorded.requestedAt)}`
  return `${correlationId}: Pit has ${formatCents(amountCents)} ${state}${where}, ${theirs}`
}

function amountOf(cents: number | undefined): string {
  return cents === undefined ? 'fractions of a cent' : formatCents(cents)
}

function describeTotal({ payments, cents }: ProcessorTotal<Cents>): string {
  return `${payments} payments of ${formatCents(cents)}`
}

function describeDifference({ payments, cents }: Difference): string {
  const sign = (value: Cents): string => (value < 0 ? '' : '+')
  return `${sign(payments)}${payments} payments, ${sign(cents)}${formatCents(cents)}`
}

function describeSpan({ from, to }: Span): string {
  return from === to ? printInstant(from) : `${printInstant(from)} to ${printInstant(to)}`
}

function printInstant(instant: number): string {
  return new Date(instant).toISOString()
}
