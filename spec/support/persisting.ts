// Persistence that has been given outcomes, and a ledger that answers as a spec says.

import { persistenceLogic } from '../../src/actors/persistence/persistence.ts'
import type { Fact } from '../../src/actors/model/facts.ts'
import type { Outcome } from '../../src/actors/model/payment.ts'
import { uuid } from '../contracts/ledger-words.ts'
import { BESIDE_PERSISTENCE, settled, startActorSystem } from './actor-system.ts'
import { refusalBy } from './refusals.ts'

const ACCEPTS = { batchMax: 10, windowMs: 0, commitsMax: 500, pendingMax: 10 }
export const OUTCOMES = { batchMax: 4, windowMs: 20, congestedAt: 40 }

/** Persistence that has been given a batch; `called` takes what it asks of the ledger. */
export function persisting(outcomes: readonly Outcome[], waitMs = OUTCOMES.windowMs) {
  const system = startActorSystem(BESIDE_PERSISTENCE)
  const { ports } = system
  const input = { ports, accepts: ACCEPTS, outcomes: OUTCOMES, answersWhen: 'committed' as const }
  const persistence = system.start(persistenceLogic, input)
  for (const outcome of outcomes)
    system.tell('outcomeBatcher', { type: 'outcome.reached', outcome })
  system.clock.increment(waitMs)
  return { ...system, persistence }
}

export type System = ReturnType<typeof persisting>

export function contradictionsOf({ facts }: System): readonly Fact[] {
  return facts.filter(({ type }) => type === 'payment.contradicted')
}

/** Answers each writing until none is asked for; returns the numbers of the payments in each. */
export async function answerAll(
  { ledger }: System,
  failureOf: (batch: readonly Outcome[]) => Error | undefined,
): Promise<readonly (readonly number[])[]> {
  const asked: number[][] = []
  for (;;) {
    await settled()
    if (!ledger.waiting.includes('record')) return asked
    const call = await ledger.called('record')
    const batch = call.args[0] as readonly Outcome[]
    asked.push(batch.map(({ correlationId }) => Number.parseInt(correlationId.slice(-12), 16)))
    const failure = failureOf(batch)
    if (failure === undefined) call.answer([])
    else call.fail(failure)
  }
}

/** PostgreSQL's refusal of each batch that has one of these. */
export function refusing(sqlState: string, ...numbers: readonly number[]) {
  const ids = new Set(numbers.map(uuid))
  return (batch: readonly Outcome[]): Error | undefined =>
    batch.some(({ correlationId }) => ids.has(correlationId)) ? refusalBy(sqlState) : undefined
}
