// npm run bench:challenge: the challenge's load several times on the limited layout, and the same
// users at a server that only answers 202.

import { INITIAL_TOKEN } from './challenge/processor-admin.ts'
import { TerminalProgress } from './challenge/progress.ts'
import { runChallenge } from './challenge/run.ts'
import { findSchedule } from './challenge/stages.ts'
import { Users } from './challenge/users.ts'
import { SelfWatch } from './load/self-watch.ts'
import { AnswerTally } from './load/tally.ts'
import { parseTarget } from './load/target.ts'
import { runBench, type Note } from './measure/command.ts'
import { oneOf, text, whole } from './measure/flags.ts'
import { startFloor } from './measure/floor.ts'
import { AMOUNT_CENTS } from './measure/payment-load.ts'
import type { Measured } from './measure/report.ts'
import { readUsage, servicesOf, sumOf, usageBetween } from './measure/usage.ts'
import { sharesFor, startWorld } from './measure/world.ts'

interface Options {
  readonly seconds: number
  readonly users: number
  readonly stages: string
  readonly limits: 'compose' | 'none'
}

/** As the challenge has them. */
const THINK_MS = 1_000
const TIMEOUT_MS = 1_500
/** For what still waits after the load, s. */
const SETTLE_SECONDS = 60

await runBench({
  name: 'challenge',
  purpose:
    'The load of the challenge against the whole layout, started afresh for each run, and beside it the\n' +
    'same users at a server that does nothing but answer 202, without limits: the floor.',
  runs: 5,
  flags: {
    seconds: whole({ fallback: 60, min: 5, max: 3600, meaning: 'length of the load, s' }),
    users: whole({ fallback: 550, min: 1, max: 5000, meaning: 'users at the end of the ramp' }),
    stages: text('NAME|FILE', 'schedule of the processors, as for npm run challenge'),
    limits: oneOf(['compose', 'none'], 'shares of docker-compose.yml, or none'),
  },
  variants: (options) => [
    { name: 'floor', measure: () => measureFloor(options) },
    {
      name: `Pit, ${options.limits === 'none' ? 'no limits' : 'limits'}`,
      measure: (note) => measurePit(options, note),
    },
  ],
})

async function measureFloor({ seconds, users }: Options): Promise<Measured> {
  const floor = await startFloor(undefined)
  try {
    const tally = new AnswerTally()
    const watch = new SelfWatch()
    await new Users({
      target: floor.target,
      users,
      durationMs: seconds * 1000,
      thinkMs: THINK_MS,
      timeoutMs: TIMEOUT_MS,
      amountCents: AMOUNT_CENTS,
      onAnswer: (answer) => tally.record(answer),
    }).run()
    const { p50Ms, p99Ms, p999Ms } = tally.latency.report()
    const { delayP99Ms } = watch.stop()
    const { succeeded: accepted, failed } = tally
    return { figures: { p50Ms, p99Ms, p999Ms, accepted, failed, generatorDelayP99Ms: delayP99Ms } }
  } finally {
    await floor.stop()
  }
}

async function measurePit(options: Options, note: Note): Promise<Measured> {
  const { seconds, users, stages, limits } = options
  const world = await startWorld({ limits: sharesFor(limits) })
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
      },
      services: used,
    }
  } finally {
    await world.stop()
  }
}
