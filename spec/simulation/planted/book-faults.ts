// Faults in what is answered, written down and summed up.

import { isInside } from '../ledger-tables.ts'
import type { Planted } from '../instance.ts'
import { crashesAfterPostings, ledgerThatFails, purgeHalfway } from './plans.ts'
import type { PlantedFaults } from './planted.ts'
import { LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import { addCents, type Cents } from '../../../src/actors/model/money.ts'
import type { ExactSummary, Outcome, ProcessorTotal } from '../../../src/actors/model/payment.ts'

type Settled = Extract<Outcome, { kind: 'settled' }>

export const BOOK_FAULTS: PlantedFaults = {
  'a 202 before the commit': { rule: 'committedBeforeAnswer', plant: acceptedBeforeCommit },
  LOSE_ACCEPTED_PAYMENTS_ON_CRASH: {
    rule: 'committedBeforeAnswer',
    besides: ['truthfulAnswers', 'amountIsRight'],
    plant: answeredWhenTaken,
  },
  'a conflicting amount accepted': { rule: 'truthfulAnswers', plant: conflictAccepted },
  'a sum of decimals': { rule: 'summariesMatch', plant: floatSums },
  'a 422 taken for success at the other processor': {
    rule: 'processorIsRight',
    besides: ['summaryAtMostRecorded', 'summariesMatch'],
    plant: knownAsSuccessElsewhere,
  },
  'a batch lost when its writing fails': {
    // Its payments are found as strays, and settled all the same.
    rule: 'summaryAtLeastSettled',
    plant: lostBatch,
  },
  'a batch counted twice': {
    rule: 'summaryAtMostRecorded',
    besides: ['summariesMatch'],
    plant: batchCountedTwice,
  },
  'a summary without unflushed payments': {
    rule: 'summaryAtLeastSettled',
    plant: unflushedMissed,
  },
  'a summary that remembers what was purged': {
    rule: 'purgedNotCounted',
    plant: purgedRemembered,
  },
}

/** Answers 202 to an id that is new before the payment is committed. */
function acceptedBeforeCommit(): Planted {
  const known = new Set<string>()
  return {
    edge: (request) => {
      if (request.type !== 'payment.received' || known.has(request.correlationId)) return request
      known.add(request.correlationId)
      request.replyTo('accepted')
      return { ...request, replyTo: () => undefined }
    },
  }
}

/** The setting that gives durability up does give it up. */
function answeredWhenTaken(): Planted {
  return {
    plan: crashesAfterPostings,
    settings: ({ configured, ...settings }) => ({
      ...settings,
      configured: { ...configured, answersWhen: 'taken' },
    }),
  }
}

/** Accepts an id again with another amount. */
function conflictAccepted(): Planted {
  return {
    ledger: (ledger) => ({
      ...ledger,
      async accept(batch, request) {
        const { results, purges } = await ledger.accept(batch, request)
        const told = results.map((result) => (result === 'conflicting' ? 'known' : result))
        return { results: told, purges }
      },
    }),
  }
}

/** Adds up decimals. */
function floatSums(): Planted {
  return {
    ledger: (ledger, store) => ({
      ...ledger,
      async summarize(window, unflushed) {
        const { summary, stale } = await ledger.summarize(window, unflushed)
        const total = (processor: keyof ExactSummary): ProcessorTotal<Cents> => {
          const amounts = [...store.rows.values()]
            .filter((row) => row.processor === processor && isInside(window, row.requestedAt ?? 0))
            .map(({ amountCents }) => amountCents / 100)
          const sum = amounts.reduce((one, other) => one + other, 0)
          const { payments } = summary[processor]
          return payments === amounts.length
            ? { payments, cents: Math.trunc(sum * 100) }
            : summary[processor]
        }
        return { summary: { default: total('default'), fallback: total('fallback') }, stale }
      },
    }),
  }
}

/** Books what a processor has known before at the other one. */
function knownAsSuccessElsewhere(): Planted {
  const elsewhere = { default: 'fallback', fallback: 'default' } as const
  return {
    ledger: (ledger) => ({
      ...ledger,
      record: (outcomes, request) =>
        ledger.record(
          outcomes.map((outcome) => {
            const isKnown = outcome.attempts.some((attempt) => attempt.outcome === 'known')
            if (outcome.kind !== 'settled' || !isKnown) return outcome
            return { ...outcome, processor: elsewhere[outcome.processor] }
          }),
          request,
        ),
    }),
  }
}

/** Forgets a batch whose writing failed. */
function lostBatch(): Planted {
  return {
    plan: ledgerThatFails('ledgerRefuses'),
    ledger: (ledger) => ({
      ...ledger,
      record: (outcomes, request) =>
        ledger.record(outcomes, request).catch((error: unknown) => {
          if (!(error instanceof LedgerUnavailable)) throw error
          return []
        }),
    }),
  }
}

/** Counts a batch again that is written again after its answer got lost. */
function batchCountedTwice(): Planted {
  const twice: Settled[] = []
  return {
    plan: ledgerThatFails('ledgerLoses'),
    ledger: (ledger, store) => ({
      ...ledger,
      record(outcomes, request) {
        for (const outcome of outcomes) {
          const isWritten = store.rows.get(outcome.correlationId)?.state === 'settled'
          if (outcome.kind === 'settled' && isWritten) twice.push(outcome)
        }
        return ledger.record(outcomes, request)
      },
      async summarize(window, unflushed) {
        const { summary, stale } = await ledger.summarize(window, unflushed)
        const sums = { default: { ...summary.default }, fallback: { ...summary.fallback } }
        for (const { processor, requestedAt, amountCents } of twice) {
          if (!isInside(window, requestedAt)) continue
          const { payments, cents } = sums[processor]
          sums[processor] = { payments: payments + 1, cents: addCents(cents, amountCents) }
        }
        return { summary: sums, stale }
      },
    }),
  }
}

/** Sums up the ledger alone. */
function unflushedMissed(): Planted {
  return {
    settings: ({ configured, ...settings }) => ({
      ...settings,
      configured: { ...configured, outcomes: { ...configured.outcomes, windowMs: 200 } },
    }),
    ledger: (ledger) => ({
      ...ledger,
      summarize: (window) => ledger.summarize(window, []),
    }),
  }
}

/** Adds what was counted before a purge to the first summaries after it. */
function purgedRemembered(): Planted {
  let left = 0
  let before: ExactSummary | undefined
  return {
    plan: purgeHalfway,
    ledger: (ledger, store) => ({
      ...ledger,
      purge() {
        before = store.summarize({}, []).summary
        left = 3
        return ledger.purge()
      },
      async summarize(window, unflushed) {
        const { summary, stale } = await ledger.summarize(window, unflushed)
        if (before === undefined || left === 0) return { summary, stale }
        left -= 1
        const sum = (processor: keyof ExactSummary): ProcessorTotal<Cents> => {
          const [one, other] = [before?.[processor], summary[processor]]
          const payments = other.payments + (one?.payments ?? 0)
          return { payments, cents: addCents(other.cents, one?.cents ?? 0) }
        }
        return { summary: { default: sum('default'), fallback: sum('fallback') }, stale }
      },
    }),
  }
}
