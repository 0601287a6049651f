// Runs one processor simulator until SIGINT or SIGTERM.

import '../infra/process/node-version.ts'
import { readOptions, USAGE } from './options.ts'
import { startSimulator, type SimulatorOptions } from './simulator.ts'

/** Exit codes: 0 after a signal or --help, 1 when it cannot listen, 2 for unreadable options. */
const EXIT_FAILED = 1
const EXIT_USAGE = 2

await main()

async function main(): Promise<void> {
  let options: SimulatorOptions | 'help'
  try {
    options = readOptions(process.argv.slice(2))
  } catch (error) {
    complain(error, EXIT_USAGE)
    return
  }
  if (options === 'help') {
    process.stdout.write(USAGE)
    return
  }
  try {
    await run(options)
  } catch (error) {
    complain(error, EXIT_FAILED)
  }
}

async function run(options: SimulatorOptions): Promise<void> {
  const simulator = await startSimulator(options)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void simulator.close()) // it never rejects
  }
  process.stdout.write(`simulator listens on ${simulator.url}, fee ${options.feeRate}\n`)
}

function complain(error: unknown, exitCode: number): void {
  const message = error instanceof Error ? error.message : String(error)
  const hint = exitCode === EXIT_USAGE ? '\nTry --help.' : ''
  process.stderr.write(`${message}${hint}\n`)
  process.exitCode = exitCode
}
