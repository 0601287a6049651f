// The challenge's load against a whole layout that is started for it, and against the floors.

import { fileURLToPath } from 'node:url'
import { createUsers } from '../challenge/load.ts'
import { INITIAL_TOKEN } from '../challenge/processor-admin.ts'
import { TerminalProgress } from '../challenge/progress.ts'
import { runChallenge } from '../challenge/run.ts'
import { findSchedule } from '../challenge/stages.ts'
import { startLayout } from '../layout/layout.ts'
import type { LayoutOptions } from '../layout/plan.ts'
import { SelfWatch } from '../load/self-watch.ts'
import { AnswerTally } from '../load/tally.ts'
import { parseTarget, type Target } from '../load/target.ts'
import type { Note } from './command.ts'
import { startFloor } from './floor.ts'
import type { Measured } from './report.ts'
import { readUsage, servicesOf, sumOf, usageBetween } from './usage.ts'
import { startWorld } from './world.ts'

export interface ChallengeLoad {
  /** Length of the load, s. */
  readonly seconds: number
  /** Users at the end of the ramp. */
  readonly users: number
  /** Name or file of a schedule; empty for the published one. */
  readonly stages: string
}

/** For what still waits after the load, s. */
const SETTLE_SECONDS = 60

/** The same users at a server that does nothing but answer 202, without limits. */
export async function measureChallengeFloor(load: ChallengeLoad): Promise<Measured> {
  const floor = await startFloor(undefined)
  try {
    return { figures: await runUsers(load, floor.target) }
  } finally {
    await floor.stop()
  }
}

/**
 * The same users at nginx, PostgreSQL and two servers that commit one plain insert for each payment
 * and do nothing else, in the shares of the two Pits.
 */
export async function measureCommitFloor(
  load: ChallengeLoad,
  layoutOptions: LayoutOptions,
): Promise<Measured> {
  const program = fileURLToPath(new URL('./commit-floor-server.js', import.meta.url))
  const layout = await startLayout({ ...layoutOptions, program, processors: 'none', redis: false })
  try {
    const services = servicesOf(layout)
    const start = readUsage(services)
    const figures = await runUsers(load, parseTarget(layout.url))
    const used = usageBetween({ start, end: readUsage(services), payments: figures.accepted })
    return {
      figures: { ...figures, throttledPeriods: sumOf(used, 'throttledPeriods') },
      services: used,
    }
  } finally {
    await layout.stop()
  }
}

async function runUsers(load: ChallengeLoad, target: Target): Promise<UserFigures> {
  const tally = new AnswerTally()
  const watch = new SelfWatch()
  const { seconds, users } = load
  await createUsers({ target, users, seconds, onAnswer: (answer) => tally.record(answer) }).run()
  const { p50Ms, p99Ms, p999Ms } = tally.latency.report()
  const { delayP99Ms } = watch.stop()
  const { succeeded: accepted, failed } = tally
  return { p50Ms, p99Ms, p999Ms, accepted, failed, generatorDelayP99Ms: delayP99Ms }
}

type UserFigures = Record<
  'p50Ms' | 'p99Ms' | 'p999Ms' | 'accepted' | 'failed' | 'generatorDelayP99Ms',
  number
>

/**
 * Of a cold start `startSeconds` is all, from the first process to the last part's readiness, with
 * the two simulators; `initdbSeconds` of them is the making of the database's files.
 */
export async function measureChallenge(
  load: ChallengeLoad,
  layoutOptions: LayoutOptions,
  note: Note,
): Promise<Measured> {
  const { seconds, users, stages } = load
  const world = await startWorld(layoutOptions)
  try {
    const { layout, startSeconds, front } = world
    const urlOf = (name: 'default' | 'fallback'): string => layout.processors?.[name].url ?? ''
    const services = servicesOf(layout)
    const start = readUsage(services)
    const result = await runChallenge(
      {
        pit: front,
        default: parseTarget(urlOf('default')),
        fallback: parseTarget(urlOf('fallback')),
        token: INITIAL_TOKEN,
        seconds,
        users,
        stages: findSchedule(stages === '' ? 'challenge' : stages),
        settleSeconds: SETTLE_SECONDS,
        readyTries: 3,
      },
      new TerminalProgress({ stream: process.stderr, seconds }),
    )
    const used = usageBetween({ start, end: readUsage(services), payments: result.accepted })
    const { settlement, latency } = result
    if (!settlement.booksEqual) note('the books differ at the end')
    return {
      figures: {
        p50Ms: latency.p50Ms,
        p99Ms: result.p99Ms,
        p999Ms: latency.p999Ms,
        accepted: result.accepted,
        failed: result.failed,
        generatorDelayP99Ms: result.generator.delayP99Ms,
        score: result.score,
        inconsistencies: result.inconsistencies,
        disagreeingChecks: result.disagreeingChecks,
        lag: result.lag,
        lost: settlement.lost,
        booksEqual: settlement.booksEqual ? 1 : 0,
        cpus: sumOf(used, 'cpus'),
        cpuUsPerPayment: sumOf(used, 'cpuUsPerPayment'),
        throttledPeriods: sumOf(used, 'throttledPeriods'),
        startSeconds,
        initdbSeconds: layout.postgres.madeSeconds,
      },
      services: used,
    }
  } finally {
    await world.stop()
  }
}
