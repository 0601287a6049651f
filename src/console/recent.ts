// The payments that left this instance last, by the state they left in: what a viewer can open
// although it lived for a few milliseconds only.

import type { Fact } from '../actors/model/facts.ts'

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

export function createRecent(now: () => number = Date.now): Recent {
  const rings = { settled: createRing(), rejected: createRing(), parked: createRing() }
  return {
    note(fact) {
      if (fact.type === 'payment.settled') {
        rings.settled.write(fact.correlationId, now(), fact.processor, fact.tookMs)
      } else if (fact.type === 'payment.rejected') {
        rings.rejected.write(fact.correlationId, now(), fact.detail, 0)
      } else if (fact.type === 'payment.parked') {
        const word = fact.doubts > 0 ? IN_DOUBT : ''
        rings.parked.write(fact.correlationId, now(), word, fact.delayMs)
      }
    },
    list: (state) =>
      rings[state].newestFirst().map((entry) => {
        const { correlationId, at } = entry
        return { correlationId, at, note: NOTES[state](entry) }
      }),
  }
}

const IN_DOUBT = 'in doubt, '

const NOTES: Readonly<Record<FinalState, (entry: Entry) => string>> = {
  settled: ({ word, ms }) => `${word}, after ${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`,
  rejected: ({ word }) => word,
  parked: ({ word, ms }) => word + (ms > 0 ? `due after ${Math.round(ms)} ms` : 'due at once'),
}

interface Entry {
  correlationId: string
  /** Epoch ms. */
  at: number
  word: string
  ms: number
}

/**
 * Its entries are there from the start and are written over: facts that were kept would each grow
 * old, and old garbage costs far more than young.
 */
function createRing() {
  const entries = Array.from({ length: RECENT_MAX }, (): Entry => {
    // Fractions: V8 then keeps the place for a number with the entry instead of making a new one.
    return { correlationId: '', at: 0.5, word: '', ms: 0.5 }
  })
  let written = 0
  return {
    write(correlationId: string, at: number, word: string, ms: number): void {
      const entry = entries[written % RECENT_MAX]
      if (entry === undefined) return
      entry.correlationId = correlationId
      entry.at = at
      entry.word = word
      entry.ms = ms
      written += 1
    },
    newestFirst(): readonly Entry[] {
      const oldest = written % RECENT_MAX
      const all = written < RECENT_MAX ? entries.slice(0, written) : entries
      return [...all.slice(oldest), ...all.slice(0, oldest)].reverse()
    },
  }
}
