// The command line of `pit reconcile`.

import { parseArgs } from 'node:util'
import type { Span } from './books.ts'
import { UsageError } from './failures.ts'

export interface ReconcileOptions {
  readonly span: Span
  /** Asked for Pit's summaries in place of its tables; no slash at its end. */
  readonly pitUrl: string | undefined
}

export const RECONCILE_USAGE = `Usage: pit reconcile [options]

Compares Pit's books with both processors' and names the payments at fault.

  --from, --to <instant>  ISO instants with offset, both inclusive; absent: everything
  --url <url>             ask Pit over HTTP for its summaries, not its tables in DATABASE_URL
  --help                  shows this

While payments are under way the last ones may differ for seconds: let the window end before.

Environment: DATABASE_URL, PROCESSOR_DEFAULT_URL, PROCESSOR_FALLBACK_URL, PROCESSOR_TOKEN.
Exit codes: 0 equal; 1 different; 2 usage; 3 somebody does not answer.
`

/** First instant of an open window, epoch ms, and how far an open end reaches into the future. */
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
  const values = parse(args)
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

function parse(args: readonly string[]) {
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

/** A date alone, or a time without an offset, could mean more than one instant. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/

function readInstant(flag: string, text: string): number {
  const instant = INSTANT.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(instant)) {
    throw new UsageError(`--${flag} is an ISO instant with an offset, such as 2026-01-31T12:00:00Z`)
  }
  return instant
}
