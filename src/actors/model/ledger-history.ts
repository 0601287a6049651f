// Histories of PostgreSQL. A restore, a dump that is read in and a failover to a standby that was
// behind begin another one, in which what was committed last may be missing, while processors have it.

import type { HistoryChange, ServerFacts } from './facts.ts'
import type { Clock, KnownRenewal, LedgerHistory } from './ports.ts'

/** A history as the ledger's own table has it, with what its server said when it was first seen. */
export interface RecordedHistory extends ServerFacts {
  /** Rises from one to the next; 0 for the first one of a ledger. */
  readonly generation: number
  /** Since it was first seen, ms, by PostgreSQL's clock. */
  readonly ageMs: number
  /** Whether a dump was read in: this row is not as it was written here. */
  readonly isReadIn: boolean
  /** Names the rows of the ledger that stand there now, for statements to compare. */
  readonly mark: string
}

/** What a server says to a new session. */
export interface MetServer extends ServerFacts {
  /** Renewals that it has, by the run that made them, as far as they were asked for. */
  readonly renewals: ReadonlyMap<string, number>
}

/** The table: the newest history first, two at most. */
export type Histories = readonly RecordedHistory[]

/**
 * What was known before a server was asked: whoever asks it first finds it behind what others have
 * committed since.
 */
export interface KnownBefore {
  /** By this instance; undefined before its first session. */
  readonly own: KnownRenewal | undefined
  /** By any, as far as Redis tells. */
  readonly shared: KnownRenewal | undefined
}

export interface HistoryWatchOptions {
  readonly clock: Pick<Clock, 'now'>
  /** A UUID of this process and of no other: the ledger counts its renewals by it. */
  readonly run: string
  /** For how long both processors are asked after another history was first seen, ms. */
  readonly askMs: number
  /**
   * How long after another history was seen what instances sent before may still land, ms: they have
   * open fences, and what they send can be processed until its settle-by deadline.
   */
  readonly landsForMs: number
  readonly onChanged: (change: HistoryChange) => void
}

/** Knows which history this process talks to. Asked at each new session, before anything is sent. */
export class HistoryWatch implements LedgerHistory {
  epoch = 0
  readonly #options: HistoryWatchOptions
  #generation: number | undefined
  #facts: ServerFacts = NO_FACTS
  /** Renewals of this run that PostgreSQL has committed in this history. */
  #count = 0
  #askUntil = Number.NEGATIVE_INFINITY
  #landsUntil = Number.NEGATIVE_INFINITY
  #isSuspected = false
  #mark: string | undefined

  constructor(options: HistoryWatchOptions) {
    this.#options = options
  }

  get run(): string {
    return this.#options.run
  }

  doubtUntil(now: number): number | undefined {
    return now < this.#askUntil ? this.#landsUntil : undefined
  }

  get hasChanged(): boolean {
    return (this.#generation ?? 0) > 0
  }

  /** Names the rows that the last session met; undefined before the first one. */
  get mark(): string | undefined {
    return this.#mark
  }

  /** What others may be told; undefined before the first session. */
  get known(): KnownRenewal | undefined {
    const generation = this.#generation
    const { systemIdentifier } = this.#facts
    return generation === undefined
      ? undefined
      : { generation, systemIdentifier, run: this.run, count: this.#count }
  }

  /**
   * Whether a server is not in the newest history that its own table has. How long its log is says
   * nothing: what is done to a copy of its disk before Pit meets it makes that longer.
   */
  isOther(server: MetServer, [newest]: Histories, before: KnownBefore): boolean {
    if (newest === undefined || newest.isReadIn) return true
    if (differ(server.systemIdentifier, newest.systemIdentifier)) return true
    if (differ(server.timeline, newest.timeline)) return true
    if (differ(server.tables, newest.tables)) return true
    return renewalsOf(server, before).some((known) => isBehind(server, newest, known))
  }

  /** Whether the ledger that was met lacks what others are told that it has. */
  lacks(shared: KnownRenewal, renewals: MetServer['renewals']): boolean {
    const generation = this.#generation
    if (generation === undefined) return false
    const server = { ...this.#facts, renewals }
    return renewalsOf(server, { own: undefined, shared }).some((known) =>
      isBehind(server, { generation }, known),
    )
  }

  /** The generation that the next history has at least. */
  next([newest]: Histories, { shared }: KnownBefore): number {
    if (newest === undefined && this.#generation === undefined) return 0
    return Math.max(newest?.generation ?? 0, this.#generation ?? 0, shared?.generation ?? 0) + 1
  }

  /** From now on this is the history: another one than before ends what came of that. */
  enter(server: MetServer, [newest, before]: Histories, known: KnownBefore): void {
    const isSuspected = this.#isSuspected
    this.#isSuspected = false
    this.#mark = newest?.mark
    if (newest === undefined || newest.generation === this.#generation) return
    const now = this.#options.clock.now()
    const isFirst = this.#generation === undefined
    const last = this.#facts
    const { renewals } = server
    this.#generation = newest.generation
    this.#facts = factsOf(server)
    this.#count = renewals.get(this.run) ?? 0
    if (!isFirst && !isSuspected) this.epoch += 1
    if (newest.generation === 0) return
    // The table's age is by a clock that may be set: it only shortens how long a later start asks.
    const askedMs = isFirst ? Math.max(0, newest.ageMs) : 0
    this.#askUntil = now + this.#options.askMs - askedMs
    this.#landsUntil = now + this.#options.landsForMs
    if (now < this.#askUntil) {
      this.#options.onChanged({
        from: isFirst ? factsOf(before) : last,
        to: this.#facts,
        renewalsLost: Math.max(
          0,
          ...renewalsOf(server, known).map((one) => missingAt(server, one)),
        ),
      })
    }
  }

  /**
   * Takes what a commit has seen. A later generation is one that somebody else has noticed: nothing
   * goes on until a new session has met it. An earlier one is in an answer that comes late.
   */
  note({
    generation,
    count,
  }: {
    readonly generation: number
    readonly count: number | null
  }): void {
    const known = this.#generation ?? generation
    if (generation > known) this.suspect()
    else if (generation === known) this.#count = Math.max(this.#count, count ?? 0)
  }

  /** The ledger may be another one than was met: nothing goes on until a new session has met it. */
  suspect(): void {
    if (this.#isSuspected) return
    this.#isSuspected = true
    this.epoch += 1
  }
}

const NO_FACTS: ServerFacts = { systemIdentifier: null, timeline: null, tables: null }

function factsOf({ systemIdentifier, timeline, tables }: ServerFacts = NO_FACTS): ServerFacts {
  return { systemIdentifier, timeline, tables }
}

/** What is known of this server. */
function renewalsOf(
  { systemIdentifier }: MetServer,
  { own, shared }: KnownBefore,
): readonly KnownRenewal[] {
  const isOurs = shared?.systemIdentifier === systemIdentifier
  return [...(own === undefined ? [] : [own]), ...(isOurs ? [shared] : [])]
}

function isBehind(
  server: MetServer,
  { generation }: Pick<RecordedHistory, 'generation'>,
  known: KnownRenewal,
): boolean {
  return (
    generation < known.generation ||
    (generation === known.generation && missingAt(server, known) > 0)
  )
}

/** Renewals that are known to be committed and that the server does not have. */
function missingAt({ renewals }: MetServer, { run, count }: KnownRenewal): number {
  return count - (renewals.get(run) ?? 0)
}

function differ<Value>(one: Value | null, other: Value | null): boolean {
  return one !== null && other !== null && one !== other
}

/** Where nobody compares: PostgreSQL never forgets a commit. */
export const ONE_HISTORY: LedgerHistory = {
  epoch: 0,
  hasChanged: false,
  doubtUntil: () => undefined,
}
