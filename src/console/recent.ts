// The payments that left this instance last, by the state they left in: what a viewer can open
// although it lived for a few milliseconds only.

import type { Fact } from '../actors/journal.ts'

/** States in which payments leave their actor. */
export type FinalState = 'settled' | 'rejected' | 'parked'

export interface RecentPayment {
  readonly correlationId: string
  /** When it left, epoch ms. */
  readonly at: number
  /** A few words: the processor, what it said, the delay. */
  readonly note: string
}

export interface Recent {
  note(fact: Fact): void
  /** Newest first. */
  list(state: FinalState): readonly RecentPayment[]
}

/** Payments remembered per state. */
export const RECENT_MAX = 200

const STATE_OF: Partial<Record<Fact['type'], FinalState>> = {
  'payment.settled': 'settled',
  'payment.rejected': 'rejected',
  'payment.parked': 'parked',
}

export function createRecent(now: () => number = Date.now): Recent {
  const rings = { settled: createRing(), rejected: createRing(), parked: createRing() }
  return {
    note(fact) {
      const state = STATE_OF[fact.type]
      if (state !== undefined) rings[state].push({ fact, at: now() })
    },
    list: (state) => rings[state].newestFirst().flatMap(({ fact, at }) => recentOf(fact, at)),
  }
}

interface Entry {
  readonly fact: Fact
  readonly at: number
}

function createRing() {
  const entries: Entry[] = []
  let next = 0
  return {
    push(entry: Entry): void {
      entries[next] = entry
      next = (next + 1) % RECENT_MAX
    },
    newestFirst: (): readonly Entry[] =>
      [...entries.slice(next), ...entries.slice(0, next)].reverse(),
  }
}

function recentOf(fact: Fact, at: number): readonly RecentPayment[] {
  switch (fact.type) {
    case 'payment.settled':
      return [{ correlationId: fact.correlationId, at, note: noteSettled(fact) }]
    case 'payment.rejected':
      return [{ correlationId: fact.correlationId, at, note: fact.detail }]
    case 'payment.parked':
      return [{ correlationId: fact.correlationId, at, note: noteParked(fact) }]
    default:
      return []
  }
}

function noteSettled({ processor, tookMs }: Extract<Fact, { type: 'payment.settled' }>): string {
  return `${processor}, after ${tookMs < 10 ? tookMs.toFixed(1) : Math.round(tookMs)} ms`
}

function noteParked({ delayMs, doubts }: Extract<Fact, { type: 'payment.parked' }>): string {
  const due = delayMs > 0 ? `due after ${Math.round(delayMs)} ms` : 'due at once'
  return doubts > 0 ? `in doubt, ${due}` : due
}
