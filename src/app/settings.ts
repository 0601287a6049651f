// The settings of the actors, from the configuration.

import type { Telemetry } from '../actors/model/facts.ts'
import type { PitParts } from '../actors/supervisor/supervisor.ts'
import type { CircuitSettings } from '../actors/circuit/context.ts'
import type { WorkSettings } from '../actors/model/settings.ts'
import type { Config } from '../config/config.ts'
import type { Adapters } from './adapters.ts'
import { createQuotaMeter } from '../infra/process/cpu-quota.ts'
import { systemClock } from '../infra/process/system-clock.ts'

/** Payments claimed from the retry queue at once. */
const CLAIM_MAX = 256

/** Longer than circuits take to close again once a processor is back, ms; RELIABILITY.md tells of it. */
const PASS_ON_AFTER_MS = 10_000

/** Unwritten outcomes, in batches, above which nothing new is started. */
const CONGESTED_BATCHES = 8

/** The parts of an instance that follow from the configuration alone. */
export type Configured = Pick<
  PitParts,
  | 'work'
  | 'circuit'
  | 'accepts'
  | 'outcomes'
  | 'answersWhen'
  | 'leaseTtlMs'
  | 'probeIntervalMs'
  | 'shutdownDeadlineMs'
  | 'drainGraceMs'
>

/** The adapters that the actors work with. */
export type WorkedWith = Pick<
  Adapters,
  'ledger' | 'settledSet' | 'fence' | 'history' | 'circuitCache' | 'delayedQueue' | 'processors'
>

/** All that the actors are given, for this configuration. */
export function partsOf(config: Config, adapters: WorkedWith, telemetry: Telemetry): PitParts {
  const { ledger, settledSet, fence, history, circuitCache, delayedQueue } = adapters
  return {
    ...configuredBy(config),
    ports: { ledger, settledSet, lease: fence, history, clock: systemClock, telemetry },
    fence,
    processors: adapters.processors,
    circuitCache,
    delayedQueue,
    random: Math.random,
    quotaUsed: createQuotaMeter(),
    instanceId: config.instanceId,
  }
}

/** The actors' bounds and delays, for this configuration. */
export function configuredBy(config: Config): Configured {
  const { acceptBatchMax, flushBatchMax } = config
  return {
    work: workOf(config),
    circuit: circuitOf(config),
    accepts: {
      batchMax: acceptBatchMax,
      windowMs: config.acceptWindowMs,
      commitsMax: config.acceptCommitsMax,
      pendingMax: config.httpInFlightMax,
    },
    outcomes: {
      batchMax: flushBatchMax,
      windowMs: config.flushWindowMs,
      congestedAt: CONGESTED_BATCHES * flushBatchMax,
    },
    answersWhen: config.loseAcceptedPaymentsOnCrash ? 'taken' : 'committed',
    leaseTtlMs: config.leaseTtlMs,
    probeIntervalMs: config.probeIntervalMs,
    shutdownDeadlineMs: config.shutdownDeadlineMs,
    drainGraceMs: config.drainGraceMs,
  }
}

function workOf(config: Config): WorkSettings {
  return {
    route: {
      fees: { default: config.processorDefaultFee, fallback: config.processorFallbackFee },
      waitMaxMs: config.routeWaitMaxMs,
    },
    slowMs: config.routeSlowMs,
    concurrency: config.processorConcurrency,
    readyMax: config.readyMax,
    confirmingMax: config.confirmingMax,
    acceptBatchMax: config.acceptBatchMax,
    claimMax: CLAIM_MAX,
    triesMax: config.quickTries,
    quickBackoffMs: config.quickBackoffMs,
    retryDelayMs: config.retryDelayMs,
    retryDelayMaxMs: config.retryDelayMaxMs,
    rejectAfterMs: config.rejectAfterMs,
    passOnAfterMs: PASS_ON_AFTER_MS,
    // From the dispatch: a charge is written once its connection stands.
    settleByMs: config.connectTimeoutMs + config.inDoubtHorizonMs + config.lookupLagMs,
    lookUpLagMs: config.lookupLagMs,
  }
}

function circuitOf(config: Config): CircuitSettings {
  return {
    windowMs: config.circuitWindowMs,
    callsMin: config.circuitCallsMin,
    failureRate: config.circuitFailureRate,
    openMs: config.circuitOpenMs,
    openMaxMs: config.circuitOpenMaxMs,
    concurrency: config.processorConcurrency,
  }
}
