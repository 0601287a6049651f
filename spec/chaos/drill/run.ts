// One drill: clients post, a backup is made, PostgreSQL is lost or set back, restored, and Pit goes on;
// what the restore has lost is posted again or taken back, and all books are compared.

import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { INITIAL_TOKEN } from '../../../bench/challenge/processor-admin.ts'
import { startLayout } from '../../../bench/layout/layout.ts'
import { compiled } from '../../../bench/layout/project.ts'
import { redisPart } from '../../../bench/layout/redis.ts'
import type { Layout } from '../../../bench/layout/plan.ts'
import { waitUntil } from '../../../bench/layout/wait.ts'
import { freePort } from '../../../src/infra/process/free-port.ts'
import { Chance } from '../../simulation/chance.ts'
import { findPaymentFaults } from '../books.ts'
import { Clients } from '../clients.ts'
import { TimedRecords } from '../failover/watch.ts'
import { awaitEmpty, PitLedger, ProcessorLedger } from '../ledgers.ts'
import { RestorablePostgres } from './restorable-postgres.ts'

/**
 * - `disk`: PostgreSQL's disk is gone, and with it the end of its log;
 * - `instant`: an earlier instant is wanted, though nothing is gone.
 */
export type Disaster = 'disk' | 'instant'

export interface DrillOptions {
  readonly seed: number
  /** In this order. */
  readonly disasters: readonly Disaster[]
  /** New payments per second. */
  readonly rate: number
  /** How long clients post before what is kept ends, and as long again before the disaster, ms. */
  readonly loadMs: number
  /** IN_DOUBT_HORIZON_MS of the instances. */
  readonly inDoubtHorizonMs: number
}

/** What one disaster came to. */
export interface Recovery {
  readonly disaster: Disaster
  /** The longest time without a 202. */
  readonly outageMs: number
  /** From the first command until PostgreSQL takes writes. */
  readonly restoredMs: number
  /** Acknowledged payments that the restored ledger did not have. */
  readonly lost: number
  /** Lost ones that clients posted again of themselves, were taken back, and were in no book. */
  readonly postedAgain: number
  readonly takenBack: number
  readonly unrecorded: number
}

export interface DrillResult {
  readonly recoveries: readonly Recovery[]
  readonly accepted: number
  /** What broke, a sentence each; empty: everything held. */
  readonly broken: readonly string[]
}

export interface DrillPlace {
  readonly dir: string
  /** Told of each step. */
  readonly say: (text: string) => void
}

/** As docker-compose.yml has it. */
const LOOKUP_LAG_MS = 500
const CONNECT_TIMEOUT_MS = 1_000
/** Share of the clients that post again of themselves after a disaster. */
const POST_AGAIN = 0.7
const AT_ONCE = 20

export async function runDrill(
  options: DrillOptions,
  { dir, say }: DrillPlace,
): Promise<DrillResult> {
  let postgres: RestorablePostgres | undefined
  const layout = await startLayout({
    dir,
    env: {
      IN_DOUBT_HORIZON_MS: String(options.inDoubtHorizonMs),
      LOOKUP_LAG_MS: String(LOOKUP_LAG_MS),
      CONNECT_TIMEOUT_MS: String(CONNECT_TIMEOUT_MS),
      ATTEMPT_TIMEOUT_MS: '1000',
    },
    stores: async (place) => {
      postgres = new RestorablePostgres(place, await freePort())
      const redis = redisPart({ dir: place.dir, port: await freePort(), cgroup: undefined })
      return { postgres: await postgres.make(), redis: await place.started(redis) }
    },
  })
  const ledger = new PitLedger(layout.postgres.url)
  try {
    if (postgres === undefined) throw new Error('drill: there is no PostgreSQL')
    return await new Drill(options, { layout, postgres, ledger, say }).run()
  } finally {
    await ledger.close()
    await layout.stop()
  }
}

interface World extends Pick<DrillPlace, 'say'> {
  readonly layout: Layout
  readonly postgres: RestorablePostgres
  readonly ledger: PitLedger
}

class Drill {
  readonly #options: DrillOptions
  readonly #world: World
  readonly #chance: Chance
  readonly #records = new TimedRecords()
  readonly #clients: Clients
  readonly #broken: string[] = []
  #restores = 0

  constructor(options: DrillOptions, world: World) {
    this.#options = options
    this.#world = world
    this.#chance = new Chance(options.seed)
    this.#clients = new Clients({
      url: world.layout.url,
      records: this.#records,
      chance: this.#chance.branch(1),
      rate: options.rate,
      startedAt: performance.now(),
      contradict: false,
    })
  }

  async run(): Promise<DrillResult> {
    const { postgres, say, ledger } = this.#world
    this.#clients.start()
    await pause(this.#options.loadMs)
    say('pg_basebackup and pg_verifybackup, while clients post')
    say(`backup made and verified: ${await postgres.backUp()} kB`)
    const recoveries: Recovery[] = []
    for (const disaster of this.#options.disasters) recoveries.push(await this.#recover(disaster))
    await this.#clients.stop()
    say('clients have stopped')
    if ((await awaitEmpty(ledger, performance.now())) === undefined) {
      this.#broken.push('the backlog did not become empty')
    }
    await this.#compare()
    const { accepted, violations } = this.#records
    return { recoveries, accepted, broken: [...this.#broken, ...violations] }
  }

  async #recover(disaster: Disaster): Promise<Recovery> {
    const { layout, postgres, say, ledger } = this.#world
    await pause(this.#options.loadMs)
    const kept = this.#acknowledged()
    const until = disaster === 'instant' ? await postgres.now() : undefined
    if (until === undefined) await postgres.switchLog()
    await pause(this.#options.loadMs)
    const beganAt = performance.now()
    const beganAtWall = new Date()
    await (until === undefined ? postgres.lose() : postgres.stop())
    // Nobody is answered any more once it has ended.
    await pause(DOWN_MS)
    const acknowledged = this.#acknowledged()
    say(until === undefined ? 'the server is killed, its disk gone' : `stopped; wanted is ${until}`)
    const restoringAt = performance.now()
    await postgres.restore(until)
    const restoredMs = Math.round(performance.now() - restoringAt)
    const known = await ledger.readAll()
    const lost = acknowledged.filter((id) => !known.has(id))
    say(`restored in ${restoredMs} ms: ${lost.length} of ${acknowledged.length} payments are lost`)
    const forgotten = kept.filter((id) => !known.has(id)).length
    if (forgotten > 0) this.#broken.push(`${disaster}: ${forgotten} lost that were kept`)
    await this.#awaitNoticed()
    const outageMs = Math.round(this.#records.longestGap(beganAt, performance.now()))
    say(`Pit accepts again, after ${outageMs} ms, and knows that this is another history`)
    const own = acknowledged.filter(() => this.#chance.happens(POST_AGAIN))
    await this.#postAgain(own)
    say(`clients have posted ${own.length} payments again`)
    await this.#awaitSettled()
    say('what was accepted until then is settled')
    // By Pit's summaries and without rows: it names instants, and looks up no payment for each.
    await this.#reconcile(['--url', layout.url, '--to', beganAtWall.toISOString()])
    const { takenBack, unrecorded } = await this.#takeBack(acknowledged)
    await this.#postAgain(unrecorded)
    say(`${takenBack} payments taken back, ${unrecorded.length} in no book were posted again`)
    const postedAgain = own.filter((id) => lost.includes(id)).length
    return {
      disaster,
      outageMs,
      restoredMs,
      lost: lost.length,
      postedAgain,
      takenBack,
      unrecorded: unrecorded.length,
    }
  }

  /** Ids of all that clients have a 202 for. */
  #acknowledged(): readonly string[] {
    const { payments } = this.#records
    return [...payments].filter(([, { accepted }]) => accepted).map(([id]) => id)
  }

  /** Until clients are answered 202, and each instance has noticed each restore. */
  async #awaitNoticed(): Promise<void> {
    const since = performance.now()
    await waitUntil({ what: 'a 202' }, () => this.#records.firstAcceptedSince(since) !== undefined)
    this.#restores += 1
    for (const { name, opsUrl } of this.#world.layout.pits) {
      await waitUntil({ what: `${name} notices another history` }, async () => {
        const answer = await fetch(`${opsUrl}/metrics`).catch(() => undefined)
        const changes = /^pit_history_changes_total (\d+)$/m.exec((await answer?.text()) ?? '')
        return Number(changes?.[1]) >= this.#restores
      })
    }
  }

  async #postAgain(ids: readonly string[]): Promise<void> {
    const left = ids.values()
    const one = async (): Promise<void> => {
      for (const id of left) {
        if (!(await this.#clients.postAgain(id))) this.#broken.push(`${id} was not taken again`)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, one))
  }

  /** Until nothing is open of what was accepted before. */
  async #awaitSettled(): Promise<void> {
    const { ledger } = this.#world
    const { at } = await ledger.readBacklog()
    await waitUntil({ what: 'settled' }, async () => (await ledger.countOpenSince(at)) === 0)
  }

  /** Again while some may be in flight. */
  async #takeBack(
    ids: readonly string[],
  ): Promise<{ readonly takenBack: number; readonly unrecorded: readonly string[] }> {
    const file = join(this.#world.layout.dir, 'acknowledged.txt')
    await writeFile(file, ids.join('\n'))
    const settleBySeconds = Math.ceil(
      ((CONNECT_TIMEOUT_MS + this.#options.inDoubtHorizonMs + LOOKUP_LAG_MS) * 1.05) / 1000,
    )
    const args = ['--take-back', file, '--yes', '--in-flight', String(settleBySeconds)]
    let takenBack = 0
    let unrecorded: readonly string[] = []
    await waitUntil({ what: 'taken back' }, async () => {
      const { code, said } = await this.#reconcile(args)
      takenBack += Number(/^(\d+) of \d+ payments? taken back$/m.exec(said)?.[1] ?? 0)
      unrecorded = [...said.matchAll(/^(\S+) is in no book/gm)].map(([, id = '']) => id)
      return code === 0
    })
    return { takenBack, unrecorded }
  }

  /** All books, at the end. */
  async #compare(): Promise<void> {
    const { ledger, layout } = this.#world
    const { code } = await this.#reconcile([])
    if (code !== 0) this.#broken.push('pit reconcile: the books differ')
    const read = (name: 'default' | 'fallback') =>
      new ProcessorLedger(layout.processors?.[name].url ?? '').read()
    const ledgers = { default: await read('default'), fallback: await read('fallback') }
    const books = { posted: this.#records.payments, ledgers, pit: await ledger.readAll() }
    for (const { correlationId, kind, detail } of findPaymentFaults(books)) {
      this.#broken.push(`${correlationId} ${kind}: ${detail}`)
    }
  }

  /** What it printed, of which the verdicts are said. Again where Pit was too busy to answer. */
  async #reconcile(
    args: readonly string[],
    tries = RECONCILE_TRIES,
  ): Promise<{ code: number; said: string }> {
    const { layout, say } = this.#world
    const child = spawn(process.execPath, [compiled('cli/cli.js'), 'reconcile', ...args], {
      env: {
        PATH: process.env['PATH'] ?? '',
        ...(args.includes('--url') ? {} : { DATABASE_URL: layout.postgres.url }),
        PROCESSOR_DEFAULT_URL: layout.processors?.default.url ?? '',
        PROCESSOR_FALLBACK_URL: layout.processors?.fallback.url ?? '',
        PROCESSOR_TOKEN: INITIAL_TOKEN,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: RECONCILE_MS,
    })
    let said = ''
    let failure = ''
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (failure += chunk.toString()))
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
    say(`pit reconcile ${args.join(' ')}`)
    for (const line of said.split('\n').filter((each) => VERDICT.test(each))) say(`  ${line}`)
    if (code === 0 || code === 1) return { code, said }
    if (code === UNANSWERED && tries > 1) return await this.#reconcile(args, tries - 1)
    throw new Error(`drill: pit reconcile ended with ${code}:\n${failure}${said}`)
  }
}

/** Longer than an answer takes that was on its way when PostgreSQL ended. */
const DOWN_MS = 1000
const RECONCILE_MS = 180_000
const RECONCILE_TRIES = 3
/** Its exit code where somebody does not answer. */
const UNANSWERED = 3
const VERDICT = /^(?:default|fallback|rows and totals): |^\d+ (?:ids?|payments?|of) /
