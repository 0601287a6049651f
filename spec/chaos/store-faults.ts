// Faults of PostgreSQL and Redis.

import { connect } from 'node:net'
import pg from 'pg'
import type { Part } from '../../bench/layout/part.ts'
import type { Gate } from './gate.ts'
import { pauseFor, startAgain } from './instance-faults.ts'
import { pause } from './pause.ts'
import type { PitLedger } from './pit-ledger.ts'

interface Outage {
  readonly lastsMs: number
  /** In front of it: shut meanwhile, or it would take connections that nobody answers. */
  readonly gate?: Gate
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

async function beGone(part: Part, { lastsMs, gate }: Outage): Promise<void> {
  await gate?.close()
  await pause(lastsMs)
  await startAgain(part)
  await gate?.open()
}

/** Between two losses, ms: long enough for an instance to connect and to begin a commit. */
const LOSE_EVERY_MS = 400

/** What is asked of PostgreSQL is done, commits too, and whoever asked is not told. */
export async function loseAnswersFor(gate: Gate, lastsMs: number): Promise<void> {
  const endsAt = performance.now() + lastsMs
  while (performance.now() < endsAt) {
    gate.loseNextAnswers()
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
