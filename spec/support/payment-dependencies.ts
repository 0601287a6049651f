// What payments depend on, for specs of single effects: both circuits closed, look-ups that are
// believed, a clock that stands, and calls to processors that the spec answers.

import { ONE_HISTORY } from '../../src/actors/model/ledger-history.ts'
import type { PaymentDependencies } from '../../src/actors/payment/effects.ts'
import type { ChargeAnswer, LookUpAnswer } from '../../src/actors/model/ports.ts'
import type { WorkSettings } from '../../src/actors/model/settings.ts'
import { createLookUpPlaces } from '../../src/actors/payments/look-up-places.ts'
import { createAskedLag } from '../../src/actors/payments/asked-lag.ts'
import { SentCharges } from '../../src/actors/circuit/sent-charges.ts'
import { emptyWindow } from '../../src/actors/circuit/window.ts'
import { createStreak } from '../../src/actors/payments/streak.ts'
import { SETTINGS } from './circuit-settings.ts'
import { StandingTime } from './standing-time.ts'

export const WORK: WorkSettings = {
  route: { fees: { default: 0.05, fallback: 0.15 }, waitMaxMs: 5000 },
  slowMs: 5000,
  concurrency: 100,
  readyMax: 100,
  confirmingMax: 2,
  acceptBatchMax: 20,
  claimMax: 100,
  triesMax: 3,
  quickBackoffMs: 100,
  retryDelayMs: 1000,
  retryDelayMaxMs: 30_000,
  rejectAfterMs: 60_000,
  passOnAfterMs: 10_000,
  settleByMs: 20_000,
  lookUpLagMs: 500,
}

/** What a circuit knows before anything was charged, as far as it matters here. */
export const CIRCUIT = {
  concurrencyLimit: 1,
  measuredMs: 5,
  announcedMs: 0,
  triedFrom: 0,
  failedTrials: 0,
  usableAt: 0,
  window: emptyWindow(0),
  settings: SETTINGS,
}

export interface StandIns {
  readonly dependencies: PaymentDependencies
  readonly clock: StandingTime
  /** Replies of the charges and look-ups that were sent, oldest first. */
  readonly charges: ((answer: ChargeAnswer) => void)[]
  readonly lookUps: ((answer: LookUpAnswer) => void)[]
  /** Pauses before what is planned, ms. */
  readonly pauses: number[]
}

export function standIns(changes: Partial<PaymentDependencies> = {}): StandIns {
  const clock = new StandingTime()
  const charges: StandIns['charges'] = []
  const lookUps: StandIns['lookUps'] = []
  const pauses: number[] = []
  const processor = {
    charge: (_charge: unknown, reply: (answer: ChargeAnswer) => void) => void charges.push(reply),
    lookUp: (_id: unknown, reply: (answer: LookUpAnswer) => void) => void lookUps.push(reply),
  }
  const controls = {
    noteRecorded: () => undefined,
    distrust: () => undefined,
    prepare: () => undefined,
    beforeLookUp: (then: () => void) => then(),
    judge: (_askedAt: number, reply: (proof: 'control') => void) => reply('control'),
  }
  const { concurrency } = changes.settings ?? WORK
  const circuit = { ...CIRCUIT, concurrencyLimit: concurrency }
  const health = {
    getSnapshot: () => ({ value: 'closed', context: circuit }),
    send: () => undefined,
  }
  const both = <Part>(part: Part) => ({ default: part, fallback: part })
  const dependencies = {
    settings: WORK,
    clock,
    lease: { holds: () => true },
    history: ONE_HISTORY,
    telemetry: { emit: () => undefined },
    random: () => 0.5,
    quotaUsed: () => 0,
    processors: both(processor),
    health: both(health),
    inFlight: both(0),
    askedLag: createAskedLag((changes.settings ?? WORK).slowMs),
    charges: { default: new SentCharges(concurrency), fallback: new SentCharges(concurrency) },
    controls: both(controls),
    suspicion: both({ settled: () => undefined, blames: () => false }),
    due: { push: (_step: unknown, delayMs: number) => void pauses.push(delayMs) },
    lookUpPlaces: createLookUpPlaces({ slots: 10, max: WORK.confirmingMax }),
    isPlaceAwaited: () => false,
    purges: () => 0,
    fruitless: { default: createStreak(WORK), fallback: createStreak(WORK) },
    settledLate: () => undefined,
    wasSettledLate: () => false,
    generationOf: () => 0,
    isDraining: () => false,
    ...changes,
  } as unknown as PaymentDependencies
  return { dependencies, clock, charges, lookUps, pauses }
}
