// The configuration in words, for `--help` and for arguments that are none; scripts/config-page.ts
// makes the table of the documents.

import type { Variable } from './kinds.ts'
import { nearWord } from './near-names.ts'
import { VARIABLES } from './variables.ts'

const USAGE = `Usage: pit start [--demo]
       NAME=value … pit start

Runs Pit until Ctrl-C, SIGTERM or SIGHUP. For what is not configured it starts
a dev stack: a PostgreSQL with its data in DATA_DIR, and two simulators.

  --demo   posts a few payments a second, and breaks a simulator of the dev
           stack now and then
  --help   shows this; --version which Pit this is, and on which server

Examples:
  pit start
  PORT=9000 OPS_PORT=9001 DATA_DIR=/var/lib/pit pit start
  DATABASE_URL=postgres://pit:secret@db/pit pit start

Exit codes: 0 after a signal; 1 it cannot start, or had to stop; 2 a setting
or an argument is wrong.

Pit is configured by environment variables; an empty one counts as unset.`

const COLUMNS = 80

/** The whole table as plain text, a variable on a few lines. */
export function helpText(): string {
  const entries = variables().map(({ name, shown, takes, meaning }) =>
    [`  ${name}=${shown}`, wrapped(`(${takes}) ${meaning}.`)].join('\n'),
  )
  return [USAGE, '', ...entries, ''].join('\n')
}

/** What is wrong with an argument of `pit start`; the value of a setting is not repeated. */
export function argumentFault(argument: string): string {
  const [given = ''] = argument.split('=', 1)
  const name = given.replace(/^-+/, '').replaceAll('-', '_').toUpperCase()
  const names = variables().map((each) => each.name)
  const setting = names.includes(name) ? name : nearWord(name, names)
  if (setting !== undefined) {
    return `unknown argument ${given}; settings are environment variables: ${setting}=… pit start`
  }
  const near = nearWord(argument, ['--help', '--version', '--demo'])
  const hint = near === undefined ? 'configure it by environment' : `did you mean ${near}?`
  return `unknown argument ${given}; ${hint}`
}

function variables(): readonly Variable<unknown>[] {
  return Object.values<Variable<unknown>>(VARIABLES)
}

/** Indented, broken between words. */
function wrapped(text: string): string {
  const indent = ' '.repeat(6)
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    const longer = `${line ?? indent.slice(1)} ${word}`
    if (line === undefined || longer.length > COLUMNS) lines.push(`${indent}${word}`)
    else lines[lines.length - 1] = longer
  }
  return lines.join('\n')
}
