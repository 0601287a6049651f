// `pit reconcile`: whether Pit's books equal the processors', and if not, where and why.

import { ConfigError, readConfig } from '../config/config.ts'
import { EXIT_FINE, UsageError, exitCodeOf } from '../operator/failures.ts'
import {
  readReconcileOptions,
  RECONCILE_USAGE,
  runReconcile,
} from '../operator/reconcile-command.ts'
import { SIMULATOR_PORTS } from '../app/dev-stack.ts'

const write = (text: string): void => void process.stdout.write(text)

process.exitCode = await exitCodeOf(main, (text) => process.stderr.write(text))

async function main(): Promise<number> {
  const options = readReconcileOptions(process.argv.slice(2), Date.now())
  if (options === undefined) {
    write(RECONCILE_USAGE)
    return EXIT_FINE
  }
  return await runReconcile(options, places(), write)
}

function places(): Parameters<typeof runReconcile>[1] {
  try {
    const config = readConfig(process.env)
    const { databaseUrl, processorDefaultUrl, processorFallbackUrl } = config
    const local = (port: number): string => `http://127.0.0.1:${port}`
    return {
      databaseUrl,
      processors: {
        default: processorDefaultUrl ?? local(SIMULATOR_PORTS.default),
        fallback: processorFallbackUrl ?? local(SIMULATOR_PORTS.fallback),
      },
      token: config.processorToken,
    }
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message, { cause: error })
    throw error
  }
}
