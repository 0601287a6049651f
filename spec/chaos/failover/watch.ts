// What is measured of one failover: when a new primary takes connections and commits, when Pit answers
// 202 again, and what its readiness says meanwhile.

import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import type { NodePart } from '../../../bench/cluster/node.ts'
import type { Answer } from '../../../bench/load/connection.ts'
import type { PitPart } from '../../../bench/layout/pit.ts'
import { ClientRecords } from '../clients.ts'

/** Besides what was answered, when: monotonic, ms. */
export class TimedRecords extends ClientRecords {
  readonly #acceptedAt: number[] = []
  readonly #refusedAt: number[] = []

  override note(
    ...[id, answer, request]: [string, Answer, Parameters<ClientRecords['note']>[2]]
  ): void {
    super.note(id, answer, request)
    const status = answer.kind === 'answered' ? answer.status : 0
    if (status === 202) this.#acceptedAt.push(performance.now())
    else if (status !== 409) this.#refusedAt.push(performance.now())
  }

  /** The first 202 from then on. */
  firstAcceptedSince(at: number): number | undefined {
    return this.#acceptedAt.find((each) => each >= at)
  }

  /** The last answer before `until` that was neither 202 nor 409, not before `at`. */
  lastRefusedBetween(at: number, until: number): number | undefined {
    return this.#refusedAt.findLast((each) => each >= at && each < until)
  }

  /** The longest time without a 202 from `at` until `until`, ms. */
  longestGap(at: number, until: number): number {
    const times = this.#acceptedAt.filter((each) => each >= at && each < until)
    const all = [at, ...times, until]
    return Math.max(...all.slice(1).map((each, index) => each - (all[index] ?? each)))
  }
}

const ASK_EVERY_MS = 25
const ASK_MS = 500
const COMMIT_MS = 30_000

/** Asks one node after another, each over a connection of its own, until one is the new primary. */
export class PrimaryWatch {
  readonly #nodes: readonly NodePart[]
  #stopping = false

  /** @param nodes that may become it, or have to be it again. */
  constructor(nodes: readonly NodePart[]) {
    this.#nodes = nodes
  }

  /**
   * Since when, monotonic ms, a node takes connections as primary, and since when it has answered a
   * commit. Undefined after `stop`.
   */
  async find(): Promise<
    { readonly node: NodePart; readonly takesAt: number; readonly commitsAt: number } | undefined
  > {
    while (!this.#stopping) {
      for (const node of this.#nodes) {
        const client = await open(node.url)
        if (client === undefined) continue
        const takesAt = performance.now()
        const commitsAt = await commit(client)
        await client.end().catch(() => undefined)
        if (commitsAt !== undefined) return { node, takesAt, commitsAt }
      }
      await pause(ASK_EVERY_MS)
    }
    return undefined
  }

  stop(): void {
    this.#stopping = true
  }
}

/** A connection to a server that takes writes; undefined: it does not. */
async function open(url: string): Promise<pg.Client | undefined> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: ASK_MS,
    application_name: 'chaos',
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query<{ standby: boolean }>(
      'SELECT pg_is_in_recovery() AS standby',
    )
    const [row] = rows
    if (row !== undefined && !row.standby) return client
  } catch {
    // It is not there, or hangs.
  }
  void client.end().catch(() => undefined)
  return undefined
}

/** When a commit was answered, by a standby too where one is waited for. */
async function commit(client: pg.Client): Promise<number | undefined> {
  const timer = setTimeout(() => void client.end().catch(() => undefined), COMMIT_MS)
  try {
    await client.query("SELECT pg_logical_emit_message(true, 'chaos', '')")
    return performance.now()
  } catch {
    return undefined
  } finally {
    clearTimeout(timer)
  }
}

/** What `/readyz` of each instance says, from its start until `stop`. */
export class ReadyWatch {
  /** By instance, each change: since when, monotonic ms, and whether it is ready. */
  readonly #changes = new Map<string, { readonly at: number; readonly isReady: boolean }[]>()
  #stopping = false

  constructor(pits: readonly PitPart[]) {
    for (const pit of pits) void this.#watch(pit)
  }

  /** Whether an instance was not ready at some moment in between. */
  wasUnready(from: number, until: number): boolean {
    return [...this.#changes.values()].some((changes) => {
      return changes.some(({ at, isReady }, index) => {
        return !isReady && at < until && (changes[index + 1]?.at ?? Infinity) > from
      })
    })
  }

  /** The first moment from then on, monotonic ms, at which all are ready; undefined: not yet. */
  readySince(from: number): number | undefined {
    const all = [...this.#changes.values()]
    const moments = [from, ...all.flat().map(({ at }) => at)].filter((at) => at >= from)
    return moments
      .toSorted((one, other) => one - other)
      .find((moment) => {
        return all.every((changes) => changes.findLast(({ at }) => at <= moment)?.isReady === true)
      })
  }

  stop(): void {
    this.#stopping = true
  }

  async #watch({ name, opsUrl }: PitPart): Promise<void> {
    const changes: { at: number; isReady: boolean }[] = []
    this.#changes.set(name, changes)
    while (!this.#stopping) {
      const isReady = await fetch(`${opsUrl}/readyz`, { signal: AbortSignal.timeout(ASK_MS * 4) })
        .then(async (answer) => {
          await answer.body?.cancel()
          return answer.ok
        })
        .catch(() => false)
      if (changes.at(-1)?.isReady !== isReady) changes.push({ at: performance.now(), isReady })
      await pause(ASK_EVERY_MS * 4)
    }
  }
}
