// The challenge's load against a whole layout that is started for it, and against the floors.

import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createUsers, type ChallengeListener } from '../challenge/load.ts'
import { INITIAL_TOKEN } from '../challenge/processor-admin.ts'
import { TerminalProgress } from '../challenge/progress.ts'
import { runChallenge } from '../challenge/run.ts'
import type { Stage } from '../challenge/stages.ts'
import { startLayout } from '../layout/layout.ts'
import type { Part } from '../layout/part.ts'
import type { LayoutOptions } from '../layout/plan.ts'
import { cpuSecondsOf } from '../limits/process-tree.ts'
import { SelfWatch } from '../load/self-watch.ts'
import { AnswerTally, SecondsTally } from '../load/tally.ts'
import { parseTarget, type Target } from '../load/target.ts'
import { WEIGHTS, type WeightName } from '../load/weight.ts'
import type { Note } from './command.ts'
import { CpuWatch, joinSeconds } from './cpu-watch.ts'
import type { Figures } from './figures.ts'
import { startFloor } from './floor.ts'
import type { Measured } from './report.ts'
import { readUsage, servicesOf, sumOf, usageBetween } from './usage.ts'
import { startWorld } from './world.ts'

export interface ChallengeLoad {
  /** Length of the load, s. */
  readonly seconds: number
  /** Users at the end of the ramp. */
  readonly users: number
  /** For a load of 60 s. */
  readonly stages: readonly Stage[]
}

/** By Pit's own generator. */
export interface OwnLoad extends ChallengeLoad {
  readonly weight: WeightName
}

/** For what still waits after the load, s. */
const SETTLE_SECONDS = 60

/** The same users at a server that does nothing but answer 202, without limits. */
export async function measureChallengeFloor(load: OwnLoad): Promise<Measured> {
  const floor = await startFloor(undefined)
  try {
    return await runUsers(load, { target: floor.target, watched: [] })
  } finally {
    await floor.stop()
  }
}

/**
 * The same users at nginx, PostgreSQL and two servers that commit one plain insert for each payment
 * and do nothing else, in the shares of the two Pits.
 */
export async function measureCommitFloor(load: OwnLoad, options: LayoutOptions): Promise<Measured> {
  const layout = await startLayout(commitFloor(options))
  try {
    const services = servicesOf(layout)
    await rest(load)
    const start = readUsage(services)
    const target = parseTarget(layout.url)
    const seen = await runUsers(load, { target, watched: watchedOf(services, options) })
    const payments = seen.figures['accepted'] ?? 0
    const used = usageBetween({ start, end: readUsage(services), payments })
    return { ...seen, figures: { ...seen.figures, ...sumsOf(used) }, services: used }
  } finally {
    await layout.stop()
  }
}

/** A layout with servers that only commit in the places of the Pits. */
export function commitFloor(options: LayoutOptions): LayoutOptions {
  const program = fileURLToPath(new URL('./commit-floor-server.js', import.meta.url))
  return { ...options, program, processors: 'none', redis: false }
}

/** Over all services. */
export function sumsOf(used: Readonly<Record<string, Figures>>): Figures {
  const names = ['cpus', 'cpuSeconds', 'cpuUsPerPayment', 'throttledPeriods']
  return Object.fromEntries(names.map((name) => [name, sumOf(used, name)]))
}

async function runUsers(
  { seconds, users, weight }: OwnLoad,
  { target, watched }: { readonly target: Target; readonly watched: readonly Part[] },
): Promise<Measured> {
  const tally = new AnswerTally()
  const bySecond = new SecondsTally()
  const load = await createUsers({
    target,
    users,
    seconds,
    weight,
    onAnswer: (outcome, sentAtMs) => {
      tally.record(outcome)
      bySecond.record(outcome, sentAtMs)
    },
  })
  const self = new SelfWatch()
  const watch = watchOf(watched)
  watch.begin(performance.now())
  await load.run()
  const used = watch.stop()
  const { delayP99Ms, cpuShare } = self.stop()
  const { p50Ms, p90Ms, p99Ms, p999Ms } = tally.latency.report()
  const { succeeded: accepted, failed } = tally
  const generator = { generatorDelayP99Ms: delayP99Ms, generatorCpus: cpuShare }
  return {
    figures: { p50Ms, p90Ms, p99Ms, p999Ms, accepted, failed, ...generator },
    bySecond: joinSeconds(bySecond.report(), used),
  }
}

/**
 * `startSeconds` is all of a cold start, from the first process to the last part's readiness, with
 * the two simulators; `initdbSeconds` of them is the making of the database's files.
 */
export async function measureChallenge(
  load: OwnLoad,
  options: LayoutOptions,
  note: Note,
): Promise<Measured> {
  const world = await startWorld(options)
  const { layout, startSeconds, front } = world
  const services = servicesOf(layout)
  const simulators = layout.parts.filter((part) => !services.includes(part))
  const watch = watchOf(watchedOf(services, options), simulators)
  try {
    const urlOf = (name: 'default' | 'fallback'): string => layout.processors?.[name].url ?? ''
    await rest(load)
    const start = readUsage(services)
    const result = await runChallenge(
      {
        ...load,
        pit: front,
        default: parseTarget(urlOf('default')),
        fallback: parseTarget(urlOf('fallback')),
        token: INITIAL_TOKEN,
        settleSeconds: SETTLE_SECONDS,
        readyTries: 3,
      },
      listener(load.seconds, watch),
    )
    const used = usageBetween({ start, end: readUsage(services), payments: result.accepted })
    const { settlement, latency, generator } = result
    if (!settlement.booksEqual) note('the books differ at the end')
    return {
      figures: {
        p50Ms: latency.p50Ms,
        p90Ms: latency.p90Ms,
        p99Ms: result.p99Ms,
        p999Ms: latency.p999Ms,
        accepted: result.accepted,
        failed: result.failed,
        generatorDelayP99Ms: generator.delayP99Ms,
        generatorCpus: generator.cpuShare,
        score: result.score,
        inconsistencies: result.inconsistencies,
        disagreeingChecks: result.disagreeingChecks,
        lag: result.lag,
        lost: settlement.lost,
        booksEqual: settlement.booksEqual ? 1 : 0,
        ...sumsOf(used),
        startSeconds,
        initdbSeconds: layout.postgres.madeSeconds,
      },
      services: used,
      bySecond: joinSeconds(result.bySecond, watch.stop()),
    }
  } finally {
    watch.stop()
    await world.stop()
  }
}

/** What a heavier generator leaves out before it begins. */
function rest({ weight }: OwnLoad): Promise<void> {
  return pause((WEIGHTS[weight]?.restSeconds ?? 0) * 1000)
}

function listener(seconds: number, watch: CpuWatch): ChallengeListener {
  const progress = new TerminalProgress({ stream: process.stderr, seconds })
  return {
    onNote: (note) => progress.onNote(note),
    onLoadStarted: (read) => {
      progress.onLoadStarted(read)
      watch.begin(performance.now())
    },
    onLoadEnded: () => progress.onLoadEnded(),
  }
}

/** Without limits their figures are read all over /proc, which the load on this thread would feel. */
function watchedOf(services: readonly Part[], { limits }: LayoutOptions): readonly Part[] {
  return limits === undefined ? [] : services
}

/** With this process, which is the generator, and the simulators. */
function watchOf(services: readonly Part[], simulators: readonly Part[] = []): CpuWatch {
  return new CpuWatch(services, () => {
    const { user, system } = process.cpuUsage()
    const generator = { generator: (user + system) / 1e6 }
    if (simulators.length === 0) return generator
    const processors = simulators.reduce((sum, { pid }) => sum + cpuSecondsOf(pid ?? -1), 0)
    return { ...generator, processors }
  })
}
