// `npm run simulate`: whole Pit on virtual time, one interleaving of faults per seed.

import { readOptions, readWhole } from '../../bench/challenge/arguments.ts'
import { UsageError } from '../../bench/challenge/errors.ts'
import { runSeeds, traceSeed } from './seeds.ts'

export type SimulateCommand =
  | { readonly kind: 'help' }
  | {
      readonly kind: 'trace'
      readonly seed: number
      /** Every step, or the end only. */
      readonly print: 'steps' | 'end'
    }
  | {
      readonly kind: 'run'
      readonly from: number
      readonly seeds: number
      /** Threads. */
      readonly jobs: number
      /** Failing seeds after which no more are run. */
      readonly failuresMax: number
    }

export const SIMULATE_USAGE = `Simulates whole Pit on virtual time, with a fault plan drawn from each seed.

  --seeds N      how many seeds (500)
  --from S       the first seed (1)
  --jobs N       threads (2)
  --failures N   stop after so many failing seeds (10)
  --seed S       one seed only: its verdict and the digest of its trace
  --trace        with --seed: the trace, step by step
  --help         this text

Exit codes: 0 every rule held; 1 one did not; 2 usage.
`

/** @throws UsageError */
export function readSimulateCommand(args: readonly string[]): SimulateCommand {
  const values = readOptions(args, FLAGS)
  if (values.help === true) return { kind: 'help' }
  if (values.seed !== undefined) {
    const seed = readWhole('seed', values.seed, { min: 0, max: SEED_MAX })
    return { kind: 'trace', seed, print: values.trace === true ? 'steps' : 'end' }
  }
  if (values.trace === true) throw new UsageError('--trace needs --seed')
  return {
    kind: 'run',
    from: readWhole('from', values.from, { min: 0, max: SEED_MAX }),
    seeds: readWhole('seeds', values.seeds, { min: 1, max: 10_000_000 }),
    jobs: readWhole('jobs', values.jobs, { min: 1, max: 64 }),
    failuresMax: readWhole('failures', values.failures, { min: 1, max: 1_000_000 }),
  }
}

const SEED_MAX = 2 ** 32 - 1

const FLAGS = {
  seeds: { type: 'string', default: '500' },
  from: { type: 'string', default: '1' },
  jobs: { type: 'string', default: '2' },
  failures: { type: 'string', default: '10' },
  seed: { type: 'string' },
  trace: { type: 'boolean' },
  help: { type: 'boolean' },
} as const

try {
  process.exitCode = await simulate(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n\n${SIMULATE_USAGE}`)
  process.exitCode = 2
}

/** Runs what the command line asks for; the exit code. */
async function simulate(args: readonly string[]): Promise<number> {
  const command = readSimulateCommand(args)
  switch (command.kind) {
    case 'help':
      process.stdout.write(SIMULATE_USAGE)
      return 0
    case 'trace':
      return (await traceSeed(command.seed, command.print)) ? 0 : 1
    case 'run':
      return (await runSeeds(command)) ? 0 : 1
  }
}
