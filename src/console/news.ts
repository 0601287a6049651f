// What happened to the instance lately: the rare facts, as lines for people.

import type { Fact } from '../actors/model/facts.ts'

export interface NewsItem {
  /** Counts up from 1; a viewer knows by it what it has seen. */
  readonly number: number
  /** Epoch ms. */
  readonly at: number
  readonly text: string
  readonly tone: 'good' | 'bad' | 'plain'
}

export interface News {
  note(fact: Fact): void
  /** Oldest first, those after this number. */
  since(number: number): readonly NewsItem[]
}

/** Lines kept. */
const NEWS_MAX = 60

export function createNews(now: () => number = Date.now): News {
  let items: readonly NewsItem[] = []
  let number = 0
  return {
    note(fact) {
      const line = lineOf(fact)
      if (line === undefined) return
      number += 1
      const [tone, text] = line
      items = [...items, { number, at: now(), tone, text }].slice(-NEWS_MAX)
    },
    since: (seen) => items.filter((item) => item.number > seen),
  }
}

function payments(count: number): string {
  return count === 1 ? '1 payment' : `${count} payments`
}

type Line = readonly [tone: NewsItem['tone'], text: string]

const CIRCUITS = { closed: 'closed', open: 'opened', halfOpen: 'is half open' } as const
const CIRCUIT_TONES = { closed: 'good', open: 'bad', halfOpen: 'plain' } as const

function lineOf(fact: Fact): Line | undefined {
  switch (fact.type) {
    case 'circuit.changed': {
      const { processor, to, cause } = fact
      return [CIRCUIT_TONES[to], `circuit of ${processor} ${CIRCUITS[to]}: ${cause}`]
    }
    case 'health.changed': {
      const { processor, failing, minResponseMs } = fact
      const says = failing ? 'it fails' : 'it works'
      return [failing ? 'bad' : 'good', `${processor} says ${says}, answers in ${minResponseMs} ms`]
    }
    case 'ledger.failed':
      return ['bad', `ledger: ${fact.operation} failed`]
    case 'payments.claimed':
      return fact.from === 'takeover'
        ? ['plain', `took over ${payments(fact.payments)} of an instance that is gone`]
        : undefined
    case 'payments.purged':
      return ['plain', 'all payments were purged']
    case 'payment.broken':
      return ['bad', `payment ${fact.correlationId} broke its actor: ${fact.cause}`]
    case 'child.restarted':
      return ['bad', `${fact.child} was restarted: ${fact.cause}`]
    case 'lease.acquired':
      return ['good', `lease ${fact.leaseId} acquired`]
    case 'lease.lost':
      return ['bad', `lease ${fact.leaseId} lost`]
    case 'drain.started':
      return ['plain', `drains: ${fact.cause}`]
    default:
      return undefined
  }
}
