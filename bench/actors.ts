// npm run bench:actors: what the life of a payment costs in the actors, with every port answered in
// memory.

import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { LivesKind, Task } from './actors/job.ts'
import { containerNodeFlags } from './layout/project.ts'
import { runBench, type Variant } from './measure/command.ts'
import type { Figures } from './measure/figures.ts'
import { oneOf, whole } from './measure/flags.ts'
import type { Measured } from './measure/report.ts'

interface Options {
  readonly lives: number
  readonly livesPerRound: number
  readonly rounds: number
  readonly flags: 'container' | 'none'
}

/** Bound on one job; a million lives take well below a minute each way. */
const JOB_WITHIN_MS = 1_800_000

/** So that what is allocated shows as the growth of the heap. */
const LARGE_YOUNG_GENERATION = ['--min-semi-space-size=64', '--max-semi-space-size=64']

const KINDS: readonly { readonly kind: LivesKind; readonly name: string }[] = [
  { kind: 'parent', name: 'payments and their parent' },
  { kind: 'system', name: 'whole actor system' },
  { kind: 'compiled', name: 'chart alone, compiled' },
  { kind: 'interpreted', name: 'chart alone, interpreted' },
]

await runBench({
  name: 'actors',
  purpose:
    'A payment’s life in the real machines: chosen route, charge, answer, settled, outcome told. In the\n' +
    'parent of payments alone, and in the whole system from payment.received on; beside them the\n' +
    'chart alone under a bare parent, compiled and as XState interprets it. Each in its own process,\n' +
    'its actors on a clock of their own that counts 8,000 lives a second.',
  runs: 3,
  flags: {
    lives: whole({
      fallback: 1_000_000,
      min: 1000,
      max: 100_000_000,
      meaning: 'lives between the two looks at the heap',
    }),
    livesPerRound: whole({ fallback: 20_000, min: 100, max: 1_000_000, meaning: 'lives' }),
    rounds: whole({ fallback: 9, min: 1, max: 1000, meaning: 'rounds in a run' }),
    flags: oneOf(['container', 'none'], 'flags of Node, as the container has them or none'),
  },
  variants: (options) =>
    KINDS.flatMap((each) => [100, 1000].map((alive) => variantOf(each, alive, options))),
})

function variantOf(
  { kind, name }: (typeof KINDS)[number],
  alive: number,
  options: Options,
): Variant {
  return {
    name: `${name}, ${alive} alive`,
    measure: async (): Promise<Measured> => {
      const { lives: livesForMemory, livesPerRound, rounds } = options
      const flags = options.flags === 'container' ? containerNodeFlags() : []
      const task = { kind, alive, livesPerRound, rounds, livesForMemory }
      const time = await runJob({ ...task, of: 'time' }, flags)
      const bytes = await runJob({ ...task, of: 'bytes' }, LARGE_YOUNG_GENERATION)
      return { figures: { ...time, ...bytes } }
    },
  }
}

function runJob(task: Task, flags: readonly string[]): Promise<Figures> {
  return new Promise((resolve, reject) => {
    const file = fileURLToPath(new URL('./actors/job.js', import.meta.url))
    const job = fork(file, [], { execArgv: [...flags] })
    const timer = setTimeout(() => job.kill('SIGKILL'), JOB_WITHIN_MS)
    let figures: Figures | undefined
    job.once('message', (message) => {
      figures = message as Figures
    })
    job.once('error', reject)
    job.once('exit', (code, signal) => {
      clearTimeout(timer)
      if (figures === undefined) reject(new Error(`bench: the job ended with ${code ?? signal}`))
      else resolve(figures)
    })
    job.send(task)
  })
}
