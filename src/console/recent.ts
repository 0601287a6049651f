// What happened at this instance lately: rare events as lines for people, and the payments that
// left it last, which a viewer can open although each lived for a few milliseconds only.

import assert from 'node:assert'
import type { Fact } from '../actors/model/facts.ts'
import { isFailedWrite } from './outages.ts'

export interface RecentEvent {
  /** Counts up from 1, so that a viewer is sent each event once. */
  readonly number: number
  /** Epoch ms. */
  readonly at: number
  readonly text: string
  readonly tone: 'good' | 'bad' | 'plain'
}

export interface RecentEvents {
  note(fact: Fact): void
  /** Those after this number, oldest first. */
  since(number: number): readonly RecentEvent[]
}

/** Lines kept. */
const EVENTS_MAX = 60

export function createRecentEvents(now: () => number = Date.now): RecentEvents {
  let items: readonly RecentEvent[] = []
  let number = 0
  return {
    note(fact) {
      const line = lineOf(fact)
      if (line === undefined) return
      number += 1
      const [tone, text] = line
      items = [...items, { number, at: now(), tone, text }].slice(-EVENTS_MAX)
    },
    since: (seen) => items.filter((item) => item.number > seen),
  }
}

function payments(count: number): string {
  return count === 1 ? '1 payment' : `${count} payments`
}

type Line = readonly [tone: RecentEvent['tone'], text: string]

function lineOf(fact: Fact): Line | undefined {
  switch (fact.type) {
    case 'circuit.changed': {
      const { processor, to, cause } = fact
      // Whatever else a circuit does is part of an outage, which has a line of its own.
      if (to !== 'heldOpen' && to !== 'heldClosed') return undefined
      const held = to === 'heldOpen' ? 'open' : 'closed'
      return ['plain', `circuit of ${processor} is held ${held}: ${cause}`]
    }
    case 'health.changed': {
      const { processor, failing, minResponseMs } = fact
      const says = failing ? 'it fails' : 'it works'
      return [
        failing ? 'bad' : 'good',
        `${processor} says ${says}, and answers in ${minResponseMs} ms`,
      ]
    }
    case 'ledger.failed':
      return isFailedWrite(fact) ? undefined : ['bad', `ledger: ${fact.operation} failed`]
    case 'payments.claimed':
      return fact.from === 'takeover'
        ? ['plain', `took over ${payments(fact.payments)} of an instance that is gone`]
        : undefined
    case 'payments.purged':
      return ['plain', 'all payments were purged']
    case 'payment.broken':
      return ['bad', `the actor of payment ${fact.correlationId} failed: ${fact.cause}`]
    case 'child.restarted':
      return ['bad', `${fact.child} was restarted: ${fact.cause}`]
    case 'lease.acquired':
      return ['good', `lease ${fact.leaseId} acquired`]
    case 'lease.lost':
      return ['bad', `lease ${fact.leaseId} lost`]
    case 'clock.stepped':
      return ['bad', `the clock of the ${fact.clock} was set or stood still: ${fact.byMs} ms`]
    case 'command.given':
      return ['plain', `${fact.by} ordered: ${fact.kind} (${fact.reason})`]
    case 'drain.started':
      return ['plain', `drains: ${fact.cause}`]
    default:
      return undefined
  }
}

/** States in which payments leave their actor. */
export type FinalState = 'settled' | 'rejected' | 'parked'

export interface RecentPayment {
  readonly correlationId: string
  /** When it left, epoch ms. */
  readonly at: number
  /** A few words: the processor, its answer, the delay. */
  readonly note: string
}

export interface RecentPayments {
  note(fact: Fact): void
  /** Newest first. */
  list(state: FinalState): readonly RecentPayment[]
}

/** Payments remembered per state. */
export const RECENT_MAX = 200

export function createRecentPayments(now: () => number = Date.now): RecentPayments {
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
 * Its entries exist from the start and are written over: facts that were kept would each grow old,
 * and old garbage costs far more than young.
 */
function createRing() {
  const entries = Array.from({ length: RECENT_MAX }, (): Entry => {
    // Fractions: V8 then stores the number in place instead of allocating one for each write.
    return { correlationId: '', at: 0.5, word: '', ms: 0.5 }
  })
  let written = 0
  return {
    write(correlationId: string, at: number, word: string, ms: number): void {
      const entry = entries[written % RECENT_MAX]
      assert(entry !== undefined, 'each place of the ring has an entry')
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
