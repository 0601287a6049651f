// The rules that a simulation checks: a stable name and a sentence each.

/** What must hold, by name; in the order in which a payment meets them. */
export const RULES = {
  truthfulAnswers: 'a client is told the truth about its payment',
  committedBeforeAnswer: 'a payment that was answered 202 is in the ledger',

  sentUnderLease: 'who sends a charge holds a lease',
  sentIsInLedger: 'a payment that is sent is in the ledger',
  sentIsOpen: 'a payment that is sent is neither settled nor rejected',
  sentByOwner: 'who sends a charge owns the payment',
  writtenUnderOwnLease: 'who writes outcomes names its own lease',

  recordedWasPosted: 'a processor records only what a client posted',
  paidOnce: 'no payment is recorded at both processors',

  settledAtOneProcessor: 'an accepted payment is settled, and recorded at one processor',
  rejectedByBoth: 'a payment is rejected only if both processors answered it with 400',
  recordedIsSettled: 'a payment that a processor recorded is not rejected and not unknown',
  processorIsRight: 'the ledger names the processor that recorded the payment',
  instantIsRight: 'the ledger has the requestedAt that the processor recorded',
  amountIsRight: 'the amount recorded is the amount accepted',
  othersAreNotBooked:
    'what a processor has under the id of a payment, and not from it, is not booked',

  summaryAtMostRecorded: 'a summary counts no more than a processor recorded',
  summaryAtLeastSettled: 'a summary counts at least what is known to be settled',
  purgedNotCounted: 'a summary counts nothing from before a purge',
  summariesMatch: 'at the end each summary equals what the processors recorded',

  takenOverInTime: 'payments of a dead instance are claimed in time',
  claimedInTime: 'a parked payment that is due is claimed in time',
  stopsInTime: 'an instance that is stopped ends within its grace and a flush',
  handsOverAll: 'an instance that was stopped owns nothing',
  settledByWhoWorks: 'while one processor works, what is not in doubt at the other is settled',
  backlogEmpties: 'after the last fault nothing stays open',

  ordersFollowed: 'an order is followed by each living instance within a second',
  heldOpenGetsNothing: 'who knows that a processor is paused, or held open, sends it nothing',
  holdsEnd: 'a hold ends by itself',
  contradictionIsTold: 'who learns that operators were wrong about a payment tells of it',

  ownIdIsKnown: 'who tells of a second process under its id has seen one',

  noChildFails: 'no child of the supervisor fails, and no payment breaks',
  supervisorRuns: 'the supervisor never fails',
  drainsOnlyWhenTold: 'an instance drains only when it is told to',
} as const

export type Rule = keyof typeof RULES

export const RULE_NAMES = Object.keys(RULES) as readonly Rule[]

/** A rule that did not hold. */
export interface Violation {
  readonly rule: Rule
  /** Who, which payment, which figures. */
  readonly detail: string
  /** Virtual ms. */
  readonly at: number
}
