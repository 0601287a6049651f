// A judge: a program of others that loads whatever listens on port 9999 as the contest does, brings
// both processors along, and writes what it found as JSON. Whoever has one finds here what Pit asks
// of it: a program judge.sh that takes -seconds, -users, -stages, -blind, -json and -series.

import { spawn, type ChildProcess } from 'node:child_process'
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { scaleStages, type Stage } from '../challenge/stages.ts'
import { wrapped } from '../layout/launch.ts'
import { connectionsTo } from '../layout/connections.ts'
import { cpuByProgram } from '../limits/process-tree.ts'
import type { SecondReport } from '../load/tally.ts'
import type { Figures } from './figures.ts'
import { UsageError } from './flags.ts'

/** Where it expects nginx, and where its processors are. */
export const JUDGE_PORTS = { nginx: 9999, default: 8001, fallback: 8002 } as const

export interface JudgePlan {
  /** From `findJudge`. */
  readonly program: string
  /** Length of the load, s, and users at its end. */
  readonly seconds: number
  readonly users: number
  /** For a load of 60 s. */
  readonly stages: readonly Stage[]
  /** Whether it asks for summaries, or only posts payments. */
  readonly asks: 'summaries' | 'nothing'
  /**
   * Called some ten milliseconds after its load has begun, at `startedAt` (monotonic, ms); `cpu`
   * tells the CPU seconds that generator and processors have used.
   */
  readonly onLoadStarted: (startedAt: number, cpu: () => Figures) => void
}

export interface Judgement {
  readonly figures: Figures
  /** Empty when it wrote none. */
  readonly bySecond: readonly SecondReport[]
  /** What it could not find out, in its own words. */
  readonly trouble: string | undefined
}

/** @param path of judge.sh, or of its folder. @throws UsageError when there is none. */
export function findJudge(path: string): string {
  const isFolder = existsSync(path) && statSync(path).isDirectory()
  const program = resolve(isFolder ? join(path, 'judge.sh') : path)
  if (!existsSync(program)) throw new UsageError(`--judge: there is no judge at ${program}`)
  try {
    accessSync(program, constants.X_OK)
  } catch (cause) {
    throw new UsageError(`--judge: ${program} is not a program that may be run`, { cause })
  }
  return program
}

/** Runs it once. Rejects with the end of its log when it found nothing. */
export async function runJudge(plan: JudgePlan): Promise<Judgement> {
  const dir = mkdtempSync(join(tmpdir(), 'pit-judge-'))
  try {
    const files = { json: join(dir, 'found.json'), series: join(dir, 'seconds.csv') }
    writeFileSync(join(dir, 'stages.json'), JSON.stringify(stageRows(plan.stages, plan.seconds)))
    const child = start(plan, dir, files)
    const watch = watchForLoad(child, plan.onLoadStarted)
    const ended = await endOf(child, dir, (plan.seconds + OTHERWISE_SECONDS) * 1000).finally(() => {
      clearInterval(watch)
    })
    if (!existsSync(files.json)) {
      throw new Error(`the judge ${ended} and found nothing:\n${tail(join(dir, 'log'))}`)
    }
    return {
      ...readJudgement(readFileSync(files.json, 'utf8')),
      bySecond: existsSync(files.series) ? readSeconds(readFileSync(files.series, 'utf8')) : [],
    }
  } finally {
    rmSync(dir, { recursive: true })
  }
}

/** For all that is not its load: being built, waiting for Pit, the last summary, s. */
const OTHERWISE_SECONDS = 300

/** What a judge writes of its run. @throws Error naming what is missing. */
export function readJudgement(text: string): Pick<Judgement, 'figures' | 'trouble'> {
  const found = JSON.parse(text) as unknown
  if (typeof found !== 'object' || found === null) throw new Error('judge: its result is no object')
  const entries = Object.entries(found).flatMap(([name, value]): (readonly [string, unknown])[] => {
    // Two processors in one list.
    return Array.isArray(value)
      ? value.map((each: unknown, index) => [`${name}${index + 1}`, each] as const)
      : [[name, value]]
  })
  const numbers = new Map(
    entries.filter((entry): entry is readonly [string, number] => typeof entry[1] === 'number'),
  )
  for (const name of NEEDED) {
    if (!numbers.has(name)) throw new Error(`judge: its result has no number ${name}`)
  }
  const first = NEEDED.map((name) => [name, numbers.get(name) ?? Number.NaN] as const)
  const { error } = found as Record<string, unknown>
  return {
    figures: Object.fromEntries([...first, ...numbers]),
    trouble: typeof error === 'string' ? error : undefined,
  }
}

/** What is read first comes first. */
const NEEDED = [
  ...(['p50Ms', 'p90Ms', 'p99Ms', 'p999Ms', 'maxMs'] as const),
  ...(['accepted', 'failed', 'lag', 'inconsistencies'] as const),
]

/** Lines `second,answers,p50,p99,max`; seconds without an answer are left out. */
export function readSeconds(csv: string): readonly SecondReport[] {
  return csv
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const numbers = line.split(',').map(Number)
      const [second, answers, p50Ms, p99Ms, maxMs] = numbers
      if (
        second === undefined ||
        answers === undefined ||
        p50Ms === undefined ||
        p99Ms === undefined ||
        maxMs === undefined ||
        numbers.some(Number.isNaN)
      ) {
        throw new Error(`judge: not second,answers,p50,p99,max: ${line}`)
      }
      return { second, answers, p50Ms, p99Ms, maxMs }
    })
}

/** A schedule as a judge reads it: second, delay and failure of the default, then the fallback's. */
export function stageRows(stages: readonly Stage[], seconds: number): readonly unknown[] {
  return scaleStages(stages, seconds).map(({ atSecond, default: one, fallback: other }) => {
    return [atSecond, one.delayMs, one.failing, other.delayMs, other.failing]
  })
}

function start(
  plan: JudgePlan,
  dir: string,
  files: { readonly json: string; readonly series: string },
): ChildProcess {
  const options = {
    seconds: String(plan.seconds),
    users: String(plan.users),
    stages: join(dir, 'stages.json'),
    ...files,
  }
  const words = Object.entries(options).flatMap(([name, value]) => [`-${name}`, value])
  const args = plan.asks === 'nothing' ? ['-blind', ...words] : words
  const line = wrapped({ command: plan.program, args }, { cgroup: undefined, account: undefined })
  const log = openSync(join(dir, 'log'), 'a')
  const child = spawn(line.command, line.args, { stdio: ['ignore', log, log], detached: true })
  closeSync(log)
  return child
}

/**
 * How it ended, in words. What ends this process ends all that the judge has started too and removes
 * its folder, and is then no end of the judge to be told of.
 */
function endOf(child: ChildProcess, dir: string, withinMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let isInterrupted = false
    const kill = (): void => {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
        process.kill(-child.pid, 'SIGKILL')
      }
    }
    const interrupt = (): void => {
      isInterrupted = true
      kill()
      rmSync(dir, { recursive: true, force: true })
    }
    const endings = ['exit', 'SIGINT', 'SIGTERM'] as const
    for (const ending of endings) process.once(ending, interrupt)
    const timer = setTimeout(kill, withinMs)
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      for (const ending of endings) process.off(ending, interrupt)
      if (isInterrupted) return
      resolve(code === null ? `was ended by ${signal}` : `ended with ${code}`)
    })
  })
}

/**
 * Its first connection that lasts is the load's: whether somebody serves the port is asked before on
 * one that is closed at once.
 */
function watchForLoad(child: ChildProcess, onStarted: JudgePlan['onLoadStarted']): NodeJS.Timeout {
  let seenAt: number | undefined
  const watch = setInterval(() => {
    const now = performance.now()
    const isConnected = connectionsTo(JUDGE_PORTS.nginx) > 0
    if (isConnected && seenAt !== undefined) {
      clearInterval(watch)
      onStarted(seenAt, () => cpuOf(child.pid ?? -1))
    }
    seenAt = isConnected ? now : undefined
  }, ASK_EVERY_MS)
  return watch
}

const ASK_EVERY_MS = 40

function cpuOf(pid: number): Figures {
  let [generator, processors] = [0, 0]
  for (const [program, seconds] of Object.entries(cpuByProgram(pid))) {
    if (program.startsWith('processor')) processors += seconds
    else generator += seconds
  }
  return { generator, processors }
}

function tail(path: string): string {
  return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-12).join('\n')
}
