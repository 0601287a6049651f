// The configuration in words, for `--help` and for README.

import type { Variable } from './kinds.ts'
import { VARIABLES } from './variables.ts'

const USAGE = `Usage: pit start

Pit is configured by environment variables; an empty one counts as unset.`

/** The whole table as plain text, a variable on two lines. */
export function helpText(): string {
  const entries = declarations().map(
    ({ name, shown, takes, meaning }) => `  ${name}=${shown}  (${takes})\n      ${meaning}.`,
  )
  return [USAGE, '', ...entries, ''].join('\n')
}

/** The same as a Markdown table, without a line end behind it. */
export function configTable(): string {
  const rows = declarations().map(
    ({ name, shown, takes, meaning }) => `| \`${name}\` | ${shown} | ${takes} | ${meaning} |`,
  )
  return ['| variable | default | takes | meaning |', '| --- | --- | --- | --- |', ...rows].join(
    '\n',
  )
}

function declarations(): readonly Variable<unknown>[] {
  return Object.values<Variable<unknown>>(VARIABLES)
}
