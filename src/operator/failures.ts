// What ends an operator's tool early, and the exit codes.

import { escapedLines } from './free-text.ts'

/** The command line or the environment lacks something, or has it wrong. Exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly code = 'usage'
}

/** Pit's books, or a processor's, cannot be read. Exit code 3. */
export class BooksUnreachable extends Error {
  override readonly name = 'BooksUnreachable'
  readonly code = 'books_unreachable'

  /** @param whose books, for the message: `processor default`, `Pit`. */
  constructor(whose: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause)
    super(`the books of ${whose} cannot be read: ${why}`, { cause })
  }
}

/** A running Pit does not answer, or not as Pit does. Exit code 3. */
export class PitUnreachable extends Error {
  override readonly name = 'PitUnreachable'
  readonly code = 'pit_unreachable'
}

export const EXIT_FINE = 0
export const EXIT_DIFFERENT = 1
const EXIT_USAGE = 2
export const EXIT_UNREACHABLE = 3
/** A bug of the tool: it says nothing about the books. */
const EXIT_BUG = 4

/** Runs a tool and returns its exit code; what ended it early is written to `write`. */
export async function exitCodeOf(
  tool: () => Promise<number>,
  write: (text: string) => void,
): Promise<number> {
  try {
    return await tool()
  } catch (error) {
    if (error instanceof UsageError) {
      write(`${escapedLines(error.message)}\n`)
      return EXIT_USAGE
    }
    if (error instanceof BooksUnreachable || error instanceof PitUnreachable) {
      write(`${escapedLines(error.message)}\n`)
      return EXIT_UNREACHABLE
    }
    write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    return EXIT_BUG
  }
}
