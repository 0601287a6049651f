// Faults of what is around Pit, each for as long as it lasts.

import type { ProcessorName } from '../../src/actors/model/payment.ts'
import { pauseFor } from './instance-faults.ts'
import { pause } from './pause.ts'
import type { PlannedFault } from './plan.ts'
import type { Stage } from './stage.ts'
import type { Recoveries } from './recoveries.ts'
import {
  cutFor,
  fillFor,
  killStoreFor,
  loseAnswersFor,
  stopFor,
  stutterFor,
  tellRedis,
} from './store-faults.ts'

export async function injectPostgres(
  { layout, saboteur, postgresGate: gate }: Stage,
  { name, lastsMs }: PlannedFault,
): Promise<void> {
  const { postgres } = layout
  if (name === 'postgres-stop') await stopFor(postgres, { lastsMs, gate })
  else if (name === 'postgres-kill') await killStoreFor(postgres, { lastsMs, gate })
  else if (name === 'postgres-lost') await loseAnswersFor(gate, lastsMs)
  else if (name === 'postgres-hang') await pauseFor([postgres], lastsMs)
  else if (name === 'postgres-stutter') await stutterFor(postgres, lastsMs)
  else if (name === 'postgres-cut') await cutFor(saboteur, lastsMs)
  else await fillFor(postgres.url, saboteur, lastsMs)
}

export async function injectRedis(
  { layout: { redis } }: Stage,
  { name, lastsMs }: PlannedFault,
): Promise<void> {
  if (redis === undefined) return
  if (name === 'redis-stop') await stopFor(redis, { lastsMs })
  else if (name === 'redis-empty') await tellRedis(redis.url, 'FLUSHALL')
  else if (name === 'redis-hang') await pauseFor([redis], lastsMs)
  else {
    await tellRedis(redis.url, 'CONFIG SET maxmemory 1')
    await pause(lastsMs)
    await tellRedis(redis.url, 'CONFIG SET maxmemory 10mb')
  }
}

export async function injectProcessors(
  { gates, ledgers }: Stage,
  { name: fault, processors, switches, lastsMs }: PlannedFault,
  recoveries: Recoveries,
): Promise<void> {
  const all = (act: (name: ProcessorName) => Promise<void>): Promise<unknown> =>
    Promise.all(processors.map(act))
  await all((name) => recoveries.end(name))
  if (switches === undefined) await all((name) => gates[name].close())
  else await all((name) => ledgers[name].setFaults(switches))
  await pause(lastsMs)
  const works = (name: ProcessorName): boolean => switches !== undefined || gates[name].opensNext
  await all((name) => (works(name) ? recoveries.begin(fault, name) : Promise.resolve()))
  if (switches === undefined) await all((name) => gates[name].open())
  else await all((name) => ledgers[name].setFaults({}))
}
