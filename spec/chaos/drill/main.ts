// `npm run drill`: backup, disaster and restore under load, and whether the books are equal afterwards.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readOptions, readWhole } from '../../../bench/challenge/arguments.ts'
import { UsageError } from '../../../bench/challenge/errors.ts'
import { runDrill, type Recovery } from './run.ts'

const USAGE = `Backup and restore of Pit's PostgreSQL as a drill, while clients post: docs/DATABASE.md.

Debian's PostgreSQL 15 with copies of its log; two Pit instances, nginx, Redis and two simulators run as
processes of this machine. First the disk is lost, then an earlier instant is wanted.

  --rate N         new payments per second (50)
  --seconds N      for how long clients post before and after what is kept ends (15)
  --seed N         decides about payments and who posts again (from the clock)
  --help           this text

Exit codes: 0 the books are equal; 1 something broke, logs are kept; 2 usage.
`

const FLAGS = {
  rate: { type: 'string', default: '50' },
  seconds: { type: 'string', default: '15' },
  seed: { type: 'string' },
  help: { type: 'boolean' },
} as const

try {
  process.exitCode = await drill(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n\n${USAGE}`)
  process.exitCode = 2
}

/** Runs once; the exit code. */
async function drill(args: readonly string[]): Promise<number> {
  const values = readOptions(args, FLAGS)
  if (values.help === true) {
    process.stdout.write(USAGE)
    return 0
  }
  const seconds = readWhole('seconds', values.seconds, { min: 1, max: 120 })
  const anySeed = String(Date.now() % 1_000_000)
  const options = {
    seed: readWhole('seed', values.seed ?? anySeed, { min: 0, max: 0xffff_ffff }),
    rate: readWhole('rate', values.rate, { min: 1, max: 500 }),
    loadMs: seconds * 1000,
    inDoubtHorizonMs: 20_000,
    disasters: ['disk', 'instant'],
  } as const
  const dir = mkdtempSync(join(tmpdir(), 'pit-drill-'))
  const startedAt = performance.now()
  const say = (text: string): void => {
    const at = ((performance.now() - startedAt) / 1000).toFixed(1)
    process.stdout.write(`${at.padStart(6)} s  ${text}\n`)
  }
  say(`seed ${options.seed}, logs in ${dir}`)
  const { recoveries, accepted, broken } = await runDrill(options, { dir, say })
  for (const recovery of recoveries) say(describe(recovery))
  say(`${accepted} payments accepted`)
  if (broken.length === 0) {
    say('the books are equal')
    rmSync(dir, { recursive: true, force: true })
    return 0
  }
  process.stdout.write(`\nBroken:\n${broken.map((text) => `- ${text}\n`).join('')}`)
  process.stdout.write(`\nLogs and data are in ${dir}\n`)
  return 1
}

function describe(recovery: Recovery): string {
  const { disaster, outageMs, restoredMs, lost, postedAgain, takenBack, unrecorded } = recovery
  const back = `${postedAgain} posted again, ${takenBack} taken back, ${unrecorded} in no book`
  return `${disaster}: no 202 for ${outageMs} ms, restored in ${restoredMs} ms, ${lost} lost: ${back}`
}
