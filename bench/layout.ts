// npm run layout: the compose layout on this machine, until Ctrl-C or until a command has run.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startLayout } from './layout/layout.ts'
import type { Layout } from './layout/plan.ts'
import { projectRoot } from './layout/project.ts'
import { readShares } from './limits/shares.ts'

const USAGE = `npm run layout -- [--limits] [--dir FOLDER] [--instances N] [--port 9999] [--run 'COMMAND']

Starts PostgreSQL, Redis, two simulated processors, Pit instances and nginx with the settings of
compose/. --limits: with the CPU and memory shares of docker-compose.yml (needs cgroups).
--run: runs a command, then stops everything, prints what each part used and exits as it did.
`

await main()

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      limits: { type: 'boolean', default: false },
      dir: { type: 'string' },
      instances: { type: 'string', default: '2' },
      port: { type: 'string', default: '9999' },
      run: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    return
  }
  const layout = await startLayout({
    ...(values.dir === undefined ? {} : { dir: values.dir }),
    instances: Number(values.instances),
    limits: values.limits ? readShares(join(projectRoot(), 'docker-compose.yml')) : undefined,
    ports: { nginx: Number(values.port), default: 8001, fallback: 8002 },
  })
  describe(layout)
  if (values.run === undefined) return
  process.exitCode = await run(values.run)
  printFigures(layout)
  await layout.stop()
}

/** The layout goes on by itself: its processes keep this one alive, a signal ends them all. */
function describe(layout: Layout): void {
  const lines = layout.parts.map((part) => `  ${part.name.padEnd(28)} pid ${part.pid ?? 'none'}`)
  const ops = layout.pits.map((pit) => `  ${pit.name.padEnd(28)} ops ${pit.opsUrl}`)
  process.stderr.write(`${[`Pit: ${layout.url}`, ...lines, ...ops].join('\n')}\n`)
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
