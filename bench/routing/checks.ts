// The challenge's consistency checks in virtual time: one window, asked of Pit and of the processors
// at the same moment, or nearly.

import type { ExactSummary, TimeWindow } from '../../src/actors/model/payment.ts'
import { EPOCH_MS } from '../../spec/simulation/wall-clock.ts'
import type { RecordedPayment } from '../../spec/simulation/simulated-processor.ts'
import type { World } from '../../spec/simulation/world.ts'
import type { Conditions, Stage } from '../challenge/stages.ts'

export interface ChecksParts {
  readonly world: World
  readonly stages: readonly Stage[]
  /** How long the load lasts, ms. */
  readonly durationMs: number
  /** How far back the windows end, ms. */
  readonly lagMs: number
  /** Share of the challenge's users that play, 0 to 1. */
  readonly share: number
  /** How much later than the processors Pit reads its books, ms. */
  readonly pitLaterMs: number
}

export interface Findings {
  /** By the challenge's formula, in payments, over all checks. */
  readonly inconsistencies: number
  /** Those of checks in which a payment was late that the other processor would have had in time. */
  readonly avoidable: number
}

/** Between two checks, and how far back their windows begin, ms. */
const INTERVAL_MS = 10_000
const REACH_MS = 15_000

/**
 * By how much a processor's books are read later than Pit's own at the challenge's rate, ms: what
 * the way of an answer to Pit and its work there take. Thinned users need as much more time to have
 * as many payments recorded in it.
 */
const APART_MS = [1, 10] as const

/** Recorded this long before a check, virtual ms, a payment may be known to its processor alone. */
const ON_ITS_WAY_MS = 20

/** A processor that became slow this recently, ms, was not known to be. */
const UNFORESEEN_MS = 500

/** An answer that takes this much longer than its processor's delay is no surprise, ms. */
const WORK_MS = 100

export class BooksChecks {
  #inconsistencies = 0
  #avoidable = 0
  #startedAt = 0
  readonly #parts: ChecksParts

  constructor(parts: ChecksParts) {
    this.#parts = parts
  }

  get findings(): Findings {
    return { inconsistencies: this.#inconsistencies, avoidable: this.#avoidable }
  }

  /** The first check is at the very start, none at the end. */
  start(): void {
    const { virtualTime } = this.#parts.world
    this.#startedAt = virtualTime.now()
    for (let atMs = 0; atMs < this.#parts.durationMs; atMs += INTERVAL_MS) {
      virtualTime.after(atMs, () => this.#check(atMs / INTERVAL_MS))
    }
  }

  #check(number: number): void {
    const { world, lagMs, share, pitLaterMs } = this.#parts
    const { virtualTime, chance, places } = world
    const now = EPOCH_MS + Math.floor(virtualTime.now())
    const window = { from: now - REACH_MS, to: now - lagMs }
    const answers: { pit?: ExactSummary; books?: readonly Recorded[] } = {}
    const compare = (): void => {
      if (answers.pit !== undefined && answers.books !== undefined) {
        this.#note(answers.pit, answers.books)
      }
    }
    virtualTime.after(pitLaterMs / share, () =>
      world.at(number % places.length).send({
        type: 'summary.requested',
        window,
        replyTo: (answer) => {
          if (answer.kind === 'found') answers.pit = answer.value
          compare()
        },
      }),
    )
    virtualTime.after(chance.between(APART_MS) / share, () => {
      answers.books = recordedIn(world, window)
      compare()
    })
  }

  #note(pit: ExactSummary, books: readonly Recorded[]): void {
    const difference = pit.default.payments + pit.fallback.payments - books.length
    if (difference === 0) return
    this.#inconsistencies += Math.abs(difference)
    const since = this.#parts.world.virtualTime.now() - ON_ITS_WAY_MS / this.#parts.share
    const unknown = books.filter(({ at }) => at >= since)
    if (unknown.some((payment) => this.#isAvoidable(payment))) {
      this.#avoidable += Math.abs(difference)
    }
  }

  /** Whether it was sent to one that was known to be late while the other one was not. */
  #isAvoidable({ processor, requestedAt }: Recorded): boolean {
    const { stages, lagMs } = this.#parts
    const sentMs = requestedAt - EPOCH_MS - this.#startedAt
    const other = processor === 'default' ? 'fallback' : 'default'
    const isLate = ({ delayMs }: Conditions): boolean => delayMs + WORK_MS > lagMs
    return [sentMs - UNFORESEEN_MS, sentMs].every((atMs) => {
      const stage = stages.findLast(({ atSecond }) => atSecond * 1000 <= atMs)
      if (stage === undefined) return false
      return isLate(stage[processor]) && !stage[other].failing && !isLate(stage[other])
    })
  }
}

interface Recorded extends RecordedPayment {
  readonly processor: 'default' | 'fallback'
}

function recordedIn({ servers }: World, { from, to }: Required<TimeWindow>): readonly Recorded[] {
  const names = ['default', 'fallback'] as const
  return names.flatMap((processor) =>
    [...servers[processor].ledger.values()]
      .filter(({ requestedAt }) => requestedAt >= from && requestedAt <= to)
      .map((payment) => ({ ...payment, processor })),
  )
}
