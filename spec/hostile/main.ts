// `npm run hostile`: clients that mean harm beside honest ones, and whether it did any.

import { mkdtempSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatRows } from './report.ts'
import { runHostile, type HostileResult } from './run.ts'
import { UsageError, flagsHelp, oneOf, readFlags, text, whole } from '../../bench/measure/flags.ts'

const FLAGS = {
  requests: whole({ fallback: 20_000, min: 100, max: 10_000_000, meaning: 'hostile requests' }),
  seed: whole({ fallback: 1, min: 0, max: 0xffff_ffff, meaning: 'decides about all of them' }),
  clients: whole({ fallback: 24, min: 1, max: 1000, meaning: 'hostile clients at one time' }),
  rate: whole({ fallback: 50, min: 1, max: 1000, meaning: 'honest payments per second' }),
  server: oneOf(['auto', 'uws', 'node'], 'HTTP server of both instances'),
  json: text('FILE', 'where the result goes as JSON'),
}

const USAGE = `Hostile clients at nginx and at both instances, honest ones beside them.

${flagsHelp(FLAGS)}

Exit codes: 0 everything held; 1 something broke, logs are kept; 2 usage.
`

try {
  process.exitCode = await hostile(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n\n${USAGE}`)
  process.exitCode = 2
}

/** Runs once; the exit code. */
async function hostile(args: readonly string[]): Promise<number> {
  const values = readFlags(FLAGS, args)
  if (values === 'help') {
    process.stdout.write(USAGE)
    return 0
  }
  const { json, ...options } = values
  const dir = mkdtempSync(join(tmpdir(), 'pit-hostile-'))
  const result = await runHostile(options, {
    dir,
    onProgress: (requests) => {
      process.stderr.write(`${requests} of ${options.requests} requests\n`)
    },
  })
  process.stdout.write(`${formatRows(result.rows)}\n\n${formatFigures(result)}\n`)
  if (json !== '') await writeFile(json, `${JSON.stringify(result, null, 2)}\n`)
  if (result.broken.length === 0) {
    rmSync(dir, { recursive: true, force: true })
    return 0
  }
  process.stdout.write(`\nBroken:\n${result.broken.map((line) => `- ${line}\n`).join('')}`)
  process.stdout.write(`\nLogs and data are in ${dir}\n`)
  return 1
}

function formatFigures(result: HostileResult): string {
  const { honest, options, seconds } = result
  const answers = Object.entries(honest.answers).map(([what, count]) => `${count} × ${what}`)
  const { p50Ms, p99Ms, maxMs } = honest.latency
  const [p50, p99, max] = [p50Ms, p99Ms, maxMs].map((ms) => ms.toFixed(1))
  return [
    `seed ${options.seed}, server ${options.server}, ${seconds} s; ${result.accepted} payments accepted, ${result.stored} stored`,
    `honest clients: ${answers.join(', ')}; p50 ${p50} ms, p99 ${p99} ms, slowest ${max} ms`,
    `peak memory of an instance ${(result.memoryPeakBytes / 1024 ** 2).toFixed(0)} MB`,
  ].join('\n')
}
