// Faults in what is written down and summed up.

import { isInside } from '../ledger-sums.ts'
import type { Planted } from '../planted-world.ts'
import { LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import type { Outcome, ProcessorTotal, Summary } from '../../../src/actors/model/payment.ts'

type Settled = Extract<Outcome, { kind: 'settled' }>

/** Answers 202 before the payment is committed. */
export function acceptedBeforeCommit(): Planted {
  return {
    edge: (request) => {
      if (request.type !== 'payment.received') return request
      request.replyTo('accepted')
      return { ...request, replyTo: () => undefined }
    },
  }
}

/** The setting that gives durability up does give it up. */
export function answeredWhenTaken(): Planted {
  return {
    settings: ({ configured, ...settings }) => ({
      ...settings,
      configured: { ...configured, answersWhen: 'taken' },
    }),
  }
}

/** Accepts an id again with another amount. */
export function conflictAccepted(): Planted {
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
export function floatSums(): Planted {
  return {
    ledger: (ledger, store) => ({
      ...ledger,
      async summarize(window, unflushed) {
        const { summary, stale } = await ledger.summarize(window, unflushed)
        const total = (processor: keyof Summary): ProcessorTotal => {
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
export function knownAsSuccessElsewhere(): Planted {
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
export function lostBatch(): Planted {
  return {
    ledger: (ledger) => ({
      ...ledger,
      record: (outcomes, request) =>
        ledger.record(outcomes, request).catch((error: unknown) => {
          if (!(error instanceof LedgerUnavailable)) throw error
        }),
    }),
  }
}

/** Counts a batch again that is written again after its answer got lost. */
export function batchFlushedTwice(): Planted {
  const twice: Settled[] = []
  return {
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
          sums[processor] = { payments: payments + 1, cents: cents + amountCents }
        }
        return { summary: sums, stale }
      },
    }),
  }
}

/** Sums up the ledger alone. */
export function unflushedMissed(): Planted {
  return {
    ledger: (ledger) => ({
      ...ledger,
      summarize: (window) => ledger.summarize(window, []),
    }),
  }
}
