// npm run layout: the compose layout on this machine, until Ctrl-C or until a command has run.

import { spawn } from 'node:child_process'
import { UsageError } from './challenge/errors.ts'
import { startLayout } from './layout/layout.ts'
import { readLayoutCommand, USAGE } from './layout/options.ts'
import type { Layout } from './layout/plan.ts'

try {
  await main()
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n\n${USAGE}`)
  process.exitCode = 2
}

async function main(): Promise<void> {
  const asked = readLayoutCommand(process.argv.slice(2))
  if (asked.kind === 'help') {
    process.stdout.write(USAGE)
    return
  }
  const layout = await startLayout(asked.options)
  describe(layout)
  if (asked.command === undefined) return
  process.exitCode = await run(asked.command)
  printFigures(layout)
  await layout.stop()
}

/** The layout goes on by itself: its processes keep this one alive, a signal ends them all. */
function describe(layout: Layout): void {
  const lines = layout.parts.map((part) => `  ${part.name.padEnd(28)} pid ${part.pid ?? 'none'}`)
  const ops = layout.pits.map((pit) => `  ${pit.name.padEnd(28)} ops ${pit.opsUrl}`)
  process.stderr.write(`${[`Pit: ${layout.url}`, ...lines, ...ops].join('\n')}\n`)
  for (const [name, { url }] of Object.entries(layout.processors ?? {})) {
    process.stderr.write(`  ${`processor ${name}`.padEnd(28)} ${url}\n`)
  }
  process.stderr.write(`  data and logs in ${layout.dir}\n`)
}

function run(command: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, { shell: true, stdio: 'inherit' })
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

function printFigures(layout: Layout): void {
  const mebibytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(1)} MiB`
  for (const part of layout.parts) {
    const used = part.stat()
    const throttled = `throttled ${used.throttledPeriods} of ${used.periods} periods`
    const memory = `peak ${mebibytes(used.memoryPeakBytes)}, anon ${mebibytes(used.memoryAnonBytes)}`
    process.stderr.write(
      `  ${part.name.padEnd(28)} ${used.cpuSeconds.toFixed(2)} CPU s, ${throttled}, ${memory}\n`,
    )
  }
}
