// Writes outcomes: settled, rejected, parked.

import type { Attempt, UnknownOutcome, Outcome, ProcessorName } from '../../actors/model/payment.ts'
import type { Ledger } from '../../actors/model/ports.ts'
import type { PostgresPool } from './pool.ts'
import { RECORD, SETTLE } from './record-sql.ts'
import { PROCESSOR_NUMBER, arrayOf } from './sql.ts'

type Settled = Extract<Outcome, { kind: 'settled' }>

/** Totals of one bucket are spread over as many rows; `compose/schema.sql` says why. */
const SHARDS = 16

/**
 * Writes what became of payments, in one statement that updates the payments and the totals
 * together. Only rows really updated are counted, so a replay changes nothing. What was reached
 * before a purge is left out: the id may have been posted again since, under the same lease.
 */
export function createRecord(pool: PostgresPool): Pick<Ledger, 'record'> {
  return {
    async record(outcomes, { leaseId }) {
      if (outcomes.length === 0) return
      const purges = outcomes.reduce((most, outcome) => Math.max(most, outcome.purges), 0)
      const lasting = outcomes.filter((outcome) => outcome.purges === purges)
      const settled = lasting.filter((outcome) => outcome.kind === 'settled')
      const shared = [leaseId, leaseId % SHARDS, purges]
      if (settled.length === lasting.length) {
        await pool.run(SETTLE, [...shared, ...settledColumns(settled), attemptsOf(lasting)])
      } else {
        await pool.run(RECORD, [...shared, ...mixedColumns(lasting), attemptsOf(lasting)])
      }
    },
  }
}

function settledColumns(outcomes: readonly Settled[]): string[] {
  return [
    arrayOf(outcomes, (outcome) => outcome.correlationId),
    arrayOf(outcomes, (outcome) => outcome.fencingToken),
    arrayOf(outcomes, (outcome) => PROCESSOR_NUMBER[outcome.processor]),
    arrayOf(outcomes, (outcome) => outcome.requestedAt),
  ]
}

const STATE_NUMBER: Readonly<Record<Outcome['kind'], number>> = {
  parked: 0,
  settled: 1,
  rejected: 2,
}

function mixedColumns(outcomes: readonly Outcome[]): string[] {
  const parked = outcomes.map((outcome) => (outcome.kind === 'parked' ? outcome : undefined))
  const settled = outcomes.map((outcome) => (outcome.kind === 'settled' ? outcome : null))
  const doubtAt = (index: number, processor: ProcessorName): UnknownOutcome | undefined =>
    parked[index]?.unknownOutcomes.find((doubt) => doubt.processor === processor)
  const indices = [...outcomes.keys()]
  const remaining = (processor: ProcessorName) => (index: number) =>
    toWhole(doubtAt(index, processor)?.remainingMs)
  const requestedAt = (processor: ProcessorName) => (index: number) =>
    doubtAt(index, processor)?.requestedAt ?? null
  return [
    arrayOf(outcomes, (outcome) => outcome.correlationId),
    arrayOf(outcomes, (outcome) => outcome.fencingToken),
    arrayOf(indices, (index) => numberOf(settled[index]?.processor)),
    arrayOf(indices, (index) => settled[index]?.requestedAt ?? null),
    arrayOf(outcomes, (outcome) => STATE_NUMBER[outcome.kind]),
    arrayOf(indices, (index) => toWhole(parked[index]?.delayMs)),
    arrayOf(indices, (index) => parked[index]?.rounds ?? null),
    arrayOf(indices, remaining('default')),
    arrayOf(indices, requestedAt('default')),
    arrayOf(indices, remaining('fallback')),
    arrayOf(indices, requestedAt('fallback')),
  ]
}

function numberOf(processor: ProcessorName | undefined): number | null {
  return processor === undefined ? null : PROCESSOR_NUMBER[processor]
}

// Up, never down: a doubt or a delay must not end early.
function toWhole(durationMs: number | undefined): number | null {
  return durationMs === undefined ? null : Math.ceil(durationMs)
}

// jsonb refuses NUL and lone surrogates, and one refused text would hold up its batch for ever.
function attemptsOf(outcomes: readonly Outcome[]): string {
  const json = JSON.stringify(outcomes.map((outcome) => outcome.attempts))
  if (!json.includes('\\u')) return json
  return JSON.stringify(outcomes.map((outcome) => outcome.attempts.map(withPlainDetail)))
}

function withPlainDetail(attempt: Attempt): Attempt {
  const { detail } = attempt
  if (detail === undefined) return attempt
  return { ...attempt, detail: detail.replace(/[^\x20-\x7e]/g, '?') }
}
