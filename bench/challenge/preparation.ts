// What stands before the load: Pit is there, everything is empty, nothing disturbs.

import { setTimeout as wait } from 'node:timers/promises'
import { describeAnswer } from '../load/client.ts'
import type { Parties } from './checks.ts'
import { TargetUnreachable } from './errors.ts'
import { CALM } from './stages.ts'

export interface PreparationInput {
  readonly parties: Parties
  /** Bound on asking whether Pit is there; the challenge tries 15 times. */
  readonly readyTries: number
  readonly onNote: (note: string) => void
}

/** @throws TargetUnreachable when Pit or a processor does not answer. */
export async function prepare(input: PreparationInput): Promise<void> {
  const { parties } = input
  const processors = [parties.default, parties.fallback]
  await awaitPit(input)
  for (const processor of processors) await processor.claimToken()
  for (const processor of processors) await processor.setConditions(CALM)
  for (const processor of processors) await processor.purge()
  // A Pit that cannot purge starts with what it has, as in the challenge; the books will show it.
  const purged = await parties.pit.purge()
  if (purged.kind === 'failed' || purged.status >= 300) {
    input.onNote(`POST /purge-payments gave ${describeAnswer(purged)}; going on without`)
  }
}

/** Takes delay and failure off both processors, so that a backlog can settle. Never rejects. */
export async function calmDown(input: Omit<PreparationInput, 'readyTries'>): Promise<void> {
  for (const processor of [input.parties.default, input.parties.fallback]) {
    try {
      await processor.setConditions(CALM)
    } catch (error) {
      if (!(error instanceof TargetUnreachable)) throw error
      // The score is made already and worth reporting; the settlement will show the rest.
      input.onNote(error.message)
    }
  }
}

async function awaitPit(input: PreparationInput): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const answer = await input.parties.pit.ping()
    if (answer.kind === 'answered' && answer.status === 200) return
    const said = `GET /payments-summary gave ${describeAnswer(answer)}`
    if (tries >= input.readyTries) throw new TargetUnreachable(`Pit is not ready: ${said}`)
    input.onNote(`try ${tries} of ${input.readyTries}: ${said}`)
    await wait(READY_INTERVAL_MS)
  }
}

const READY_INTERVAL_MS = 5_000
