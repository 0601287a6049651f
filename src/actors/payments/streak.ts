// Whether something has gone wrong for so long, with nothing in between that went well, that this
// instance may be the only one for which it does: a processor that it does not reach looks like one that
// is down for all.

import type { ProcessorName } from '../model/payment.ts'
import type { TrackedUnknownOutcome } from '../payment/context.ts'
import type { WorkSettings } from '../model/settings.ts'

export interface Streak {
  /** One more, at that monotonic instant, ms. */
  failed(now: number): void
  ended(): void
  isLong(now: number): boolean
}

export function createStreak({ passOnAfterMs }: Pick<WorkSettings, 'passOnAfterMs'>): Streak {
  let since = Number.POSITIVE_INFINITY
  return {
    failed(now) {
      since = Math.min(since, now)
    },
    ended() {
      since = Number.POSITIVE_INFINITY
    },
    isLong: (now) => now - since >= passOnAfterMs,
  }
}

/**
 * Whether no processor at which a payment's doubt may end has said anything of any payment for long.
 * One that contradicts what is known answers, and ends nothing: it counts once it answers no more.
 */
export function isUnanswered(
  fruitless: Readonly<Record<ProcessorName, Streak>>,
  { now, doubts }: { readonly now: number; readonly doubts: readonly Doubt[] },
): boolean {
  const isLong = ({ processor }: Doubt): boolean => fruitless[processor].isLong(now)
  const mayEnd = doubts.filter((doubt) => doubt.contradiction === undefined || isLong(doubt))
  return mayEnd.length > 0 && mayEnd.every(isLong)
}

type Doubt = Pick<TrackedUnknownOutcome, 'processor' | 'contradiction'>
