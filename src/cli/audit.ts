// `pit audit`: what operators have ordered, who, when and why, and what it met.

import { readArguments, readRate } from '../operator/command-line.ts'
import { EXIT_FINE, exitCodeOf, PitUnreachable } from '../operator/failures.ts'
import { describeCommand, readShownCommand, type ShownCommand } from './command-text.ts'
import { askOperators, findOperators } from './operators.ts'
import { escaped } from '../operator/free-text.ts'

const USAGE = `Usage: pit audit [options]

Lists the commands that operators have given, the newest last: who, when, why,
and what each met at the instances. They stand in the table commands of Pit's
PostgreSQL, which nothing deletes.

  --last <n>    so many, 20 unless it is said, 200 at most
  --json        prints a JSON object for each
  --url <url>   the operators' port of an instance; absent: OPS_PORT (9998) of
                OPS_HOST (127.0.0.1), or, where neither OPS_PORT nor
                DATABASE_URL is set, that of the dev stack on DATA_DIR (.data)
  --help        shows this

With KEYS_FILE at the instances the key stands in PIT_KEY, or in the file that
PIT_KEY_FILE names.

Examples:
  pit audit
  pit audit --json --last 100

Exit codes: 0 listed; 2 usage; 3 the instance, or its PostgreSQL, does not
answer.
`

const LISTED = 20

async function main(): Promise<number> {
  const { values } = readArguments('pit audit', {
    args: process.argv.slice(2),
    options: {
      last: { type: 'string' },
      json: { type: 'boolean' },
      url: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) {
    process.stdout.write(USAGE)
    return EXIT_FINE
  }
  const limit = readRate('last', values.last, LISTED)
  const operators = await findOperators(values.url)
  const answer = await askOperators(operators, { path: `/console/commands?limit=${limit}` })
  if ('refusal' in answer) throw new PitUnreachable(`${operators.url} answers ${answer.refusal}`)
  const { commands } = answer.value
  const listed = Array.isArray(commands) ? commands.map(readShownCommand) : []
  const printed = (command: ShownCommand): string =>
    values.json === true ? `${escaped(JSON.stringify(command))}\n` : describeCommand(command)
  if (listed.length === 0 && values.json !== true) {
    process.stdout.write('operators have given no command\n')
    return EXIT_FINE
  }
  process.stdout.write(listed.toReversed().map(printed).join(''))
  return EXIT_FINE
}

// Stands below the constants: what stands below it has no value yet when it runs.
process.exitCode = await exitCodeOf(main, (text) => process.stderr.write(text))
