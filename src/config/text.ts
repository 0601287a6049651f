// The configuration in words, for `--help`; scripts/config-page.ts makes the table of the
// documents.

import type { Variable } from './kinds.ts'
import { VARIABLES } from './variables.ts'

const USAGE = `Usage: pit start

Pit is configured by environment variables; an empty one counts as unset.`

/** The whole table as plain text, a variable on two lines. */
export function helpText(): string {
  const entries = Object.values<Variable<unknown>>(VARIABLES).map(
    ({ name, shown, takes, meaning }) => `  ${name}=${shown}  (${takes})\n      ${meaning}.`,
  )
  return [USAGE, '', ...entries, ''].join('\n')
}
