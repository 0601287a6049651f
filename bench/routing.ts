// `npm run bench:routing`: what each routing setting earns over many schedules, in virtual time.

import { writeFileSync } from 'node:fs'
import { flagsHelp, readFlags, UsageError } from './measure/flags.ts'
import { FLAGS, requestOf } from './routing/command.ts'
import { resultsOf } from './routing/result.ts'
import { runStudy, listTasks, type Played } from './routing/study.ts'
import { formatResults } from './routing/table.ts'

const USAGE = `What each routing setting scores over schedules of the two processors, in virtual time,
in percent of what could be earned by knowing the schedule beforehand. A schedule counts as
inconsistent as the challenge has it, as avoidable if the other processor would have been in time,
and as behind where another setting of the study scores over 1 % more.

${flagsHelp(FLAGS)}
`

/** Between two lines of progress. */
const RUNS_PER_NOTE = 50

try {
  process.exitCode = await study(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n\n${USAGE}`)
  process.exitCode = 2
}

/** Runs what the command line asks for; the exit code. */
async function study(args: readonly string[]): Promise<number> {
  const flags = readFlags(FLAGS, args)
  if (flags === 'help') {
    process.stdout.write(USAGE)
    return 0
  }
  const request = requestOf(flags)
  const wanted = listTasks(request).length
  const played: Played[] = []
  await runStudy(request, (each) => {
    played.push(each)
    if (played.length % RUNS_PER_NOTE === 0)
      process.stderr.write(`${played.length}/${wanted} runs\n`)
  })
  const results = resultsOf(request, played)
  process.stdout.write(`${formatResults(results)}\n`)
  if (flags.json !== '') writeFileSync(flags.json, `${JSON.stringify(results, null, 2)}\n`)
  return 0
}
