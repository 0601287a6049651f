// One seed: what happens in its world, and whether every rule held. Many seeds: spread over threads,
// with progress and a summary.

import { Worker } from 'node:worker_threads'
import { askSummaries, askWhileRunning, checkContradictions, checkPayments } from './book-rules.ts'
import { Chance } from './chance.ts'
import { Clients } from './clients.ts'
import { handoverRules } from './handover-rules.ts'
import { NOTHING_PLANTED, type Planted } from './instance.ts'
import { short } from './observer.ts'
import { isStuck, leftOpen, mayBeSettled } from './open-payments.ts'
import { orderRules } from './order-rules.ts'
import { drawPlan, type Plan } from './plan.ts'
import { checkOften } from './readiness.ts'
import { type Rule, RULES, type Violation } from './rules.ts'
import { drawSettings, type Settings } from './settings.ts'
import { planFaults, World } from './world.ts'
import { PASSED_ON_WITHIN_MS } from './worlds/cut-off.ts'
import { type DrawnWorld, describeWorld, drawWorld } from './worlds/faults.ts'
import { Oracle } from './worlds/oracle.ts'
import { describeOrders, drawOrders, drawResolves, type PlannedOrder } from './worlds/orders.ts'

export interface SeedRun {
  readonly seed: number
  readonly planted?: Planted
  /** Absent: with a world beyond the plan for every other seed, unless something is planted. */
  readonly world?: 'drawn' | 'none'
  /** Rules that may break without an end to the simulation; absent: none. */
  readonly tolerated?: ReadonlySet<Rule>
  /** Is told the lines of the trace. */
  readonly print?: (line: string) => void
}

export interface SeedResult {
  readonly seed: number
  /** The first of each rule that did not hold, in the order in which they came. */
  readonly violations: readonly Violation[]
  /** Digest of the whole trace: equal in each run of a seed. */
  readonly digest: string
  readonly payments: number
  readonly faults: number
  readonly steps: number
  /** Virtual ms that the backlog took to empty after the last fault. */
  readonly emptiedAfterMs: number
  /** Payments of which an instance told that a processor contradicts itself, or Pit. */
  readonly contradicted: readonly string[]
  /** What happened beyond the usual plan, a line each. */
  readonly world: readonly string[]
}

/** Between two counts of the backlog, virtual ms. */
const CHECK_EVERY_MS = 50

/** For the answers to the last requests, virtual ms. */
const ANSWERS_MS = 200

/** Runs one seed to its end, or to the first violation that is not tolerated. */
export async function runSeed(run: SeedRun): Promise<SeedResult> {
  const { seed, planted, tolerated, print } = run
  const chance = new Chance(seed)
  const usualSettings = drawSettings(chance.branch(1))
  const lengths = planted === undefined ? longLease(seed, usualSettings) : {}
  const settings = planted?.settings?.(usualSettings) ?? { ...usualSettings, ...lengths }
  const usual = drawPlan(chance.branch(2), settings)
  const drawn = drawnWorld(run, usual, settings)
  const orders = [...drawnOrders(run, usual, settings), ...drawnResolves(run, settings)]
  const plan = planted?.plan?.(usual, settings) ?? together(usual, drawn, orders)
  const world = new World({
    chance: chance.branch(3),
    settings,
    planted: planted ?? NOTHING_PLANTED,
    instances: plan.instances,
    oracle: new Oracle(planted?.oracle ?? 'fair'),
    proxyChance: worldChance(seed).branch(2),
    operatorsChance: ordersChance(seed).branch(2),
    resolvesChance: resolvesChance(seed).branch(2),
    ...(tolerated === undefined ? {} : { tolerated }),
    ...(print === undefined ? {} : { print }),
  })
  const clients = new Clients(world)
  clients.plan(plan.payments)
  planFaults(world, plan, settings.faultsMs)
  askWhileRunning(world, settings.faultsMs)
  checkOften(world, [handoverRules(world), orderRules(world)])
  await world.virtualTime.run(settings.faultsMs)
  const emptiedAfterMs = await becomeQuiet(world, clients, plan)
  if (!world.virtualTime.isStopped) await closeBooks(world, chance.branch(4))
  return {
    seed,
    violations: world.observer.violations,
    digest: world.trace.digest(),
    payments: world.postings.byId.size,
    faults: plan.faults.length,
    steps: world.virtualTime.steps,
    emptiedAfterMs,
    contradicted: [...world.observer.contradicted].map(short),
    world: [...describeWorld(drawn), ...describeOrders(orders)],
  }
}

/** In one of four seeds every other instance has a longer lease; that shifts nothing else. */
function longLease(seed: number, { configured, quietMaxMs }: Settings): Partial<Settings> {
  const chance = new Chance(seed ^ 0x1b87_3593)
  if (!chance.happens(0.25)) return {}
  const longLeaseMs = configured.leaseTtlMs * chance.between([1.2, 4])
  return { longLeaseMs, quietMaxMs: quietMaxMs + 2 * longLeaseMs }
}

/** What happens beyond the usual plan does not shift what the seed decides about that. */
function worldChance(seed: number): Chance {
  return new Chance(seed ^ 0x5bd1_e995)
}

/** Every other seed has only its usual plan: what breaks a rule there needs no other world. */
function drawnWorld(
  { seed, planted, world }: SeedRun,
  usual: Plan,
  settings: Settings,
): DrawnWorld {
  const isWanted = world === undefined ? planted === undefined && seed % 2 === 1 : world === 'drawn'
  if (!isWanted) return { faults: [], lasting: null, cutOff: null }
  const { instances, payments } = usual
  const chance = worldChance(seed).branch(1)
  return drawWorld({ chance, settings, instances, payments: payments.length })
}

/** What operators order shifts nothing else that the seed decides. */
function ordersChance(seed: number): Chance {
  return new Chance(seed ^ 0x2545_f491)
}

function drawnOrders(
  { seed, planted, world }: SeedRun,
  { instances, faults }: Plan,
  settings: Settings,
): readonly PlannedOrder[] {
  if (planted !== undefined || world === 'none') return []
  return drawOrders({ chance: ordersChance(seed).branch(1), settings, instances, faults })
}

/** What they say of payments in doubt shifts none of their other orders. */
function resolvesChance(seed: number): Chance {
  return new Chance(seed ^ 0x6c07_8965)
}

function drawnResolves(
  { seed, planted, world }: SeedRun,
  settings: Settings,
): readonly PlannedOrder[] {
  if (planted !== undefined || world === 'none') return []
  return drawResolves({ chance: resolvesChance(seed).branch(1), settings })
}

function together(
  usual: Plan,
  { faults, lasting, cutOff }: DrawnWorld,
  orders: readonly PlannedOrder[],
): Plan {
  return {
    ...usual,
    faults: [...usual.faults, ...faults, ...orders],
    ...(lasting === null ? {} : { lasting }),
    ...(cutOff === null ? {} : { cutOff }),
  }
}

/**
 * Runs until nothing is open, no client waits and no charge is under way, within the bound; where a
 * processor is not mended, first until all that can be settled is.
 */
async function becomeQuiet(
  world: World,
  clients: Clients,
  { lasting, cutOff }: Plan,
): Promise<number> {
  const { virtualTime, settings, servers, oracle } = world
  const healedAt = virtualTime.now()
  if (lasting !== undefined || cutOff !== undefined) {
    const late = (): readonly string[] =>
      leftOpen(world).filter((id) => !isStuck(world, lasting, id))
    const passedOnMs = cutOff === undefined ? 0 : PASSED_ON_WITHIN_MS
    const deadlinesMs = LASTING_DEADLINES * settings.configured.work.settleByMs
    const maxMs = settings.quietMaxMs + deadlinesMs + passedOnMs
    await runUntil(world, {
      isDone: () => clients.underway === 0,
      late,
      maxMs,
      rule: 'settledByWhoWorks',
    })
    if (!virtualTime.isStopped) world.heal()
  }
  const isDone = (): boolean =>
    clients.underway === 0 &&
    servers.default.underway + servers.fallback.underway === 0 &&
    virtualTime.now() > world.operators.lastGivenAt + RESOLVED_WITHIN_MS
  const late = (): readonly string[] =>
    leftOpen(world).filter((id) => !oracle.foreign.has(id) || mayBeSettled(world, id))
  await runUntil(world, { isDone, late, maxMs: settings.quietMaxMs, rule: 'backlogEmpties' })
  return virtualTime.now() - healedAt
}

/** Within this time what an operator says of a payment is followed, ms. */
const RESOLVED_WITHIN_MS = 2_000

/** Settle-by deadlines that a payment may wait out at a processor that is not mended. */
const LASTING_DEADLINES = 2

/** Clients that insist have mostly posted the last time after this, ms. */
const CLIENTS_MS = 3000

interface Quiet {
  readonly isDone: () => boolean
  /** Payments that have to be settled by then. */
  readonly late: () => readonly string[]
  readonly maxMs: number
  /** The rule that is broken otherwise. */
  readonly rule: Rule
}

async function runUntil(world: World, { isDone, late, maxMs, rule }: Quiet): Promise<void> {
  const { virtualTime, observer } = world
  const since = virtualTime.now()
  while (!virtualTime.isStopped) {
    await virtualTime.run(virtualTime.now() + CHECK_EVERY_MS)
    world.keepUp()
    const ranMs = virtualTime.now() - since
    if (ranMs > CLIENTS_MS && isDone() && late().length === 0) return
    if (ranMs > CLIENTS_MS + maxMs) {
      observer.fail(rule, left(world, late()))
      // The books of payments that are still open are wrong in consequence.
      virtualTime.stop()
    }
  }
}

async function closeBooks(world: World, chance: Chance): Promise<void> {
  const { virtualTime } = world
  await virtualTime.run(virtualTime.now() + ANSWERS_MS)
  checkPayments(world)
  checkContradictions(world)
  askSummaries(world, chance)
  await virtualTime.run(virtualTime.now() + ANSWERS_MS)
}

function left({ ledgerStore }: World, late: readonly string[]): string {
  return late
    .flatMap((id) => ledgerStore.open.get(id) ?? [])
    .map(({ correlationId, owner, fencingToken, unknownOutcomes }) => {
      return `${short(correlationId)} owner ${owner} fencing token ${fencingToken} unknown outcomes ${unknownOutcomes.length}`
    })
    .join('; ')
}

export interface SeedsRequest {
  readonly from: number
  readonly seeds: number
  readonly jobs: number
  readonly failuresMax: number
}

/** How a seed is run again by itself. */
export function replayCommand(seed: number): string {
  return `npm run simulate -- --seed ${seed} --trace`
}

/** Prints the trace of one seed; whether every rule held. */
export async function traceSeed(seed: number, print: 'steps' | 'end'): Promise<boolean> {
  const write = (line: string): void => void process.stdout.write(`${line}\n`)
  const result = await runSeed({ seed, ...(print === 'steps' ? { print: write } : {}) })
  write(describeResult(result))
  return result.violations.length === 0
}

/** Runs seeds `from` to `from + seeds - 1`; whether every rule held in each. */
export async function runSeeds(request: SeedsRequest): Promise<boolean> {
  const tally = new Tally(request)
  const jobs = Array.from({ length: request.jobs }, (_, job) => runJob({ ...request, job }, tally))
  await Promise.all(jobs)
  tally.finish()
  return tally.failures === 0
}

/** What a thread is told: its share of the seeds. */
export interface JobRequest extends SeedsRequest {
  readonly job: number
}

function runJob(request: JobRequest, tally: Tally): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./seed-worker.js', import.meta.url), { workerData: request })
    worker.on('message', (result: SeedResult) => {
      tally.take(result)
      if (tally.failures >= request.failuresMax) void worker.terminate()
    })
    worker.on('error', reject)
    worker.on('exit', () => resolve())
  })
}

/** Between two lines of progress, ms. */
const PROGRESS_MS = 2000

class Tally {
  failures = 0
  #runs = 0
  #payments = 0
  #faults = 0
  #steps = 0
  #longestMs = 0
  readonly #wanted: number
  readonly #startedAt = performance.now()
  #shownAt = performance.now()

  constructor({ seeds }: SeedsRequest) {
    this.#wanted = seeds
  }

  take(result: SeedResult): void {
    this.#runs += 1
    this.#payments += result.payments
    this.#faults += result.faults
    this.#steps += result.steps
    this.#longestMs = Math.max(this.#longestMs, result.emptiedAfterMs)
    if (result.violations.length > 0) {
      this.failures += 1
      process.stdout.write(`${describeResult(result)}\n  ${replayCommand(result.seed)}\n`)
    }
    if (performance.now() - this.#shownAt < PROGRESS_MS) return
    this.#shownAt = performance.now()
    process.stderr.write(`${this.#runs}/${this.#wanted} seeds, ${this.failures} failing\n`)
  }

  finish(): void {
    const minutes = (performance.now() - this.#startedAt) / 60_000
    const perMinute = Math.round(this.#runs / minutes)
    process.stdout.write(
      `${this.#runs} seeds, ${this.#payments} payments, ${this.#faults} faults, ` +
        `${this.#steps} steps; ${this.failures} failing; longest backlog ` +
        `${(this.#longestMs / 1000).toFixed(1)} s after the last fault (virtual); ` +
        `${perMinute} seeds a minute\n`,
    )
  }
}

function describeResult(result: SeedResult): string {
  const { seed, violations, digest, payments, faults, steps, world } = result
  const what = `${payments} payments, ${faults} faults, ${steps} steps, trace ${digest}`
  const [violation] = violations
  if (violation === undefined) return `seed ${seed}: every rule held; ${what}`
  const { rule, detail, at } = violation
  const broken = `BROKEN ${rule} (${RULES[rule]}) at ${at.toFixed(3)} ms: ${detail}`
  return [`seed ${seed}: ${broken}; ${what}`, ...world].join('\n  ')
}
