// What is done to the cluster, kind by kind.

import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Cluster } from '../../../bench/cluster/cluster.ts'
import { type NodePart, promote, readMembers, switchOver } from '../../../bench/cluster/node.ts'
import { waitUntil } from '../../../bench/layout/wait.ts'
import { treeOf } from '../../../bench/limits/process-tree.ts'
import type { Clocks } from '../clocks.ts'
import { startAgain } from '../faults.ts'
import type { TcpRelay } from '../relay.ts'

export interface Target {
  readonly cluster: Cluster
  readonly clocks: Clocks
  /** How far a clock is set, ms. */
  readonly clockMs: number
  /** Relays between the instances and the primary. */
  readonly relays: readonly TcpRelay[]
  readonly primary: NodePart
  /** The standby that commits wait for; undefined where they wait for none. */
  readonly standby: NodePart
  /** The other one. */
  readonly other: NodePart
  /** Resolves once Pit has accepted for a while under the new primary. */
  readonly settled: () => Promise<void>
  /** Says that the outage ends from here on: nothing before counts as the new primary. */
  readonly ends: () => void
}

/** Does it, and lets everything run again. */
type Failover = (target: Target) => Promise<void>

interface Kind {
  readonly means: string
  readonly run: Failover
  /** Whether another node has to become the primary. */
  readonly isFailover: boolean
}

const kind = (means: string, run: Failover): Kind => ({ means, run, isFailover: true })
const outage = (means: string, run: Failover): Kind => ({ means, run, isFailover: false })

/** How long what is no failover lasts, ms: longer than Patroni and a lease need to notice. */
const OUTAGE_MS = 8000
const LAG_MS = 1000

export const KINDS = {
  kill: kind('the primary and its Patroni killed', async ({ primary, settled, ends }) => {
    primary.kill('SIGKILL')
    await primary.ended()
    ends()
    await settled()
    await startAgain(primary)
  }),
  hang: kind('the primary and its Patroni hang, and wake up as an old primary', async (target) => {
    const { primary, settled, ends } = target
    primary.kill('SIGSTOP')
    ends()
    await settled()
    primary.kill('SIGCONT')
  }),
  switchover: kind('the role handed over by hand', async ({ primary, settled, ends }) => {
    ends()
    // A node that has just come back may not be a synchronous standby yet.
    await waitUntil({ what: 'a switchover by hand' }, () => switchOver(primary))
    await settled()
  }),
  clock: kind('the primary killed, the promoted one 30 s off', async (target) => {
    const { primary, standby, clocks, clockMs, settled, ends } = target
    clocks.set(standby.name, clockMs)
    primary.kill('SIGKILL')
    await primary.ended()
    ends()
    await settled()
    clocks.set(standby.name, 0)
    await startAgain(primary)
  }),
  lag: kind('the primary killed when it has sent its standbys nothing for 1 s', async (target) => {
    const { primary, settled, ends } = target
    for (const pid of sendersOf(primary)) process.kill(pid, 'SIGSTOP')
    await pause(LAG_MS)
    primary.kill('SIGKILL')
    await primary.ended()
    ends()
    await settled()
    await startAgain(primary)
  }),
  vanish: kind(
    'no standby, the primary crashes and recovers, then a standby is promoted by hand',
    vanish,
  ),
  etcd: outage('etcd gone', async ({ cluster: { etcd }, settled, ends }) => {
    etcd.kill('SIGKILL')
    await etcd.ended()
    await pause(OUTAGE_MS)
    ends()
    await startAgain(etcd)
    await settled()
  }),
  standby: outage('the standby that commits wait for killed', async (target) => {
    const { standby, settled, ends } = target
    standby.kill('SIGKILL')
    ends()
    await standby.ended()
    await settled()
    await startAgain(standby)
  }),
  standbys: outage('both standbys killed', async ({ standby, other, settled, ends }) => {
    for (const node of [standby, other]) node.kill('SIGKILL')
    await Promise.all([standby.ended(), other.ended()])
    await pause(OUTAGE_MS)
    ends()
    await Promise.all([standby, other].map(startAgain))
    await settled()
  }),
  cut: outage('connections to the primary silent, then refused', async (target) => {
    const { relays, settled, ends } = target
    for (const relay of relays) relay.breakAfter({ how: 'silence', drawBytes: () => 0 })
    await pause(OUTAGE_MS / 4)
    await Promise.all(relays.map((relay) => relay.close()))
    await pause(OUTAGE_MS / 2)
    await Promise.all(relays.map((relay) => relay.open()))
    ends()
    await settled()
  }),
} as const satisfies Readonly<Record<string, Kind>>

/** Processes of a primary that send its log to standbys. */
function sendersOf(primary: NodePart): readonly number[] {
  return treeOf(primary.postmaster() ?? -1).filter((pid) => {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('walsender')
  })
}

export type FailoverName = keyof typeof KINDS

export const FAILOVER_NAMES = Object.keys(KINDS) as readonly FailoverName[]

/** Commits wait for a standby that never comes, are visible after the crash, and then vanish. */
async function vanish({ primary, standby, other, settled, ends }: Target): Promise<void> {
  for (const node of [standby, other]) node.kill('SIGKILL')
  await Promise.all([standby.ended(), other.ended()])
  await pause(OUTAGE_MS / 4)
  const crashed = primary.postmaster()
  if (crashed !== undefined) process.kill(crashed, 'SIGKILL')
  await waitUntil({ what: 'the primary recovered' }, async () => {
    return primary.postmaster() !== crashed && (await primary.isPrimary())
  })
  // Clients ask again for what they had no answer to.
  await pause(OUTAGE_MS / 2)
  primary.kill('SIGKILL')
  await primary.ended()
  await Promise.all([standby, other].map(startAgain))
  // Patroni by itself would promote none: only the primary had every commit.
  await waitUntil({ what: 'a standby promoted by hand' }, () => promote(standby))
  ends()
  await waitUntil({ what: 'the standby as primary' }, () => standby.isPrimary())
  await settled()
  // Both may have given the same number to different timelines, which pg_rewind takes for one.
  primary.discardData()
  await startAgain(primary)
}

/** Who is what, once all three nodes run and both standbys follow the primary. */
export async function awaitHealthy(
  { nodes }: Cluster,
  isSynchronous: boolean,
): Promise<Pick<Target, 'primary' | 'standby' | 'other'>> {
  let found: Pick<Target, 'primary' | 'standby' | 'other'> | undefined
  await waitUntil({ what: 'a primary with two standbys' }, async () => {
    const [first] = nodes
    if (first === undefined) return false
    const members = await readMembers(first).catch(() => [])
    const roleOf = (node: NodePart) => members.find(({ name }) => name === node.name)
    const working = nodes.filter((node) => /^(running|streaming)$/.test(roleOf(node)?.state ?? ''))
    const primary = working.find((node) => roleOf(node)?.role === 'leader')
    const synchronous = working.find((node) => roleOf(node)?.role === 'sync_standby')
    const replicas = working.filter((node) => node !== primary)
    const standby = isSynchronous ? synchronous : replicas[0]
    const other = replicas.find((node) => node !== standby)
    if (primary === undefined || standby === undefined || other === undefined) return false
    found = { primary, standby, other }
    return true
  })
  if (found === undefined) throw new Error('chaos: unreachable')
  return found
}
