// One chaos run: the stage, the load, the faults of the plan, the settling, the reckoning.

import { join } from 'node:path'
import { SelfWatch } from '../../bench/load/self-watch.ts'
import { Chance } from '../simulation/chance.ts'
import { Clients } from './clients.ts'
import { Injector } from './injector.ts'
import type { ChaosOptions } from './options.ts'
import { endOf, drawPlan } from './plan.ts'
import { ChaosProgress } from './progress.ts'
import type { ProgressStream } from '../../bench/load/status-line.ts'
import { PROCESSORS } from './payment-faults.ts'
import { Recoveries } from './recoveries.ts'
import { reckon, type Reckoning } from './reckoning.ts'
import { Register } from './register.ts'
import { awaitEmpty } from './settle.ts'
import { startStage, type Stage } from './stage.ts'
import { Takeovers } from './takeovers.ts'
import { Watch } from './watch.ts'

export interface ChaosResult extends Reckoning {
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
  const { instances, env } = options
  const stage = await startStage({ dir, instances, env })
  const progress = new ChaosProgress({ stream, logFile: join(dir, 'chaos.log') })
  try {
    progress.say(`seed ${options.seed}, logs in ${dir}`)
    return { options, dir, ...(await runOn(stage, options, progress)) }
  } finally {
    progress.stop()
    await stage.close()
  }
}

async function runOn(
  stage: Stage,
  options: ChaosOptions,
  progress: ChaosProgress,
): Promise<Reckoning> {
  const { seed, seconds, faults, rate, instances } = options
  const plan = drawPlan({ seed, durationMs: seconds * 1000, faults, instances })
  const [startedAt, startedAtWall] = [performance.now(), Date.now()]
  const chance = new Chance(seed)
  const register = new Register()
  const takeovers = new Takeovers(stage.pitLedger)
  const note = (text: string): void => progress.log(text)
  const recoveries = recoveriesOn(stage)
  const injector = new Injector({ stage, takeovers, recoveries, startedAt, note })
  const clients = new Clients({
    url: stage.layout.url,
    register,
    chance: chance.branch(1),
    rate,
    startedAt,
  })
  const watch = new Watch({ stage, injector, chance: chance.branch(2) })
  const self = new SelfWatch()
  progress.show(() => {
    const elapsed = Math.round((performance.now() - startedAt) / 1000)
    const strays = register.strays.length + watch.strays.length + injector.failures.length
    return `${elapsed}/${seconds} s  ${register.accepted} accepted  ${injector.doses.length}/${plan.length} faults  ${strays} wrong`
  })

  clients.start()
  watch.start()
  await injector.run(plan)
  const lastFaultAt = performance.now()
  await clients.stop()
  const lastsMs = Math.max(0, ...plan.map(endOf))
  progress.log(`all faults over, planned for ${lastsMs} ms`)
  const emptiedMs = await awaitEmpty(stage.pitLedger, lastFaultAt)
  await takeovers.ended()
  await Promise.all(PROCESSORS.map((name) => recoveries.end(name)))
  await watch.stop()
  progress.log(`backlog empty after ${emptiedMs} ms`)

  return reckon({
    stage,
    register,
    injector,
    watch,
    takeovers,
    recoveries,
    emptiedMs,
    startedAtWall,
    self: self.stop(),
    chance: chance.branch(3),
  })
}

function recoveriesOn({ surveyor, ledgers }: Stage): Recoveries {
  return new Recoveries({
    readBacklog: () => surveyor.readBacklog(),
    countOpenSince: (at) => surveyor.countOpenSince(at),
    countSends: (processor) => ledgers[processor].countSends(),
  })
}
