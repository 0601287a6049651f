// Counts what the actors note, for the console: cheap enough to run whether somebody looks or not.

import type { Fact, Telemetry } from '../actors/model/facts.ts'
import { createDurationTally } from './durations.ts'
import type { Counted } from './figures.ts'
import { createNews, type News } from './news.ts'
import { createRecent, type Recent } from './recent.ts'

export interface Tally {
  readonly telemetry: Telemetry
  /** Takes the time from a decoded payment to its answer, µs. */
  readonly latency: { record(us: number): void }
  readonly recent: Recent
  readonly news: News
  counted(): Counted
}

type Mutable<Value> = { -readonly [Key in keyof Value]: Mutable<Value[Key]> }
type Numbers = Mutable<Omit<Counted, 'acceptMs' | 'settleMs'>>

export function createTally(): Tally {
  const accepts = createDurationTally()
  const settlements = createDurationTally()
  const recent = createRecent()
  const news = createNews()
  const numbers = nothing()
  return {
    recent,
    news,
    latency: { record: (us) => accepts.record(us / 1000) },
    telemetry: {
      emit(fact) {
        count(numbers, fact)
        if (fact.type === 'payment.settled') settlements.record(fact.tookMs)
        recent.note(fact)
        news.note(fact)
      },
    },
    counted: () => ({
      ...structuredClone(numbers),
      acceptMs: accepts.counts(),
      settleMs: settlements.counts(),
    }),
  }
}

function nothing(): Numbers {
  const processor = () => ({ settled: 0, settledCents: 0, failedAttempts: 0 })
  const processors = { default: processor(), fallback: processor() }
  return { accepted: 0, refused: 0, rejected: 0, parked: 0, processors }
}

function count(numbers: Numbers, fact: Fact): void {
  if (fact.type === 'payment.settled') {
    const processor = numbers.processors[fact.processor]
    processor.settled += 1
    processor.settledCents += fact.amountCents
  } else if (fact.type === 'batch.accepted') numbers.accepted += fact.accepted
  else if (fact.type === 'attempt.ended') numbers.processors[fact.processor].failedAttempts += 1
  else if (fact.type === 'payment.parked') numbers.parked += 1
  else if (fact.type === 'batch.refused') numbers.refused += fact.payments
  else if (fact.type === 'payment.rejected') numbers.rejected += 1
}
