// PostgreSQL and Redis as clusters, in the place of the layout's single ones: three nodes under Patroni
// with etcd and HAProxy, Redis with a replica and Sentinels. Each process can be stopped by itself.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../src/infra/process/free-port.ts'
import { createPart, type Part } from '../layout/part.ts'
import type { Stores, StoresPlace } from '../layout/plan.ts'
import { projectRoot } from '../layout/project.ts'
import { redisPart, redisProgram, type RedisPart } from '../layout/redis.ts'
import { accepts } from '../layout/wait.ts'
import { nodePart, type NodePart } from './node.ts'
import { clusterPrograms, type Programs } from './programs.ts'

export interface ClusterOptions {
  /** Ports of the PostgreSQL nodes; a free one for each that is absent. */
  readonly nodePorts?: readonly number[]
  /** No commit waits for a standby. */
  readonly isAsynchronous?: boolean
}

export interface Cluster extends Stores {
  readonly etcd: Part
  readonly nodes: readonly NodePart[]
  /** The primary at the start, then its replica. */
  readonly redises: readonly RedisPart[]
  readonly sentinels: readonly Part[]
}

const NODES = 3
const SENTINELS = 3

/** What `startLayout` takes as its `stores`. */
export async function startCluster(
  place: StoresPlace,
  { isAsynchronous = false, nodePorts = [] }: ClusterOptions = {},
): Promise<Cluster> {
  const programs = clusterPrograms()
  const { dir, started } = place
  const etcdPort = await freePort()
  const etcd = await started(await etcdPart({ dir, port: etcdPort, programs }))
  const nodes: NodePart[] = []
  for (let number = 1; number <= NODES; number += 1) {
    const name = `node-${number}`
    const port = nodePorts[number - 1] ?? (await freePort())
    const restPort = await freePort()
    const starter = place.starterOf?.(name) ?? []
    const isSynchronous = !isAsynchronous
    const own = { name, dir, port, restPort, etcdPort, programs, isSynchronous, starter }
    nodes.push(nodePart(own))
  }
  // The first one to run makes the cluster, the others copy it.
  const [first, ...others] = nodes
  if (first !== undefined) await started(first)
  await Promise.all(others.map(started))
  const port = place.ports?.postgres ?? (await freePort())
  const haproxy = await started(haproxyPart({ dir, port, nodes, programs }))
  const url = `postgresql://pit@127.0.0.1:${port}/postgres`
  const postgres = Object.assign(haproxy, { url, madeSeconds: 0 })
  return { etcd, nodes, postgres, ...(await startRedises(place)) }
}

/** One member: three on one machine would share its disk and its fate, and only vote more slowly. */
async function etcdPart(place: {
  readonly dir: string
  readonly port: number
  readonly programs: Programs
}): Promise<Part> {
  const clients = `http://127.0.0.1:${place.port}`
  const peers = `http://127.0.0.1:${await freePort()}`
  const options = {
    name: 'etcd',
    'data-dir': join(place.dir, 'etcd'),
    'listen-client-urls': clients,
    'advertise-client-urls': clients,
    'listen-peer-urls': peers,
    'initial-advertise-peer-urls': peers,
    'initial-cluster': `etcd=${peers}`,
  }
  return createPart({
    name: 'etcd',
    command: place.programs.etcd,
    args: Object.entries(options).map(([name, value]) => `--${name}=${value}`),
    env: { PATH: process.env['PATH'] ?? '' },
    dir: place.dir,
    stopSignal: 'SIGTERM',
    ready: () => accepts(place.port),
  })
}

/** compose/haproxy.cfg with this machine's ports. */
function haproxyPart(place: {
  readonly dir: string
  readonly port: number
  readonly nodes: readonly NodePart[]
  readonly programs: Programs
}): Part {
  const text = readFileSync(join(projectRoot(), 'compose/haproxy.cfg'), 'utf8')
  const servers = place.nodes.map(({ name, port, restUrl }) => {
    return `  server ${name} 127.0.0.1:${port} check port ${new URL(restUrl).port}\n`
  })
  const local = text
    .replace(/(?:^ *server \S+ .*\n)+/m, servers.join(''))
    .replace('bind :5432', `bind 127.0.0.1:${place.port}`)
  const config = join(place.dir, 'haproxy.cfg')
  writeFileSync(config, local)
  return createPart({
    name: 'haproxy',
    command: place.programs.haproxy,
    args: ['-db', '-f', config],
    env: { PATH: process.env['PATH'] ?? '' },
    dir: place.dir,
    stopSignal: 'SIGTERM',
    ready: () => accepts(place.port),
  })
}

/** One primary, one replica and three Sentinels, two of which have to agree. */
export async function startRedises({
  dir,
  started,
}: Pick<StoresPlace, 'dir' | 'started'>): Promise<
  Pick<Cluster, 'redises' | 'sentinels'> & { readonly redis: RedisPart }
> {
  const sentinelPorts = await Promise.all(Array.from({ length: SENTINELS }, freePort))
  const places = sentinelPorts.map((each) => `127.0.0.1:${each}`).join(',')
  const [port, replicaPort] = [await freePort(), await freePort()]
  const url = `redis+sentinel://${places}/pit`
  const redis = await started(redisPart({ dir, port, cgroup: undefined, url }))
  const replica = await started(
    redisPart({
      dir,
      port: replicaPort,
      cgroup: undefined,
      name: 'redis-replica',
      args: ['--replicaof', '127.0.0.1', String(port)],
    }),
  )
  const sentinels: Part[] = []
  for (const [index, sentinelPort] of sentinelPorts.entries()) {
    const name = `sentinel-${index + 1}`
    const own = { dir, name, port: sentinelPort, redisPort: port }
    sentinels.push(await started(sentinelPart(own)))
  }
  return { redis, redises: [redis, replica], sentinels }
}

/** As in compose/cluster.compose.yml, but for how soon a silent Redis counts as gone. */
function sentinelPart(place: {
  readonly dir: string
  readonly name: string
  readonly port: number
  readonly redisPort: number
}): Part {
  const folder = join(place.dir, place.name)
  mkdirSync(folder)
  const config = join(folder, 'sentinel.conf')
  const lines = [
    `port ${place.port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor pit 127.0.0.1 ${place.redisPort} 2`,
    'sentinel down-after-milliseconds pit 1000',
    'sentinel failover-timeout pit 5000',
  ]
  writeFileSync(config, `${lines.join('\n')}\n`)
  return createPart({
    name: place.name,
    command: redisProgram(),
    args: [config, '--sentinel'],
    env: { PATH: process.env['PATH'] ?? '' },
    dir: place.dir,
    stopSignal: 'SIGTERM',
    ready: () => accepts(place.port),
  })
}
