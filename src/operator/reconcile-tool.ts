// `pit reconcile`: from the command line and the environment to the exit code.

import type { ProcessorName } from '../actors/model/payment.ts'
import { ProcessorBooks } from '../infra/processor/books.ts'
import { booksInTables, booksOverHttp } from './books.ts'
import { EXIT_DIFFERENT, EXIT_FINE, UsageError } from './failures.ts'
import type { ReconcileOptions } from './reconcile-options.ts'
import { describeComparisons } from './reconcile-text.ts'
import { areEqual, reconcile } from './reconcile.ts'
import { openTables } from './tables.ts'

/** What the environment says. */
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
