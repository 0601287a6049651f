// One hostile run: the layout, hostile and honest clients side by side, and what is left of it.

import { awaitEmpty, PitLedger, ProcessorLedger } from '../chaos/ledgers.ts'
import { shown } from '../chaos/verdict.ts'
import { startLayout } from '../../bench/layout/layout.ts'
import type { Layout } from '../../bench/layout/plan.ts'
import { SelfWatch } from '../../bench/load/self-watch.ts'
import { parseTarget, type Target } from '../../bench/load/target.ts'
import { Chance } from '../simulation/chance.ts'
import { AskedPayments, findBookFaults } from './books.ts'
import { attack, sendFromMany, IDLE_KINDS, SLOW_KINDS } from './attack.ts'
import { HonestClients, type HonestReport } from './honest.ts'
import { findServingFaults, HostileTally, type KindRow, findProcessFaults } from './report.ts'
import type { Draw } from './payload.ts'
import type { ServerChoice } from '../../src/server/load-server.ts'

export interface HostileOptions {
  /** Hostile requests in all, besides slow and silent clients. */
  readonly requests: number
  readonly seed: number
  /** Hostile clients at one time. */
  readonly clients: number
  /** Honest payments per second. */
  readonly rate: number
  /** Which server the instances run on. */
  readonly server: ServerChoice
}

export interface HostileResult {
  readonly options: HostileOptions
  readonly rows: readonly KindRow[]
  readonly honest: HonestReport
  /** Payments of hostile and honest clients that were answered 202. */
  readonly accepted: number
  /** Payments in Pit's table; more than accepted: clients that vanished. */
  readonly stored: number
  /** Length of the attack, s. */
  readonly seconds: number
  /** The highest of both instances, bytes. */
  readonly memoryPeakBytes: number
  /** What broke, a sentence each. */
  readonly broken: readonly string[]
}

/** Slow clients of a kind, and silent ones, for so many requests; within bounds. */
const SLOW = { oneIn: 2000, min: 3, max: 60 }
const SILENT = { oneIn: 200, min: 20, max: 1000 }

export interface HostilePlace {
  /** For data, sockets and logs; kept. */
  readonly dir: string
  /** Told from time to time how many requests were made. */
  readonly onProgress?: (requests: number) => void
}

const PROGRESS_EVERY_MS = 10_000

export async function runHostile(
  options: HostileOptions,
  { dir, onProgress = () => undefined }: HostilePlace,
): Promise<HostileResult> {
  // A purge would hide what should not exist.
  const layout = await startLayout({
    dir,
    env: { ALLOW_PURGE: 'false', HTTP_SERVER: options.server },
  })
  try {
    return await runOn(layout, options, onProgress)
  } finally {
    await layout.stop()
  }
}

async function runOn(
  layout: Layout,
  options: HostileOptions,
  onProgress: (requests: number) => void,
): Promise<HostileResult> {
  const chance = new Chance(options.seed)
  const front = parseTarget(layout.url)
  const direct = layout.pits.map(({ listen }): Target =>
    'port' in listen ? { host: '127.0.0.1', port: listen.port } : listen,
  )
  const [asked, tally, self] = [new AskedPayments(), new HostileTally(), new SelfWatch()]
  const pids = new Map(layout.parts.map((part) => [part.name, part.pid]))
  const { rate, clients, requests } = options
  const honest = new HonestClients({ target: front, rate, chance: chance.branch(1), asked })
  const place = { asked, tally, chance: chance.branch(2) }
  const startedAt = performance.now()

  const progress = setInterval(() => onProgress(tally.requests), PROGRESS_EVERY_MS)
  honest.start()
  // Half of them through nginx.
  const targets = [front, ...direct.slice(0, 1), front, ...direct.slice(1, 2)]
  await Promise.all([
    attack({ ...place, targets, clients, requests }),
    attackSlowly({ targets, requests, asked, tally, chance: chance.branch(3) }),
  ])
  const seconds = Number(((performance.now() - startedAt) / 1000).toFixed(1))
  clearInterval(progress)
  const honestReport = await honest.stop()

  const broken = [...tally.faults, ...findServingFaults(honestReport, self.stop())]
  const ledger = new PitLedger(layout.postgres.url)
  const emptied = await awaitEmpty(ledger, performance.now())
  if (emptied === undefined) broken.push('the backlog did not become empty')
  const books = { posted: asked.payments, pit: await ledger.readAll(), ledgers: await read(layout) }
  await ledger.close()
  broken.push(...shown(findBookFaults(books)), ...findProcessFaults(layout.parts, pids))
  const memoryPeakBytes = Math.max(...layout.pits.map((pit) => pit.stat().memoryPeakBytes))
  const counts = { accepted: asked.accepted, stored: books.pit.size, seconds, memoryPeakBytes }
  return { options, rows: tally.rows(), honest: honestReport, ...counts, broken }
}

async function attackSlowly(place: {
  readonly targets: readonly Target[]
  readonly requests: number
  readonly asked: AskedPayments
  readonly tally: HostileTally
  readonly chance: Chance
}): Promise<void> {
  const { asked, chance, requests, tally } = place
  const draw: Draw = { chance, known: () => undefined }
  const allOf = (kinds: typeof SLOW_KINDS, size: typeof SLOW): Promise<void>[] => {
    const clients = Math.min(size.max, Math.max(size.min, Math.round(requests / size.oneIn)))
    return kinds.flatMap((kind) =>
      place.targets.map((target) => sendFromMany(kind, { target, clients, draw, asked, tally })),
    )
  }
  await Promise.all([...allOf(SLOW_KINDS, SLOW), ...allOf(IDLE_KINDS, SILENT)])
}

async function read({ processors }: Layout) {
  if (processors === undefined) throw new Error('hostile: there are no processors')
  return {
    default: await new ProcessorLedger(processors.default.url).read(),
    fallback: await new ProcessorLedger(processors.fallback.url).read(),
  }
}
