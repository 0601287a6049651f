// What each fault does to instances, PostgreSQL, Redis and processors.

import { connect } from 'node:net'
import pg from 'pg'
import type { Part } from '../../bench/layout/part.ts'
import type { PitPart } from '../../bench/layout/pit.ts'
import { waitUntil } from '../../bench/layout/wait.ts'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import { Chance } from '../simulation/chance.ts'
import type { PitLedger } from './ledgers.ts'
import { setTimeout as pause } from 'node:timers/promises'
import type { PlannedFault } from './plan.ts'
import { injectTrouble } from './postgres-troubles.ts'
import type { Recoveries } from './recoveries.ts'
import type { TcpRelay } from './relay.ts'
import type { System } from './system.ts'

/** A start fails while PostgreSQL is away; a container would be started again and again. */
const START_WITHIN_MS = 300_000

/** Kills and, after `lastsMs`, starts again; several are killed at the same instant. */
export async function killFor(pits: readonly Part[], lastsMs: number): Promise<void> {
  for (const pit of pits) pit.kill('SIGKILL')
  await Promise.all(pits.map((pit) => pit.ended()))
  await pause(lastsMs)
  await Promise.all(pits.map(startAgain))
}

/** Lets an instance drain for `lastsMs` unless it ends sooner, then kills it. */
export async function killDraining(pit: Part, lastsMs: number): Promise<void> {
  pit.kill('SIGTERM')
  await pause(lastsMs)
  await killFor([pit], 0)
}

export async function pauseFor(parts: readonly Part[], lastsMs: number): Promise<void> {
  for (const part of parts) part.kill('SIGSTOP')
  await pause(lastsMs)
  for (const part of parts) part.kill('SIGCONT')
}

/** Rejects when an instance does not stop by itself within the layout's bound. */
export async function restartInTurn(
  pits: readonly PitPart[],
  onEnded: (pit: PitPart) => void,
): Promise<void> {
  for (const pit of pits) {
    pit.kill('SIGTERM')
    await pit.ended()
    onEnded(pit)
    await startAgain(pit)
  }
}

export async function startAgain(part: Part): Promise<void> {
  let failure: unknown
  await waitUntil({ what: `${part.name} started again`, withinMs: START_WITHIN_MS }, () =>
    part.start().then(
      () => true,
      (error: unknown) => {
        failure = error
        return false
      },
    ),
  ).catch((cause: unknown) => {
    throw new Error(`chaos: ${String(cause)}: ${String(failure)}`, { cause })
  })
}

export async function injectPostgres(
  system: System,
  { name, lastsMs, trouble, seed }: PlannedFault,
): Promise<void> {
  const { layout, faultLedger, postgresRelay: relay } = system
  const { postgres } = layout
  const chance = new Chance(seed)
  if (trouble !== undefined) return await injectTrouble(system, trouble, { lastsMs, chance })
  if (name === 'postgres-stop') await stopFor(postgres, { lastsMs, relay })
  else if (name === 'postgres-kill') await killStoreFor(postgres, { lastsMs, relay })
  else if (name === 'postgres-lost') await loseAnswersFor(relay, lastsMs)
  else if (name === 'postgres-hang') await pauseFor([postgres], lastsMs)
  else if (name === 'postgres-stutter') await stutterFor(postgres, lastsMs)
  else if (name === 'postgres-cut') await cutFor(faultLedger, lastsMs)
  else await fillFor(postgres.url, faultLedger, lastsMs)
}

export async function injectRedis(
  { layout: { redis } }: System,
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
  { relays, ledgers, names }: System,
  { name: fault, processors, switches, conduct, nameTrouble, lastsMs }: PlannedFault,
  recoveries: Recoveries,
): Promise<void> {
  const all = (act: (name: ProcessorName) => Promise<void>): Promise<unknown> =>
    Promise.all(processors.map(act))
  await all((name) => recoveries.faultBegins(name))
  const isGone = [switches, conduct, nameTrouble].every((each) => each === undefined)
  if (isGone) await all((name) => relays[name].close())
  if (switches !== undefined) await all((name) => ledgers[name].setFaults(switches))
  if (conduct !== undefined) for (const name of processors) relays[name].behave(conduct)
  if (nameTrouble !== undefined) for (const name of processors) names?.behave(name, nameTrouble)
  await pause(lastsMs)
  if (nameTrouble !== undefined) {
    for (const name of processors) names?.heal(name)
    await pause(ADDRESS_KEPT_MS)
  }
  await all((name) => recoveries.faultEnds(fault, name))
  if (isGone) await all((name) => relays[name].open())
  if (switches !== undefined) await all((name) => ledgers[name].setFaults({}))
  for (const name of processors) relays[name].behave(null)
}

/**
 * A name is asked for at most once a second (docs/PROCESSORS.md): for that long connections still go
 * to an address that is no longer its own, ms.
 */
const ADDRESS_KEPT_MS = 1_000

interface Outage {
  readonly lastsMs: number
  /** In front of it: shut meanwhile, or it would take connections that nobody answers. */
  readonly relay?: TcpRelay
}

export async function stopFor(part: Part, outage: Outage): Promise<void> {
  await part.stop()
  await beGone(part, outage)
}

export async function killStoreFor(part: Part, outage: Outage): Promise<void> {
  part.kill('SIGKILL')
  await part.ended()
  await beGone(part, outage)
}

async function beGone(part: Part, { lastsMs, relay }: Outage): Promise<void> {
  await relay?.close()
  await pause(lastsMs)
  await startAgain(part)
  await relay?.open()
}

/** Between two losses, ms: long enough for an instance to connect and to begin a commit. */
const LOSE_EVERY_MS = 400

/** PostgreSQL does what it is asked, commits included, and the answers are lost. */
export async function loseAnswersFor(relay: TcpRelay, lastsMs: number): Promise<void> {
  const endsAt = performance.now() + lastsMs
  while (performance.now() < endsAt) {
    relay.loseNextAnswers()
    await pause(LOSE_EVERY_MS)
  }
}

/** Lengths of the hangs and of the pauses between them, ms: around the bound on a commit. */
const STUTTERS_MS = [300, 700, 950, 1300, 500, 1100] as const

export async function stutterFor(part: Part, lastsMs: number): Promise<void> {
  const endsAt = performance.now() + lastsMs
  for (let turn = 0; performance.now() < endsAt; turn += 1) {
    await pauseFor([part], STUTTERS_MS[turn % STUTTERS_MS.length] ?? 300)
    await pause(STUTTERS_MS[(turn + 1) % STUTTERS_MS.length] ?? 300)
  }
}

/** Between two cuts, ms: long enough for an instance to connect and to begin a commit. */
const CUT_EVERY_MS = 250

export async function cutFor(ledger: PitLedger, lastsMs: number): Promise<void> {
  const endsAt = performance.now() + lastsMs
  while (performance.now() < endsAt) {
    await ledger.cutConnections()
    await pause(CUT_EVERY_MS)
  }
}

/** More than max_connections of compose/postgresql.conf. */
const CONNECTIONS_MAX = 40
const FILL_EVERY_MS = 20

/** Takes every connection that PostgreSQL has, those of the instances too, and holds them. */
export async function fillFor(url: string, ledger: PitLedger, lastsMs: number): Promise<void> {
  const taken: pg.Client[] = []
  const endsAt = performance.now() + lastsMs
  try {
    while (performance.now() < endsAt) {
      const client = await take(url)
      if (client !== undefined && taken.push(client) > CONNECTIONS_MAX) break
      if (client === undefined) await ledger.cutConnections().catch(() => undefined)
      await pause(FILL_EVERY_MS)
    }
  } finally {
    await Promise.all(taken.map((client) => client.end().catch(() => undefined)))
  }
}

async function take(url: string): Promise<pg.Client | undefined> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 1000,
    application_name: 'chaos filler',
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return client
  } catch {
    await client.end().catch(() => undefined)
    return undefined
  }
}

const COMMAND_WITHIN_MS = 2000

/** Gives Redis one command; rejects unless it is answered with a plain OK. */
export function tellRedis(url: string, command: string): Promise<void> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), timeout: COMMAND_WITHIN_MS })
    const fail = (detail: string): void => reject(new Error(`chaos: redis ${command}: ${detail}`))
    socket.once('connect', () => socket.write(`${command}\r\n`))
    socket.once('data', (answer) => {
      socket.destroy()
      if (answer.toString('latin1').startsWith('+OK')) resolve()
      else fail(answer.toString('latin1'))
    })
    socket.once('timeout', () => socket.destroy(new Error('no answer')))
    socket.once('error', (error) => fail(error.message))
  })
}
