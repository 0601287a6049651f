// `npm run chaos`: faults of every kind under load, and whether the promises held.

import { mkdtempSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readCommandLine, USAGE } from './options.ts'
import { describeExcuses } from './excuses.ts'
import { type ChaosResult, runChaos } from './run.ts'
import { formatTable } from './report.ts'
import { UsageError } from '../../bench/challenge/errors.ts'

try {
  process.exitCode = await chaos(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n\n${USAGE}`)
  process.exitCode = 2
}

/** Runs once; the exit code. */
async function chaos(args: readonly string[]): Promise<number> {
  const commandLine = readCommandLine(args)
  if (commandLine.kind === 'help') {
    process.stdout.write(USAGE)
    return 0
  }
  const dir = mkdtempSync(join(tmpdir(), 'pit-chaos-'))
  const { options, jsonFile } = commandLine
  const result = await runChaos(options, { dir, stream: process.stderr })
  process.stdout.write(`${formatTable(result.rows)}\n\n${formatFigures(result)}\n`)
  if (jsonFile !== undefined) await writeFile(jsonFile, `${JSON.stringify(result, null, 2)}\n`)
  if (result.broken.length === 0) {
    rmSync(dir, { recursive: true, force: true })
    return 0
  }
  process.stdout.write(`\nBroken:\n${result.broken.map((text) => `- ${text}\n`).join('')}`)
  process.stdout.write(`\nLogs and data are in ${dir}; again: ${again(result)}\n`)
  return 1
}

function formatFigures(result: ChaosResult): string {
  const answers = Object.entries(result.answers).map(([what, count]) => `${count} × ${what}`)
  return [
    `seed ${result.options.seed}; answers: ${answers.join(', ')}`,
    `slowest answer ${result.slowestAnswerMs} ms; backlog empty after ${result.emptiedMs} ms`,
    `peak memory of an instance ${(result.memoryPeakBytes / 1024 ** 2).toFixed(0)} MB`,
    describeExcuses(result),
    `${result.windowsWatched} windows compared during the load`,
  ].join('\n')
}

function again({ options }: ChaosResult): string {
  const { seed, seconds, rate, instances, faults, env, program } = options
  const settings = Object.entries(env).map(([name, value]) => ` --env ${name}=${value}`)
  return [
    'npm run chaos --',
    `--seed ${seed} --minutes ${seconds / 60} --rate ${rate} --instances ${instances}`,
    `--faults ${faults.join(',')}${settings.join('')}`,
    ...(program === undefined ? [] : [`--program ${program}`]),
  ].join(' ')
}
