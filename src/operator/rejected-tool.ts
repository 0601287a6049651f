// `pit rejected`: its command line and what it prints.

import { parseArgs } from 'node:util'
import { formatCents } from '../actors/model/money.ts'
import type { PostgresPool } from '../infra/postgres/pool.ts'
import { EXIT_DIFFERENT, EXIT_FINE, UsageError } from './failures.ts'
import { LISTED_MAX, listRejected, redrive, type RejectedPayment } from './rejected.ts'

export const REJECTED_USAGE = `Usage: pit rejected [options]

Lists the payments that a processor rejected, or sends one of them through again.

  --redrive <id>  the correlationId of the one to send through again
  --help          shows this

Environment: DATABASE_URL.
Exit codes: 0 done; 1 there is no such rejected payment; 2 usage; 3 the database does not answer.
`

export type RejectedOptions =
  { readonly kind: 'help' | 'list' } | { readonly kind: 'redrive'; readonly correlationId: string }

/** Throws `UsageError`. */
export function readRejectedOptions(args: readonly string[]): RejectedOptions {
  const values = parse(args)
  if (values.help === true) return { kind: 'help' }
  const id = values.redrive
  if (id === undefined) return { kind: 'list' }
  if (!UUID.test(id)) throw new UsageError(`--redrive takes the UUID of a payment, not ${id}`)
  return { kind: 'redrive', correlationId: id.toLowerCase() }
}

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i

/** The exit code. Rejects with `BooksUnreachable`. */
export async function runRejected(
  options: Exclude<RejectedOptions, { kind: 'help' }>,
  tool: { readonly pool: PostgresPool; readonly write: (text: string) => void },
): Promise<number> {
  const { pool, write } = tool
  if (options.kind === 'redrive') {
    const { correlationId } = options
    const result = await redrive(pool, correlationId)
    write(`${correlationId} ${SENTENCES[result]}\n`)
    return result === 'redriven' ? EXIT_FINE : EXIT_DIFFERENT
  }
  const rejected = await listRejected(pool)
  if (rejected.length === 0) write('no payment is rejected\n')
  for (const payment of rejected) write(`${describe(payment)}\n`)
  if (rejected.length === LISTED_MAX) write(`and perhaps more: the oldest ${LISTED_MAX} only\n`)
  return EXIT_FINE
}

const SENTENCES = {
  redriven: 'is parked and due: the next instance with room sends it',
  open: 'is not rejected but still being worked on; nothing was changed',
  settled: 'is not rejected but settled; nothing was changed',
  unknown: 'is not known; nothing was changed',
} as const

function describe({ correlationId, amountCents, acceptedAt, last }: RejectedPayment): string {
  const why = last === undefined ? '' : `  ${last.processor}: ${last.detail ?? last.outcome}`
  const at = new Date(acceptedAt).toISOString()
  return `${correlationId}  ${formatCents(amountCents).padStart(14)}  accepted ${at}${why}`
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: { redrive: { type: 'string' }, help: { type: 'boolean' } },
    }).values
  } catch (cause) {
    throw new UsageError(`${(cause as Error).message}\n\n${REJECTED_USAGE}`, { cause })
  }
}
