// What stands before the load: Pit is there, nothing disturbs, and everything is empty or what is
// there is left out of the count.

import { setTimeout as wait } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { describeAnswer } from '../load/client.ts'
import type { Parties } from './checks.ts'
import { TargetUnreachable } from './errors.ts'
import { CALM } from './stages.ts'

export interface PreparationInput {
  readonly parties: Parties
  /** Bound on asking whether Pit is there; the challenge tries 15 times. */
  readonly readyTries: number
  /** Bound on waiting until what came before the run is settled, s. */
  readonly settleSeconds: number
  readonly onNote: (note: string) => void
}

/**
 * Pit and the processors are purged, or neither.
 * @throws TargetUnreachable when Pit or a processor does not answer, or the load could not be told
 * from payments of others.
 */
export async function prepare(input: PreparationInput): Promise<void> {
  const { parties } = input
  const processors = [parties.default, parties.fallback]
  await awaitPit(input)
  for (const processor of processors) await processor.claimToken()
  for (const processor of processors) await processor.setConditions(CALM)
  // Pit first: it may refuse, and processors that forgot alone would differ from it for ever.
  const answer = await parties.pit.purge()
  const status = answer.kind === 'answered' ? answer.status : 0
  if (status >= 200 && status < 300) {
    for (const processor of processors) await processor.purge()
  } else if (REFUSALS.has(status)) {
    input.onNote(REFUSED)
    await leaveOutWhatWas(input)
  } else {
    const said = `POST /purge-payments gave ${describeAnswer(answer)}`
    throw new TargetUnreachable(
      `${said}: whether Pit has purged is unknown, the processors have not`,
    )
  }
}

/** Answers of one that has certainly not purged: it may not, or knows no such call. */
const REFUSALS: ReadonlySet<number> = new Set([401, 403, 404, 405])

const REFUSED =
  'Pit refuses to purge, so nothing is purged and only this run is counted; ' +
  'a Pit started with ALLOW_PURGE=true begins it empty'

/** Waits until nothing from before settles any more, and counts from then on. */
async function leaveOutWhatWas({ parties, settleSeconds }: PreparationInput): Promise<void> {
  const deadline = performance.now() + settleSeconds * 1000
  let before = await parties.pit.readSummary({})
  for (let sameReads = 1; sameReads < SAME_READS;) {
    await wait(READ_INTERVAL_MS)
    const now = await parties.pit.readSummary({})
    sameReads = now !== undefined && isDeepStrictEqual(now, before) ? sameReads + 1 : 1
    before = now
    if (sameReads === 1 && performance.now() > deadline) throw new TargetUnreachable(DISTURBED)
  }
  const beginning = Date.now()
  for (const party of [parties.pit, parties.default, parties.fallback]) party.countFrom(beginning)
}

/** So far apart that somebody who posts once a second is noticed. */
const SAME_READS = 3
const READ_INTERVAL_MS = 500

const DISTURBED =
  'Pit refuses to purge, and payments of others still settle there: stop what posts them, ' +
  'or start Pit with ALLOW_PURGE=true'

/** Takes delay and failure off both processors, so that a backlog can settle. Never rejects. */
export async function calmDown(input: Pick<PreparationInput, 'parties' | 'onNote'>): Promise<void> {
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
