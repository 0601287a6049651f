// Which history the simulated PostgreSQL is in: what its server says of itself, and the table
// `histories`.

import type { ServerFacts } from '../../src/actors/model/facts.ts'
import type { Histories } from '../../src/actors/model/ledger-history.ts'

/**
 * How it comes to know less: a standby that was behind is promoted, a dump is read into another
 * server or database, a copy of its disk is put back, or a dump's rows are read into its own tables,
 * which ends no session.
 */
export type RewindKind = 'failover' | 'dump' | 'copy' | 'reload'

interface HistoryRow extends ServerFacts {
  readonly generation: number
  /** By the later one of both clocks, epoch ms. */
  readonly firstSeen: number
  /** The transaction by which it says that it was written, and the one that wrote it. */
  readonly writtenBy: number
  readonly transaction: number
}

export interface SavedHistory {
  readonly rows: readonly HistoryRow[]
  readonly server: HistoryTable['server']
}

export class HistoryTable {
  /** What the server says of itself. */
  server = { systemIdentifier: '1', timeline: 1, tables: '1' }
  /** Counts the times that it went back. */
  rewinds = 0
  /** Counts the times that all sessions ended with that. */
  restarts = 0
  /** The newest first. */
  #rows: readonly HistoryRow[] = []
  /** Highest timeline ever. */
  #timelines = 1
  #transactions = 0
  readonly #now: () => number

  /** `now`: PostgreSQL's clock, epoch ms. */
  constructor(now: () => number) {
    this.#now = now
  }

  get generation(): number {
    return this.#rows[0]?.generation ?? 0
  }

  /** As a machine reads them whose time of day that is, epoch ms. */
  newestAt(wallNow: number): Histories {
    const now = Math.min(this.#now(), wallNow)
    return this.#rows.slice(0, 2).map((row) => {
      const { firstSeen, writtenBy, transaction, ...history } = row
      const isReadIn = writtenBy !== transaction
      return { ...history, ageMs: now - firstSeen, isReadIn, mark: markOf(row) }
    })
  }

  /** As each statement reads it. */
  get mark(): string {
    const [newest] = this.#rows
    return newest === undefined ? 'none' : markOf(newest)
  }

  append(facts: ServerFacts, generation: number, wallNow: number): void {
    const now = this.#now()
    const number = generation === 0 ? 0 : Math.max(generation, Math.floor(now))
    const transaction = (this.#transactions += 1)
    const firstSeen = Math.max(now, wallNow)
    const row = { generation: number, firstSeen, writtenBy: transaction, transaction }
    this.#rows = [{ ...facts, ...row }, ...this.#rows]
  }

  save(): SavedHistory {
    return { rows: this.#rows, server: { ...this.server } }
  }

  rewindTo(saved: SavedHistory, how: RewindKind): void {
    this.rewinds += 1
    this.#rows = saved.rows
    this.server = { ...saved.server }
    if (how === 'failover') this.server.timeline = this.#timelines += 1
    if (how === 'dump' || how === 'reload') this.#readIn()
    if (how === 'dump') {
      this.server.tables += '+'
      // Every other dump is read into the same server.
      if (this.rewinds % 2 === 0) this.server.systemIdentifier += '+'
    }
    if (how !== 'reload') this.restarts += 1
  }

  #readIn(): void {
    const transaction = (this.#transactions += 1)
    this.#rows = this.#rows.map((row) => ({ ...row, transaction }))
  }
}

function markOf({ transaction, tables }: HistoryRow): string {
  return `${transaction}/${tables}`
}
