// One run of failovers: the layout over a cluster, the load, one failover after another with its
// measures, the wait for an empty backlog, the verdict of the chaos runs.

import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Cluster, startCluster } from '../../../bench/cluster/cluster.ts'
import { waitUntil } from '../../../bench/layout/wait.ts'
import { SelfWatch } from '../../../bench/load/self-watch.ts'
import { freePort } from '../../../src/infra/process/free-port.ts'
import { Chance } from '../../simulation/chance.ts'
import { Clients } from '../clients.ts'
import type { InjectedFault } from '../injector.ts'
import { awaitEmpty } from '../ledgers.ts'
import { LiveChecks } from '../live-checks.ts'
import { boundsOf } from '../options.ts'
import { TcpRelay } from '../relay.ts'
import { ChaosProgress, type ChaosPlace, recoveriesOn } from '../run.ts'
import { type System, startSystem } from '../system.ts'
import { Takeovers } from '../takeovers.ts'
import { judge, type Verdict } from '../verdict.ts'
import { awaitHealthy, type FailoverName, KINDS } from './kinds.ts'
import { PrimaryWatch, ReadyWatch, TimedRecords } from './watch.ts'

export interface FailoverOptions {
  readonly seed: number
  /** In this order. */
  readonly failovers: readonly FailoverName[]
  /** New payments per second. */
  readonly rate: number
  readonly instances: number
  /** How the instances reach the primary: through HAProxy, or by naming all nodes. */
  readonly via: 'haproxy' | 'hosts'
  /** Whether commits wait for a standby. */
  readonly isSynchronous: boolean
}

/** Measures of one failover; times in ms. */
export interface Measured {
  readonly name: FailoverName
  readonly via: FailoverOptions['via']
  /** The longest time without a 202. */
  readonly outageMs: number
  /** From the fault, or its end where no node is promoted, until a primary takes connections. */
  readonly primaryMs: number
  /** From there until it has answered a commit. */
  readonly commitsMs: number
  /** From when it takes connections until the first 202. */
  readonly acceptsMs: number
  /** From when it takes connections until the last 503, whatever that one was for. */
  readonly lastRefusedMs: number
  /** From the first 202 until all instances are ready at once; negative: before it. */
  readonly readyMs: number
  /** Whether an instance said meanwhile that it is not ready. */
  readonly wasUnready: boolean
}

export interface FailoverResult {
  readonly measured: readonly Measured[]
  readonly verdict: Verdict
}

/** With room for an instance that asks again after its bounds. */
const SETTLED_MS = 3000
const GIVE_UP_MS = 90_000
const CLOCK_MS = 30_000

export async function runFailovers(
  options: FailoverOptions,
  { dir, stream }: ChaosPlace,
): Promise<FailoverResult> {
  const nodePorts = [await freePort(), await freePort(), await freePort()]
  const nodeRelays = await Promise.all(
    nodePorts.map(async (target) => new TcpRelay({ port: await freePort(), target })),
  )
  await Promise.all(nodeRelays.map((relay) => relay.open()))
  let cluster: Cluster | undefined
  const hosts = nodeRelays.map((relay) => new URL(relay.url).host).join(',')
  const database = `postgresql://pit@${hosts}/postgres?target_session_attrs=read-write`
  const system = await startSystem({
    dir,
    instances: options.instances,
    env: {
      ...(options.via === 'hosts' ? { DATABASE_URL: database } : {}),
      ...(options.isSynchronous ? { REWIND_ASK_MS: '0' } : {}),
    },
    program: undefined,
    bounds: boundsOf({}),
    faults: options.failovers.includes('clock') ? ['postgres-clock'] : [],
    stores: async (place) => {
      cluster = await startCluster(place, { nodePorts, isAsynchronous: !options.isSynchronous })
      return cluster
    },
  })
  const progress = new ChaosProgress({ stream, logFile: join(dir, 'chaos.log') })
  try {
    if (cluster === undefined) throw new Error('chaos: there is no cluster')
    progress.say(`seed ${options.seed}, logs in ${dir}`)
    return await new FailoverRun(options, { system, cluster, nodeRelays, progress }).run()
  } finally {
    progress.stop()
    await system.close()
    await Promise.all(nodeRelays.map((relay) => relay.close()))
  }
}

interface World {
  readonly system: System
  readonly cluster: Cluster
  /** In front of the nodes, in their order. */
  readonly nodeRelays: readonly TcpRelay[]
  readonly progress: ChaosProgress
}

class FailoverRun {
  readonly #options: FailoverOptions
  readonly #world: World
  readonly #records = new TimedRecords()
  readonly #injected: InjectedFault[] = []
  readonly #startedAt = performance.now()

  constructor(options: FailoverOptions, world: World) {
    this.#options = options
    this.#world = world
  }

  async run(): Promise<FailoverResult> {
    const { system, progress } = this.#world
    const chance = new Chance(this.#options.seed)
    const startedAtWall = Date.now()
    const clients = new Clients({
      url: system.layout.url,
      records: this.#records,
      chance: chance.branch(1),
      rate: this.#options.rate,
      startedAt: this.#startedAt,
    })
    const injector = {
      injected: this.#injected,
      failures: [],
      downOnPurpose: new Set<never>(),
    }
    const liveChecks = new LiveChecks({ system, injector, chance: chance.branch(2) })
    const ready = new ReadyWatch(system.layout.pits)
    const self = new SelfWatch()
    clients.start()
    liveChecks.start()
    await pause(SETTLED_MS)
    const measured: Measured[] = []
    for (const name of this.#options.failovers) {
      const one = await this.#failOver(name, ready)
      measured.push(one)
      progress.say(JSON.stringify(one))
    }
    const lastFaultAt = performance.now()
    await clients.stop()
    const emptiedMs = await awaitEmpty(system.pitLedger, lastFaultAt)
    await liveChecks.stop()
    ready.stop()
    const takeovers = new Takeovers(system.pitLedger)
    const recoveries = recoveriesOn(system)
    const verdict = await judge({
      system,
      records: this.#records,
      injector,
      liveChecks,
      takeovers,
      recoveries,
      emptiedMs,
      startedAtWall,
      self: self.stop(),
      chance: chance.branch(3),
    })
    return { measured, verdict }
  }

  async #failOver(name: FailoverName, ready: ReadyWatch): Promise<Measured> {
    const { system, cluster, nodeRelays, progress } = this.#world
    const roles = await awaitHealthy(cluster, this.#options.isSynchronous)
    const { primary } = roles
    await pause(SETTLED_MS)
    progress.log(`${name} at ${primary.name}`)
    const injected: InjectedFault = {
      name: 'postgres-kill',
      place: 'postgres',
      target: primary.name,
      beganMs: this.#elapsedMs(),
      endedMs: Infinity,
    }
    this.#injected.push(injected)
    const { isFailover } = KINDS[name]
    const candidates = cluster.nodes.filter((node) => !isFailover || node !== primary)
    const watch = new PrimaryWatch(candidates)
    const nodeRelay = nodeRelays[cluster.nodes.indexOf(primary)]
    const viaHosts = this.#options.via === 'hosts' && nodeRelay !== undefined
    const beganAt = performance.now()
    let endsAt = beganAt
    let found: ReturnType<PrimaryWatch['find']> | undefined
    await KINDS[name].run({
      cluster,
      clocks: system.clocks,
      clockMs: this.#injected.length % 2 === 0 ? CLOCK_MS : -CLOCK_MS,
      relays: viaHosts ? [nodeRelay] : [system.postgresRelay],
      ...roles,
      ends: () => {
        endsAt = performance.now()
        found = watch.find()
      },
      settled: async () => {
        const giveUp = setTimeout(() => watch.stop(), GIVE_UP_MS)
        const seen = await found
        clearTimeout(giveUp)
        if (seen === undefined) throw new Error('no primary')
        await waitUntil({ what: 'a 202', withinMs: GIVE_UP_MS }, () => {
          return this.#records.firstAcceptedSince(seen.takesAt) !== undefined
        })
        await pause(SETTLED_MS)
        await waitUntil({ what: 'ready', withinMs: GIVE_UP_MS }, () => {
          return ready.readySince(seen.takesAt) !== undefined
        })
      },
    })
    const seen = await found
    const untilAt = performance.now()
    injected.endedMs = this.#elapsedMs()
    if (seen === undefined) throw new Error('no primary')
    const acceptsAt = this.#records.firstAcceptedSince(seen.takesAt) ?? Infinity
    const refusedAt = this.#records.lastRefusedBetween(seen.takesAt, untilAt)
    return {
      name,
      via: this.#options.via,
      outageMs: Math.round(this.#records.longestGap(beganAt, untilAt)),
      primaryMs: Math.round(seen.takesAt - endsAt),
      commitsMs: Math.round(seen.commitsAt - seen.takesAt),
      acceptsMs: Math.round(acceptsAt - seen.takesAt),
      lastRefusedMs: Math.round((refusedAt ?? seen.takesAt) - seen.takesAt),
      readyMs: Math.round((ready.readySince(seen.takesAt) ?? Infinity) - acceptsAt),
      wasUnready: ready.wasUnready(beganAt, untilAt),
    }
  }

  #elapsedMs(): number {
    return performance.now() - this.#startedAt
  }
}
