// One run of the challenge: preparation, load with its stages and checks, score, settlement.

import { NO_BOOKS } from './books.ts'
import type { Check, Parties } from './checks.ts'
import { type ChallengeListener, REQUEST_TIMEOUT_MS, RunTally, runLoad } from './load.ts'
import { PitEndpoint } from './pit-endpoint.ts'
import { calmDown, prepare } from './preparation.ts'
import { ProcessorAdmin } from './processor-admin.ts'
import type { ChallengeResult } from './result.ts'
import { type Score, computeScore } from './score.ts'
import { awaitSettlement } from './settle.ts'
import type { Stage } from './stages.ts'
import type { Answer } from '../load/connection.ts'
import type { Target } from '../load/target.ts'
import type { WeightName } from '../load/weight.ts'

export interface ChallengeOptions {
  readonly pit: Target
  readonly default: Target
  readonly fallback: Target
  readonly token: string
  /** Length of the load, s; stages, checks and their windows scale with it. */
  readonly seconds: number
  readonly users: number
  /** For a load of 60 s, in order of time. */
  readonly stages: readonly Stage[]
  /** What the load takes of the machine itself. */
  readonly weight: WeightName
  /** Bound on waiting for the backlog after the result, s. */
  readonly settleSeconds: number
  /** How often to ask whether Pit is there, 5 s apart. */
  readonly readyTries: number
  /** Bound on every request, ms; absent: the load script's. */
  readonly requestTimeoutMs?: number
}

/** @throws TargetUnreachable when Pit or a processor does not answer as a run needs it. */
export async function runChallenge(
  options: ChallengeOptions,
  listener: ChallengeListener,
): Promise<ChallengeResult> {
  const { seconds, users, weight, readyTries, settleSeconds } = options
  const onNote = (note: string): void => listener.onNote(note)
  const tally = new RunTally()
  const parties = openParties(options, (answer) => tally.countOther(answer))
  try {
    await prepare({ parties, readyTries, settleSeconds, onNote })
    const load = await runLoad({ options, listener, parties, tally })
    const score = await readScore({ parties, tally, seconds, checks: load.checks })
    tally.close()
    onNote(`load over, waiting up to ${settleSeconds} s for the backlog`)
    await calmDown({ parties, onNote })
    const settlement = await awaitSettlement({
      parties,
      accepted: tally.accepted,
      requested: tally.requested,
      waitMs: settleSeconds * 1000,
      windows: load.windows,
    })
    return {
      seconds,
      users,
      weight,
      ...score,
      inconsistencies: sumInconsistencies(load.checks),
      disagreeingChecks: load.checks.filter((check) => !check.agree).length,
      accepted: tally.accepted,
      failed: tally.payments.failed,
      failuresByStatus: tally.payments.failures,
      latency: tally.requests.latency.report(),
      paymentLatency: tally.payments.latency.report(),
      bySecond: tally.seconds.report(),
      generator: load.generator,
      checks: load.checks,
      settlement,
    }
  } finally {
    for (const party of [parties.pit, parties.default, parties.fallback]) party.close()
  }
}

/** For a run that is ended early: takes delay and failure off both processors. Never rejects. */
export async function leaveCalm(
  options: ChallengeOptions,
  onNote: (note: string) => void,
): Promise<void> {
  const parties = openParties(options, () => undefined)
  await calmDown({ parties, onNote })
  for (const party of [parties.pit, parties.default, parties.fallback]) party.close()
}

function openParties(options: ChallengeOptions, observe: (answer: Answer) => void): Parties {
  const { token, requestTimeoutMs: timeoutMs = REQUEST_TIMEOUT_MS } = options
  const shared = { timeoutMs, observe }
  return {
    pit: new PitEndpoint({ ...shared, target: options.pit }),
    default: new ProcessorAdmin({ ...shared, target: options.default, name: 'default', token }),
    fallback: new ProcessorAdmin({ ...shared, target: options.fallback, name: 'fallback', token }),
  }
}

interface ScoreRequest {
  readonly parties: Parties
  readonly tally: RunTally
  readonly seconds: number
  readonly checks: readonly Check[]
}

/** Asks for the final window one after the other, as the script does; no answer counts as 0. */
async function readScore({ parties, tally, seconds, checks }: ScoreRequest): Promise<Score> {
  const to = Date.now()
  const window = { from: to - seconds * 1000 - FINAL_WINDOW_EXTRA_MS, to }
  const byDefault = await parties.default.readBooks(window)
  const byFallback = await parties.fallback.readBooks(window)
  const settled = await parties.pit.readSummary(window)
  return computeScore({
    accepted: tally.accepted,
    settled: settled ?? { default: NO_BOOKS, fallback: NO_BOOKS },
    feeRates: { default: byDefault?.feeRate ?? 0, fallback: byFallback?.feeRate ?? 0 },
    p99Ms: tally.requests.latency.percentileMs(99),
    inconsistencies: sumInconsistencies(checks),
  })
}

function sumInconsistencies(checks: readonly Check[]): number {
  return checks.reduce((sum, check) => sum + check.inconsistencies, 0)
}

/** The final window reaches 70 s back after a load of 60 s. */
const FINAL_WINDOW_EXTRA_MS = 10_000
