// Outages as an instance meets them: a processor's circuit that opens by itself, PostgreSQL that does
// not commit, Redis that fails. Each is one record with its beginning, its length and a count of what
// it met, however often it was tried meanwhile.

import type { Fact } from '../actors/model/facts.ts'
import type { ProcessorName } from '../actors/model/payment.ts'

export type OutageOf = ProcessorName | 'PostgreSQL' | 'Redis'

/** `untried`: a processor's circuit is half open, and no payment has come to try it. */
export type OutageState = 'running' | 'untried' | 'over'

export interface Outage {
  readonly of: OutageOf
  /** Epoch ms, on the clock of the instance that met it. */
  readonly from: number
  /** Its end; so far, while it is running. */
  readonly to: number
  readonly state: OutageState
  /** Charges that failed, in a row before it as well; writes to PostgreSQL or calls to Redis. */
  readonly met: number
}

export interface OutageNotes {
  note(fact: Fact): void
  /** To be called once a second. @param failures calls to Redis that failed since the start. */
  noteRedis(failures: number): void
  /** Oldest first, those that are running as of now. */
  all(): readonly Outage[]
}

/** Outages that an instance remembers of itself. */
const OUTAGES_MAX = 100

/** A store that has failed at nothing for so long works, ms: it is asked for something each second. */
const QUIET_MS = 5_000

/** Fewer failed calls to Redis than these are late answers of a busy machine. */
const REDIS_MET_MIN = 3

type Running = { -readonly [Key in keyof Outage]: Outage[Key] }

export function createOutageNotes(now: () => number = Date.now): OutageNotes {
  return new Notes(now)
}

class Notes implements OutageNotes {
  readonly #now: () => number
  readonly #ended: Outage[] = []
  readonly #running = new Map<OutageOf, Running>()
  readonly #failedInRow = { default: 0, fallback: 0 }
  #redisFailures: number | undefined

  constructor(now: () => number) {
    this.#now = now
  }

  note(fact: Fact): void {
    switch (fact.type) {
      case 'payment.settled':
        this.#failedInRow[fact.processor] = 0
        break
      case 'attempt.ended':
        if (FAILED.has(fact.outcome) || fact.failsProcessor === true) {
          this.#chargeFailed(fact.processor)
        }
        break
      case 'circuit.changed':
        this.#circuitChanged(fact)
        break
      case 'batch.accepted':
      case 'batch.recorded':
        if (this.#running.size > 0) this.#end('PostgreSQL', this.#now())
        break
      default:
        if (isFailedWrite(fact)) this.#storeFailed('PostgreSQL', 1)
    }
  }

  noteRedis(failures: number): void {
    const fresh = failures - (this.#redisFailures ?? failures)
    this.#redisFailures = failures
    if (fresh > 0) this.#storeFailed('Redis', fresh)
  }

  all(): readonly Outage[] {
    const at = this.#now()
    for (const store of ['PostgreSQL', 'Redis'] as const) {
      const { to = at } = this.#running.get(store) ?? {}
      if (at - to >= QUIET_MS) this.#end(store, to)
    }
    const running = [...this.#running.values()].filter(isWorthNoting)
    return [
      ...this.#ended,
      ...running.map((each) => (each.state === 'running' ? { ...each, to: at } : { ...each })),
    ]
  }

  #begin(of: OutageOf, met: number): Running {
    const at = this.#now()
    const begun: Running = { of, from: at, to: at, state: 'running', met }
    this.#running.set(of, begun)
    return begun
  }

  #end(of: OutageOf, to: number): void {
    const outage = this.#running.get(of)
    if (outage === undefined) return
    this.#running.delete(of)
    if (isWorthNoting(outage)) this.#ended.push({ ...outage, to, state: 'over' })
    if (this.#ended.length > OUTAGES_MAX) this.#ended.shift()
  }

  #storeFailed(of: 'PostgreSQL' | 'Redis', failures: number): void {
    const outage = this.#running.get(of) ?? this.#begin(of, 0)
    outage.met += failures
    outage.to = this.#now()
  }

  #chargeFailed(processor: ProcessorName): void {
    this.#failedInRow[processor] += 1
    const outage = this.#running.get(processor)
    if (outage === undefined) return
    outage.met += 1
    outage.state = 'running'
  }

  #circuitChanged({ processor, to }: Extract<Fact, { type: 'circuit.changed' }>): void {
    const outage = this.#running.get(processor)
    if (to === 'closed' || to === 'heldClosed' || to === 'heldOpen') {
      // Waiting for a payment to try it is no outage, nor is what operators order.
      this.#end(processor, outage?.state === 'untried' ? outage.to : this.#now())
    } else if (to !== 'halfOpen') {
      const known = outage ?? this.#begin(processor, this.#failedInRow[processor])
      known.state = 'running'
    } else if (outage !== undefined) {
      outage.to = this.#now()
      outage.state = 'untried'
    }
  }
}

const FAILED: ReadonlySet<string> = new Set(['refused', 'failed', 'inDoubt'])

/** Statements that answer a reader: one may be too slow while all payments are committed. */
const READS: ReadonlySet<string> = new Set(['find', 'summarize', 'findControl'])

/** Whether PostgreSQL did not commit what it was sent. */
export function isFailedWrite(fact: Fact): boolean {
  return (
    fact.type === 'batch.refused' || (fact.type === 'ledger.failed' && !READS.has(fact.operation))
  )
}

function isWorthNoting({ of, met }: Outage): boolean {
  return of !== 'Redis' || met >= REDIS_MET_MIN
}

/** One outage over all instances that met it. */
export type SharedOutage = Outage

/** An outage as an instance has published it. */
export interface PublishedOutage extends Outage {
  readonly instanceId: string
  /** When it was published, epoch ms. */
  readonly seenAt: number
}

/** Outages that one page shows. */
const SHOWN_MAX = 60

/** One that begins again so soon, at any instance, is still the same, ms; a restart takes seconds. */
const JOINED_MS = 10_000

/** One that its instance has not published for so long is over: the instance is gone, ms. */
const SILENT_MS = 15_000

/** Outages of the same at several instances, or with little between them, as one; newest first. */
export function sharedOutages(
  published: readonly PublishedOutage[],
  now: number,
): readonly SharedOutage[] {
  const shared: Running[] = []
  const latest = new Map<OutageOf, Running>()
  for (const outage of [...published].sort((one, other) => one.from - other.from)) {
    const { of, from, to, met, seenAt } = outage
    const state = now - seenAt > SILENT_MS ? 'over' : outage.state
    const known = latest.get(of)
    if (known !== undefined && from <= known.to + JOINED_MS) {
      known.to = Math.max(known.to, to)
      known.met += met
      known.state = worse(known.state, state)
    } else {
      const begun = { of, from, to, met, state }
      latest.set(of, begun)
      shared.push(begun)
    }
  }
  return shared.toReversed().slice(0, SHOWN_MAX)
}

function worse(one: OutageState, other: OutageState): OutageState {
  return (['running', 'untried'] as const).find((state) => [one, other].includes(state)) ?? 'over'
}
