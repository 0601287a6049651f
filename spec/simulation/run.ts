// One seed, one history: a world, what happens in it, and whether every promise held.

import { askSummaries, checkPayments } from './books.ts'
import { Chance } from './chance.ts'
import { Clients } from './clients.ts'
import { planFaults } from './faults.ts'
import { short } from './history.ts'
import { watchHandovers } from './handovers.ts'
import { drawPlan } from './plan.ts'
import { NOTHING_PLANTED, type Planted } from './planted-world.ts'
import { drawSettings } from './settings.ts'
import { askWhileRunning } from './summaries.ts'
import type { Rule, Violation } from './rules.ts'
import { World } from './world.ts'

export interface SeedRun {
  readonly seed: number
  readonly planted?: Planted
  /** Rules that may break without an end to the simulation; absent: none. */
  readonly tolerated?: ReadonlySet<Rule>
  /** Takes the history's lines. */
  readonly print?: (line: string) => void
}

export interface SeedResult {
  readonly seed: number
  /** The first of each rule that did not hold, in the order in which they came. */
  readonly violations: readonly Violation[]
  /** Of the whole history: equal for each run of a seed. */
  readonly digest: string
  readonly payments: number
  readonly faults: number
  readonly steps: number
  /** Virtual ms that the backlog took to empty after the last fault. */
  readonly emptiedAfterMs: number
}

/** Between two looks at the backlog, virtual ms. */
const LOOK_MS = 50

/** For the answers to the last questions, virtual ms. */
const ANSWERS_MS = 200

/** Runs one seed to its end or to the first broken promise. */
export async function runSeed({ seed, planted, tolerated, print }: SeedRun): Promise<SeedResult> {
  const chance = new Chance(seed)
  const drawn = drawSettings(chance.branch(1))
  const settings = planted?.settings?.(drawn) ?? drawn
  const usual = drawPlan(chance.branch(2), settings)
  const plan = planted?.plan?.(usual, settings) ?? usual
  const world = new World({
    chance: chance.branch(3),
    settings,
    planted: planted ?? NOTHING_PLANTED,
    instances: plan.instances,
    ...(tolerated === undefined ? {} : { tolerated }),
    ...(print === undefined ? {} : { print }),
  })
  const clients = new Clients(world)
  clients.plan(plan.payments)
  planFaults(world, plan.faults, settings.faultsMs)
  askWhileRunning(world, settings.faultsMs)
  watchHandovers(world)
  await world.scheduler.run(settings.faultsMs)
  const emptiedAfterMs = await becomeQuiet(world, clients)
  if (!world.scheduler.isStopped) await closeBooks(world, chance.branch(4))
  return {
    seed,
    violations: world.observer.violations,
    digest: world.history.digest(),
    payments: world.postings.byId.size,
    faults: plan.faults.length,
    steps: world.scheduler.steps,
    emptiedAfterMs,
  }
}

/** Until nothing is open, nobody waits and nothing travels, within the bound. */
async function becomeQuiet(world: World, clients: Clients): Promise<number> {
  const { scheduler, settings, ledgerStore, servers, observer } = world
  const healedAt = scheduler.now()
  const isQuiet = (): boolean =>
    clients.underway === 0 &&
    ledgerStore.open.size === 0 &&
    servers.default.underway + servers.fallback.underway === 0
  // Clients that insist have mostly posted the last time by then.
  const clientsMs = 3000
  while (!scheduler.isStopped) {
    await scheduler.run(scheduler.now() + LOOK_MS)
    world.replaceDead()
    const quietMs = scheduler.now() - healedAt
    if (quietMs > clientsMs && isQuiet()) break
    if (quietMs > clientsMs + settings.quietMaxMs) {
      observer.fail('backlogEmpties', left(world))
      // The books of payments that are still open are wrong in consequence.
      scheduler.stop()
    }
  }
  return scheduler.now() - healedAt
}

async function closeBooks(world: World, chance: Chance): Promise<void> {
  const { scheduler } = world
  await scheduler.run(scheduler.now() + ANSWERS_MS)
  checkPayments(world)
  askSummaries(world, chance)
  await scheduler.run(scheduler.now() + ANSWERS_MS)
}

function left({ ledgerStore }: World): string {
  return [...ledgerStore.open.values()]
    .map(({ correlationId, owner, fencingToken, unknownOutcomes }) => {
      return `${short(correlationId)} owner ${owner} fencing token ${fencingToken} unknown outcomes ${unknownOutcomes.length}`
    })
    .join('; ')
}
