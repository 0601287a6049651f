// `npm run challenge`: measures what listens on port 9999 as the challenge does.

import { writeFile } from 'node:fs/promises'
import { TargetUnreachable, UsageError } from './challenge/errors.ts'
import { USAGE, readCommandLine } from './challenge/options.ts'
import { TerminalProgress } from './challenge/progress.ts'
import { findFaults, formatResult } from './challenge/result.ts'
import { leaveCalm, runChallenge } from './challenge/run.ts'
import type { ChallengeOptions } from './challenge/run.ts'

/** Stands above the code that awaits: what stands below it has no value yet when a signal comes. */
const EXIT_ENDED_EARLY = 130

try {
  process.exitCode = await challenge(process.argv.slice(2))
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`${error.message}\n\n${USAGE}`)
    process.exitCode = 2
  } else if (error instanceof TargetUnreachable) {
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 3
  } else throw error
}

/** Runs the challenge once; the exit code. */
async function challenge(args: readonly string[]): Promise<number> {
  const commandLine = readCommandLine(args)
  if (commandLine.kind === 'help') {
    process.stdout.write(USAGE)
    return 0
  }
  const { options, jsonFile } = commandLine
  const progress = new TerminalProgress({ stream: process.stderr, seconds: options.seconds })
  endEarlyOnSignal(options, progress)
  const result = await runChallenge(options, progress)
  process.stderr.write(`${formatResult(result)}\n`)
  const json = `${JSON.stringify(result, null, 2)}\n`
  if (jsonFile === '-') process.stdout.write(json)
  else if (jsonFile !== undefined) await writeFile(jsonFile, json)
  return findFaults(result).length === 0 ? 0 : 1
}

/** A run that just stopped would leave the processors failing, as its last stage wanted them. */
function endEarlyOnSignal(options: ChallengeOptions, progress: TerminalProgress): void {
  let isEnding = false
  const end = async (): Promise<void> => {
    // npm and timeout pass on what the whole group has got already: the first signal is enough.
    if (isEnding) return
    isEnding = true
    progress.onLoadEnded()
    progress.onNote('ended early: taking delay and failure off the processors')
    await leaveCalm(options, (note) => progress.onNote(note))
    process.exit(EXIT_ENDED_EARLY)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void end()) // never rejects
}
