// `npm run failover`: a cluster whose primary fails again and again under load, and whether the
// promises held.

import { mkdtempSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readOptions, readWhole } from '../../../bench/challenge/arguments.ts'
import { UsageError } from '../../../bench/challenge/errors.ts'
import { FAILOVER_NAMES, type FailoverName, KINDS } from './kinds.ts'
import { type FailoverOptions, type Measured, runFailovers } from './run.ts'

const USAGE = `Pit over a cluster of PostgreSQL that fails over: three nodes under Patroni, load through nginx.

  --rounds N       how often each kind happens (1)
  --kinds A,B,C    only these (all)
  --via WAY        how instances reach the primary: haproxy, or hosts, all of them named (haproxy)
  --rate N         new payments per second (150)
  --instances N    Pit processes (2)
  --seed N         decides about payments and windows (from the clock)
  --asynchronous   no commit waits for a standby: what that loses
  --json FILE      where the result goes as JSON (nowhere)
  --help           this text

Kinds:
${FAILOVER_NAMES.map((name) => `  ${name.padEnd(16)} ${KINDS[name].means}`).join('\n')}

Exit codes: 0 everything held; 1 something broke, logs are kept; 2 usage.
`

const FLAGS = {
  rounds: { type: 'string', default: '1' },
  kinds: { type: 'string' },
  via: { type: 'string', default: 'haproxy' },
  rate: { type: 'string', default: '150' },
  instances: { type: 'string', default: '2' },
  seed: { type: 'string' },
  asynchronous: { type: 'boolean' },
  json: { type: 'string' },
  help: { type: 'boolean' },
} as const

try {
  process.exitCode = await failover(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n\n${USAGE}`)
  process.exitCode = 2
}

/** Runs once; the exit code. */
async function failover(args: readonly string[]): Promise<number> {
  const values = readOptions(args, FLAGS)
  if (values.help === true) {
    process.stdout.write(USAGE)
    return 0
  }
  const kinds = readKinds(values.kinds)
  const rounds = readWhole('rounds', values.rounds, { min: 1, max: 100 })
  if (values.via !== 'haproxy' && values.via !== 'hosts') {
    throw new UsageError('--via is haproxy or hosts')
  }
  const anySeed = String(Date.now() % 1_000_000)
  const options: FailoverOptions = {
    seed: readWhole('seed', values.seed ?? anySeed, { min: 0, max: 0xffff_ffff }),
    failovers: Array.from({ length: rounds }, () => kinds).flat(),
    rate: readWhole('rate', values.rate, { min: 1, max: 2000 }),
    instances: readWhole('instances', values.instances, { min: 1, max: 4 }),
    via: values.via,
    isSynchronous: values.asynchronous !== true,
  }
  const dir = mkdtempSync(join(tmpdir(), 'pit-failover-'))
  const result = await runFailovers(options, { dir, stream: process.stderr })
  const { measured, verdict } = result
  process.stdout.write(`${formatMeasures(measured)}\n\n`)
  const { lost, paidTwice, misattributed, payments } = verdict.rows.at(-1) ?? {}
  process.stdout.write(
    `${payments} payments accepted: ${lost} lost, ${paidTwice} paid twice, ${misattributed} misattributed\n`,
  )
  if (values.json !== undefined) await writeFile(values.json, JSON.stringify(result, null, 2))
  if (verdict.broken.length === 0) {
    rmSync(dir, { recursive: true, force: true })
    return 0
  }
  process.stdout.write(`\nBroken:\n${verdict.broken.map((text) => `- ${text}\n`).join('')}`)
  process.stdout.write(`\nLogs and data are in ${dir}\n`)
  return 1
}

function readKinds(text: string | undefined): readonly FailoverName[] {
  if (text === undefined) return FAILOVER_NAMES
  return text.split(',').map((word) => {
    const name = FAILOVER_NAMES.find((each) => each === word)
    if (name === undefined) throw new UsageError(`no kind is called ${word}`)
    return name
  })
}

/** A line for each kind, of the worst of its failovers. */
function formatMeasures(measured: readonly Measured[]): string {
  const names = [...new Set(measured.map(({ name }) => name))]
  const rows = names.map((name) => {
    const own = measured.filter((one) => one.name === name)
    const worst = (read: (one: Measured) => number): number => Math.max(...own.map(read))
    return [
      name,
      own.length,
      worst((one) => one.outageMs),
      worst((one) => one.primaryMs),
      worst((one) => one.commitsMs),
      worst((one) => one.acceptsMs),
      worst((one) => one.readyMs),
      own.filter((one) => one.wasUnready).length,
    ]
  })
  const titles = [
    'kind',
    'times',
    'no 202 for, ms',
    'primary after, ms',
    'commits after, ms',
    'accepts after, ms',
    'ready after 202, ms',
    'said not ready',
  ]
  const lines = [titles, titles.map(() => '---'), ...rows]
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
