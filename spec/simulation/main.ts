// `npm run simulate`: whole Pit on virtual time, one interleaving of faults per seed.

import { UsageError } from '../../bench/challenge/errors.ts'
import { SIMULATE_USAGE, readSimulateCommand } from './command.ts'
import { runSeeds, traceSeed } from './seeds.ts'

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
