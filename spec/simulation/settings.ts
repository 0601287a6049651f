// How simulated instances are configured: the defaults' proportions at a quarter of their length,
// now and then the defaults themselves.

import { renewalTimeoutMs } from '../../src/actors/ownership/lease.machine.ts'
import type { Configured } from '../../src/app/settings.ts'
import type { Chance, Span } from './chance.ts'
import type { LedgerBounds } from './simulated-ledger.ts'
import type { PhaseBounds } from './simulated-processor.ts'

export interface Settings extends PhaseBounds {
  readonly configured: Configured
  readonly ledger: LedgerBounds
  /** How far look-ups lag behind records at most, ms. */
  readonly lookUpLagMs: number
  /** The backlog has to be empty this long after the last fault, ms. */
  readonly quietMaxMs: number
  /** How long payments are asked for after PostgreSQL went back, ms. */
  readonly rewindAskMs: number
  /** How long faults are injected, ms. */
  readonly faultsMs: number
  /** Length of the lease of every other instance, ms; absent: the configured one, as the others'. */
  readonly longLeaseMs?: number
  /** How fast instances' clocks run; absent: within what RELIABILITY.md allows. */
  readonly drift?: Span
}

/** The longest of all instances' leases, ms. */
export function longestLeaseMs({ configured, longLeaseMs = 0 }: Settings): number {
  return Math.max(configured.leaseTtlMs, longLeaseMs)
}

/** By two clocks at once that are set ahead, a start may ask for less: by more than a run sets them. */
const REWIND_ASK_MS = 86_400_000

/** Share of the seeds that run with the lengths of the default configuration, 0 to 1. */
const FULL_LENGTH_SHARE = 0.1

export function drawSettings(chance: Chance): Settings {
  const scale = chance.happens(FULL_LENGTH_SHARE) ? 1 : 0.2
  const settleByMs = 20_000 * scale
  const lookUpLagMs = 500 * scale
  const attemptTimeoutMs = chance.pick([8000, 3000]) * scale
  const configured = draw(chance, { scale, settleByMs, lookUpLagMs })
  return {
    configured,
    ledger: {
      acceptTimeoutMs: 900,
      leaseTimeoutMs: renewalTimeoutMs(configured.leaseTtlMs),
      statementTimeoutMs: 3000 * Math.max(scale, 0.4),
    },
    attemptTimeoutMs,
    lookupTimeoutMs: 2000 * scale,
    landingMaxMs: settleByMs - lookUpLagMs,
    lookUpLagMs,
    rewindAskMs: REWIND_ASK_MS,
    quietMaxMs: scale === 1 ? 30_000 : 12_000,
    faultsMs: chance.between([4000, 9000]),
  }
}

function draw(
  chance: Chance,
  { scale, settleByMs, lookUpLagMs }: { scale: number; settleByMs: number; lookUpLagMs: number },
): Configured {
  const concurrency = chance.pick([3, 16, 128])
  const acceptBatchMax = chance.pick([2, 512])
  const flushBatchMax = chance.pick([2, 512])
  const slowMs = 1000 * scale
  return {
    work: {
      route: { fees: { default: 0.05, fallback: 0.15 }, waitMaxMs: 5000 * scale },
      slowMs,
      concurrency,
      readyMax: chance.pick([8, 4096]),
      confirmingMax: chance.pick([6, 1024]),
      acceptBatchMax,
      claimMax: chance.pick([4, 512]),
      triesMax: 3,
      quickBackoffMs: 100 * scale,
      retryDelayMs: 1000 * scale,
      retryDelayMaxMs: 30_000 * scale * 0.2,
      // Far shorter, so that payments are rejected while faults are injected.
      rejectAfterMs: 2000 * scale,
      passOnAfterMs: 10_000,
      settleByMs,
      lookUpLagMs,
    },
    circuit: {
      windowMs: 2000 * scale,
      callsMin: 5,
      failureRate: 0.5,
      openMs: 500 * scale,
      openMaxMs: 5000 * scale,
      concurrency,
    },
    accepts: {
      batchMax: acceptBatchMax,
      windowMs: chance.pick([0, 2]),
      commitsMax: chance.pick([20, 500]),
      pendingMax: 4096,
    },
    outcomes: {
      batchMax: flushBatchMax,
      windowMs: chance.pick([0, 20]),
      congestedAt: 8 * flushBatchMax,
    },
    answersWhen: 'committed',
    leaseTtlMs: Math.max(600, 3000 * scale),
    probeIntervalMs: Math.max(1000, 5000 * scale),
    shutdownDeadlineMs: 10_000 * scale,
    drainGraceMs: 500 * scale,
  }
}
