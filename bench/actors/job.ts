// Measures one kind of lives in a process of its own: what other kinds did would change how the
// compiler sees the code they share.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { median, type Figures } from '../measure/figures.ts'
import { openChartLives } from './chart-lives.ts'
import type { Lives } from './lives.ts'
import { openParentLives } from './parent-lives.ts'
import { openSystemLives } from './system-lives.ts'

export type LivesKind = 'system' | 'parent' | 'compiled' | 'interpreted'

export interface Task {
  /** `time` also compares memory before and after. */
  readonly of: 'time' | 'bytes'
  readonly kind: LivesKind
  readonly alive: number
  /** Lives in a round, of which there are several. */
  readonly livesPerRound: number
  readonly rounds: number
  /** Lives after which memory is compared. */
  readonly livesForMemory: number
}

const LIVES_PER_SAMPLE = 500
const SAMPLES = 200

process.once('message', (task: Task) => {
  void measure(task).then((figures) => {
    // The actors' timers would keep the process for ever.
    process.send?.(figures, () => process.exit())
  })
})

async function measure(task: Task): Promise<Figures> {
  const lives = await open(task)
  await lives.live(2 * task.livesPerRound)
  return task.of === 'time' ? measureTime(lives, task) : measureBytes(lives)
}

async function measureTime(lives: Lives, task: Task): Promise<Figures> {
  const rounds: { cpuUs: number; perSecond: number }[] = []
  for (let round = 0; round < task.rounds; round += 1) {
    rounds.push(await measureRound(lives, task.livesPerRound))
  }
  return {
    cpuUsPerLife: median(rounds.map((round) => round.cpuUs)),
    livesPerSecond: median(rounds.map((round) => round.perSecond)),
    ...(await measureRetained(lives, task.livesForMemory)),
  }
}

/** Needs a young generation so large that most samples see no collection. */
async function measureBytes(lives: Lives): Promise<Figures> {
  const bytes: number[] = []
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const before = process.memoryUsage().heapUsed
    const lived = await lives.live(LIVES_PER_SAMPLE)
    bytes.push((process.memoryUsage().heapUsed - before) / lived)
  }
  return { bytesPerLife: median(bytes.filter((each) => each > 0)) }
}

function open({ kind, alive }: Task): Lives | Promise<Lives> {
  switch (kind) {
    case 'system':
      return openSystemLives(alive)
    case 'parent':
      return openParentLives(alive)
    case 'compiled':
    case 'interpreted':
      return openChartLives(kind, alive)
  }
}

async function measureRound(
  lives: Lives,
  count: number,
): Promise<{ cpuUs: number; perSecond: number }> {
  const startedAt = performance.now()
  const cpu = process.cpuUsage()
  const lived = await lives.live(count)
  const { user, system } = process.cpuUsage(cpu)
  const seconds = (performance.now() - startedAt) / 1000
  return { cpuUs: (user + system) / lived, perSecond: lived / seconds }
}

/**
 * Growth of the heap over many lives, garbage collected before and after; negative is shrinkage.
 * What the first tenth leaves behind is caches and compiled code; what each life of the rest adds is
 * what would go on growing.
 */
async function measureRetained(lives: Lives, count: number): Promise<Figures> {
  const heapAfter = async (more: number): Promise<number> => {
    if (more > 0) await lives.live(more)
    await lives.rest()
    return heapAfterCollection()
  }
  const tenth = Math.ceil(count / 10)
  const before = await heapAfter(0)
  const early = await heapAfter(tenth)
  const late = await heapAfter(count - tenth)
  return {
    retainedBytes: late - before,
    retainedBytesOfFirstTenth: early - before,
    grownBytesPerLife: (late - early) / (count - tenth),
  }
}

async function heapAfterCollection(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  // What finalizers and microtasks let go of is collected by the next one.
  for (let pass = 0; pass < 3; pass += 1) {
    collect()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return process.memoryUsage().heapUsed
}
