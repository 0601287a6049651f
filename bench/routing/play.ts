// One load against one schedule with one configuration, in virtual time, and what it earned.

import type { ExactSummary, ProcessorName, Summary } from '../../src/actors/model/payment.ts'
import { type Config, type Environment, readConfig } from '../../src/config/config.ts'
import { configuredBy } from '../../src/app/settings.ts'
import { computeScore } from '../challenge/score.ts'
import type { Stage } from '../challenge/stages.ts'
import { Chance } from '../../spec/simulation/chance.ts'
import { HEALTHY } from '../../spec/simulation/simulated-processor.ts'
import { NOTHING_PLANTED } from '../../spec/simulation/instance.ts'
import type { Settings } from '../../spec/simulation/settings.ts'
import { World } from '../../spec/simulation/world.ts'
import { BooksChecks, type Findings } from './checks.ts'
import { bestShare } from './oracle.ts'
import { RoutingUsers, THINK_MS } from './users.ts'

export interface Game {
  readonly stages: readonly Stage[]
  /** What differs from the default configuration, by the names of its variables. */
  readonly environment: Environment
  readonly seed: number
  /**
   * At the end of the ramp. Fewer than the challenge's thin the load; the charges in flight, which
   * bound what a slow processor gets through, are thinned with them.
   */
  readonly users: number
  /** Length of the load, s; the schedule is not scaled to it. */
  readonly seconds: number
  /** How far back the windows of the consistency checks end, ms. */
  readonly lagMs: number
  /** How much later than the processors Pit reads its books for them, ms. */
  readonly pitLaterMs: number
}

/** Length of the challenge's load, s: what schedules are written for. */
export const LOAD_SECONDS = 60

/** Users of the challenge at the end of its ramp. */
const USERS = 550

export interface Earnings extends Findings {
  readonly accepted: number
  /** What Pit's summary said at the end of the load. */
  readonly settled: Summary
  /** Gross less fees, in units of money. */
  readonly profit: number
  /** The same less the fine for inconsistencies. */
  readonly score: number
  /** What the oracle's profit would have been. */
  readonly bestProfit: number
}

/** 19.90 */
const AMOUNT_CENTS = 1990

/** In which instances get their leases before the load, ms. */
const WARM_UP_MS = 500

/** What a processor takes at least beside its delay, ms. */
const WORK_MS = 4

/** A p99 in virtual time says nothing: the one from which on there is no bonus. */
const P99_MS = 11

/** @throws when a promise was broken: then the figures mean nothing. */
export async function play(game: Game): Promise<Earnings> {
  const config = readConfig(game.environment)
  const chance = new Chance(game.seed)
  const share = game.users / USERS
  const world = new World({
    chance: chance.branch(1),
    settings: settingsOf(config, share),
    planted: NOTHING_PLANTED,
    instances: 2,
  })
  await world.virtualTime.run(WARM_UP_MS)
  const durationMs = game.seconds * 1000
  const users = new RoutingUsers({
    world,
    users: game.users,
    durationMs,
    amountCents: AMOUNT_CENTS,
  })
  const { stages, lagMs, pitLaterMs } = game
  const checks = new BooksChecks({ world, stages, durationMs, lagMs, share, pitLaterMs })
  switchBy(world, stages)
  users.start()
  checks.start()
  // As the load script does: it ends when the last user has thought its last.
  const endMs = durationMs + THINK_MS
  await world.virtualTime.run(WARM_UP_MS + endMs)
  const settled = await askSummary(world)
  if (world.violation !== undefined) {
    throw new Error(`${world.violation.rule}: ${world.violation.detail}`)
  }
  const fees = feesOf(config)
  const accepted = users.accepted.length
  const score = computeScore({
    accepted,
    settled,
    feeRates: fees,
    p99Ms: P99_MS,
    inconsistencies: checks.findings.inconsistencies,
  })
  const question = { stages, endMs, fees }
  const shares = users.accepted.reduce((sum, at) => sum + bestShare(question, at), 0)
  const bestProfit = (shares * AMOUNT_CENTS) / 100
  return {
    accepted,
    settled,
    profit: score.profit,
    score: score.score,
    bestProfit,
    ...checks.findings,
  }
}

function feesOf(config: Config): Record<ProcessorName, number> {
  return { default: config.processorDefaultFee, fallback: config.processorFallbackFee }
}

/** The challenge's processors look up what they have recorded at once, or nearly. */
const LOOK_UP_LAG_MS = 5

function settingsOf(config: Config, share: number): Settings {
  const processorConcurrency = Math.max(1, Math.round(config.processorConcurrency * share))
  return {
    configured: configuredBy({ ...config, processorConcurrency }),
    ledger: { acceptTimeoutMs: 900, leaseTimeoutMs: 480, statementTimeoutMs: 3000 },
    attemptTimeoutMs: config.attemptTimeoutMs,
    lookupTimeoutMs: config.lookupTimeoutMs,
    landingMaxMs: config.inDoubtHorizonMs,
    lookUpLagMs: LOOK_UP_LAG_MS,
    rewindAskMs: 600_000,
    quietMaxMs: 0,
    faultsMs: 0,
  }
}

function switchBy({ virtualTime, servers }: World, stages: readonly Stage[]): void {
  for (const stage of stages) {
    virtualTime.after(stage.atSecond * 1000, () => {
      for (const name of ['default', 'fallback'] as const) {
        const { delayMs, failing } = stage[name]
        const span = [delayMs, delayMs + WORK_MS] as const
        servers[name].phase = { ...HEALTHY, delayMs: span, isFailing: failing }
      }
    })
  }
}

/** For the answer to the one question at the end, virtual ms. */
const ANSWER_MS = 200

async function askSummary(world: World): Promise<Summary> {
  let settled: ExactSummary | undefined
  world.at(0).send({
    type: 'summary.requested',
    window: {},
    replyTo: (answer) => {
      if (answer.kind === 'found') settled = answer.value
    },
  })
  await world.virtualTime.run(world.virtualTime.now() + ANSWER_MS)
  if (settled === undefined) throw new Error('no summary at the end of the load')
  const { default: byDefault, fallback } = settled
  return {
    default: { ...byDefault, cents: Number(byDefault.cents) },
    fallback: { ...fallback, cents: Number(fallback.cents) },
  }
}
