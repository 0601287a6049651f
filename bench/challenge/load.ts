// The load with all that happens while it lasts: switches, checks, and reports of its progress.

import type { Check, Parties } from './checks.ts'
import { describeCheck } from './result.ts'
import type { Stage } from './stages.ts'
import { Timetable, planChecks, planStages } from './timetable.ts'
import { ThreadedUsers } from './threaded-users.ts'
import { Users, type UsersOptions } from './users.ts'
import { type SelfReport, SelfWatch } from '../load/self-watch.ts'
import { AnswerTally, SecondsTally, type Outcome } from '../load/tally.ts'
import type { Target } from '../load/target.ts'
import { WEIGHTS, type WeightName } from '../load/weight.ts'
import type { TimeWindow } from '../../src/actors/model/payment.ts'

/** Where a run is. */
export interface ChallengeStatus {
  readonly elapsedMs: number
  readonly users: number
  readonly accepted: number
  readonly failed: number
  readonly p99Ms: number
  readonly checks: readonly Check[]
}

/** Hears of a run; nothing that it does may take long, it shares the load's thread. */
export interface ChallengeListener {
  onNote(note: string): void
  /** The load begins; `read` may be called until `onLoadEnded`. */
  onLoadStarted(read: () => ChallengeStatus): void
  onLoadEnded(): void
}

export interface LoadInput {
  readonly options: {
    readonly pit: Target
    /** Length of the load, s. */
    readonly seconds: number
    readonly users: number
    readonly stages: readonly Stage[]
    /** What the load takes of the machine itself. */
    readonly weight: WeightName
    /** Bound on every request, ms; absent: the load script's. */
    readonly requestTimeoutMs?: number
  }
  readonly listener: ChallengeListener
  readonly parties: Parties
  readonly tally: RunTally
}

/** @throws TargetUnreachable when a processor cannot be switched. */
export async function runLoad({ options, listener, parties, tally }: LoadInput): Promise<{
  readonly checks: readonly Check[]
  readonly windows: readonly TimeWindow[]
  readonly generator: SelfReport
}> {
  const { pit: target, requestTimeoutMs: timeoutMs, seconds, stages, users, weight } = options
  const checks: Check[] = []
  const windows: TimeWindow[] = []
  const onCheck = (check: Check, window: TimeWindow): void => {
    checks.push(check)
    windows.push(window)
    if (!check.agree) listener.onNote(`check ${checks.length}: ${describeCheck(check)}`)
  }
  const load = await createUsers({
    target,
    users,
    seconds,
    weight,
    timeoutMs,
    onAnswer: (outcome, sentAtMs) => tally.countPayment(outcome, sentAtMs),
  })
  const timetable = new Timetable()
  const watch = new SelfWatch()
  const startedAt = performance.now()
  listener.onLoadStarted(() => ({
    elapsedMs: performance.now() - startedAt,
    users: load.started,
    accepted: tally.accepted,
    failed: tally.payments.failed,
    p99Ms: tally.requests.latency.percentileMs(99),
    checks,
  }))
  try {
    const plan = { seconds, stages, onCheck }
    // A processor that cannot be switched makes the run worthless: it ends at once.
    const kept = timetable.keep([...planStages(parties, plan), ...planChecks(parties, plan)])
    await Promise.all([load.run(), kept])
  } finally {
    timetable.cancel()
    load.stop()
    listener.onLoadEnded()
  }
  return { checks, windows, generator: watch.stop() }
}

/** Users that begin when they are told to. */
export type UsersLoad = Pick<Users, 'started' | 'run' | 'stop'>

/** The load script's users, `users` of them at the end of `seconds`, ready to begin. */
export async function createUsers(load: {
  readonly target: Target
  readonly users: number
  readonly seconds: number
  readonly weight: WeightName
  readonly timeoutMs?: number | undefined
  readonly onAnswer: UsersOptions['onAnswer']
}): Promise<UsersLoad> {
  const { target, users, seconds, timeoutMs = REQUEST_TIMEOUT_MS, onAnswer } = load
  const options: UsersOptions = {
    target,
    users,
    durationMs: seconds * 1000,
    thinkMs: THINK_MS,
    timeoutMs,
    amountCents: AMOUNT_CENTS,
    onAnswer,
  }
  const weight = WEIGHTS[load.weight]
  return weight === undefined ? new Users(options) : ThreadedUsers.open(options, weight)
}

/** Bound on every request, as in the load script. */
export const REQUEST_TIMEOUT_MS = 1_500
/** A user's pause after an answer; not scaled: the rate per user stays. */
const THINK_MS = 1_000
/** 19.90 */
const AMOUNT_CENTS = 1_990

export class RunTally {
  /** Every request of the run, the checks' and the switches' too, as k6 counts them. */
  readonly requests = new AnswerTally()
  /** The users' payments alone. */
  readonly payments = new AnswerTally()
  /** The users' payments, second by second. */
  readonly seconds = new SecondsTally()
  accepted = 0
  #isClosed = false

  get requested(): number {
    return this.payments.succeeded + this.payments.failed
  }

  /** @param sentAtMs since the start of the load. */
  countPayment(outcome: Outcome, sentAtMs: number): void {
    this.requests.record(outcome)
    this.payments.record(outcome)
    this.seconds.record(outcome, sentAtMs)
    if (outcome.kind === 'answered' && ACCEPTED_STATUSES.has(outcome.status)) this.accepted += 1
  }

  countOther(outcome: Outcome): void {
    if (!this.#isClosed) this.requests.record(outcome)
  }

  /** The score is made: what is asked from now on is no part of the challenge. */
  close(): void {
    this.#isClosed = true
  }
}

/** What the load script takes for an accepted payment. */
const ACCEPTED_STATUSES: ReadonlySet<number> = new Set([200, 201, 202, 204])
