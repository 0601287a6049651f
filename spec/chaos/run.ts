// One chaos run: the system, the load, the faults of the plan, the wait for an empty backlog, the
// verdict.

import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { SelfWatch } from '../../bench/load/self-watch.ts'
import { type ProgressStream, StatusLine } from '../../bench/load/status-line.ts'
import { Chance } from '../simulation/chance.ts'
import { PROCESSORS } from './books.ts'
import { findFaketime } from './clocks.ts'
import { Clients, ClientRecords } from './clients.ts'
import { type FaultName, setsClock } from './fault-kinds.ts'
import { Injector } from './injector.ts'
import { awaitEmpty } from './ledgers.ts'
import { LiveChecks } from './live-checks.ts'
import { boundsOf, type ChaosOptions } from './options.ts'
import { drawPlan, endOf } from './plan.ts'
import { Recoveries } from './recoveries.ts'
import { type System, startSystem } from './system.ts'
import { Takeovers } from './takeovers.ts'
import { judge, type Verdict } from './verdict.ts'

const PLAIN_INTERVAL_MS = 10_000

export class ChaosProgress {
  readonly #line: StatusLine
  readonly #logFile: string

  constructor(options: { readonly stream: ProgressStream; readonly logFile: string }) {
    this.#line = new StatusLine(options.stream, PLAIN_INTERVAL_MS)
    this.#logFile = options.logFile
  }

  /** A line for people. */
  say(text: string): void {
    this.#line.say(text)
    this.log(text)
  }

  /** A line for the log only. */
  log(text: string): void {
    appendFileSync(this.#logFile, `${new Date().toISOString()} ${text}\n`)
  }

  /** Shows what `read` says from time to time until `stop`. */
  show(read: () => string): void {
    this.#line.show(read)
  }

  stop(): void {
    this.#line.stop()
  }
}

export interface ChaosResult extends Verdict {
  readonly options: ChaosOptions
  /** Folder of logs and data. */
  readonly dir: string
}

export interface ChaosPlace {
  /** For data, sockets and logs; kept. */
  readonly dir: string
  readonly stream: ProgressStream
}

/** Rejects when the layout cannot be started; whatever breaks after that is in the result. */
export async function runChaos(options: ChaosOptions, place: ChaosPlace): Promise<ChaosResult> {
  const { dir, stream } = place
  const { instances, env, program, faults } = options
  const bounds = boundsOf(env)
  const system = await startSystem({ dir, instances, env, program, bounds, faults })
  const progress = new ChaosProgress({ stream, logFile: join(dir, 'chaos.log') })
  try {
    progress.say(`seed ${options.seed}, logs in ${dir}`)
    return { options, dir, ...(await runOn(system, options, progress)) }
  } finally {
    progress.stop()
    await system.close()
  }
}

async function runOn(
  system: System,
  options: ChaosOptions,
  progress: ChaosProgress,
): Promise<Verdict> {
  const { seed, seconds, rate, instances } = options
  const bounds = boundsOf(options.env)
  const possible = possibleFaults(options.faults, system, progress)
  const request = { seed, durationMs: seconds * 1000, faults: possible, instances, bounds }
  const plan = drawPlan(request)
  const [startedAt, startedAtWall] = [performance.now(), Date.now()]
  const chance = new Chance(seed)
  const records = new ClientRecords()
  const takeovers = new Takeovers(system.pitLedger)
  const note = (text: string): void => progress.log(text)
  const recoveries = recoveriesOn(system)
  const injector = new Injector({ system, takeovers, recoveries, startedAt, note })
  const clients = new Clients({
    url: system.layout.url,
    records,
    chance: chance.branch(1),
    rate,
    startedAt,
  })
  const liveChecks = new LiveChecks({ system, injector, chance: chance.branch(2) })
  const self = new SelfWatch()
  progress.show(() => {
    const elapsed = Math.round((performance.now() - startedAt) / 1000)
    const violations = records.violations.length + liveChecks.count + injector.failures.length
    return `${elapsed}/${seconds} s  ${records.accepted} accepted  ${injector.injected.length}/${plan.length} faults  ${violations} wrong`
  })

  clients.start()
  liveChecks.start()
  await injector.run(plan)
  const lastFaultAt = performance.now()
  await clients.stop()
  const lastsMs = Math.max(0, ...plan.map(endOf))
  progress.log(`all faults over, planned for ${lastsMs} ms`)
  const emptiedMs = await awaitEmpty(system.pitLedger, lastFaultAt)
  await takeovers.ended()
  await Promise.all(PROCESSORS.map((name) => recoveries.end(name)))
  await liveChecks.stop()
  progress.log(`backlog empty after ${emptiedMs} ms`)
  await Promise.all(PROCESSORS.map((name) => system.relays[name].settled()))

  return judge({
    system,
    records,
    injector,
    liveChecks,
    takeovers,
    recoveries,
    emptiedMs,
    startedAtWall,
    self: self.stop(),
    chance: chance.branch(3),
  })
}

/** What cannot be done on this machine is left out, and the run says so. */
function possibleFaults(
  faults: readonly FaultName[],
  { names }: System,
  progress: ChaosProgress,
): readonly FaultName[] {
  const isPossible = (name: FaultName): boolean => {
    if (setsClock(name)) return findFaketime() !== undefined
    return name !== 'name' || names !== undefined
  }
  for (const name of faults) {
    const why = name === 'name' ? 'no right to mount another resolv.conf' : 'no libfaketime here'
    if (!isPossible(name)) progress.say(`${name} is left out: ${why}`)
  }
  return faults.filter(isPossible)
}

export function recoveriesOn({ recoveryLedger, relays }: System): Recoveries {
  return new Recoveries({
    readBacklog: () => recoveryLedger.readBacklog(),
    countOpenSince: (at) => recoveryLedger.countOpenSince(at),
    countSends: (processor) => relays[processor].charges,
  })
}
