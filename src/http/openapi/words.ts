// The words that a payment's status is told in, each with its meaning.

import type {
  AttemptOutcome,
  PaymentState,
  RouteReason,
  WaitReason,
} from '../../actors/model/payment.ts'
import type { Schema } from './document.ts'

export const STATE = words<PaymentState>('Where it is.', {
  pending: 'committed, not being charged',
  tryingDefault: 'a charge is under way at the default processor',
  tryingFallback: 'a charge is under way at the fallback processor',
  confirming: 'in doubt: a processor is asked what became of a charge',
  retry: 'refused everywhere, about to be tried again',
  settled: 'a processor has recorded it: final',
  rejected: 'a processor says that it never will: final',
  parked: 'waiting in the retry queue',
})

export const REASON = words<RouteReason>('Why this processor.', {
  cheaper: 'the cheaper processor is up and fast enough',
  cheaperOpen: 'the cheaper one’s circuit is open',
  cheaperSlow: 'the cheaper one is too slow',
  cheaperBusy: 'the cheaper one has no room',
  cheaperRefused: 'the cheaper one has just refused it',
  resend: 'in doubt: the same request again, to the same processor',
  waitingForCheaper: 'no charge: it waits for the cheaper one',
  noneAvailable: 'no charge: no processor can be charged',
})

export const OUTCOME = words<AttemptOutcome>('How it ended.', {
  inFlight: 'under way',
  settled: 'recorded',
  refused: 'certainly not processed',
  failed: 'answered 500, asked for before it counts as refused',
  known: 'answered 422: the processor has seen the id before',
  inDoubt: 'may have been processed',
  rejected: 'never will be processed',
})

export const WAIT = words<WaitReason>('What it waits for; absent when for nothing.', {
  route: 'a processor that may be charged',
  lookUp: 'the next question to the processor it is in doubt at',
  backoff: 'the next quick try',
  retryQueue: 'its due time, and a circuit that lets it through',
  owner: 'the instance in `ownedBy`, which knows more',
})

function words<Word extends string>(lead: string, meanings: Record<Word, string>): Schema {
  const told = Object.entries<string>(meanings).map(([word, meaning]) => `\`${word}\`: ${meaning}`)
  return {
    type: 'string',
    enum: Object.keys(meanings),
    description: `${lead} ${told.join('; ')}.`,
  }
}
