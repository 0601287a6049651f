// Configuration variables of attempts: how a payment is sent, asked for and sent again.

import { following, whole } from './kinds.ts'

export const ATTEMPT_VARIABLES = {
  routeSlowMs: following(
    whole({
      name: 'ROUTE_SLOW_MS',
      fallback: 0,
      unit: 'ms',
      min: 1,
      max: 60_000,
      meaning:
        'Expected response time above which a processor is late: the dearer one is charged where it is quicker. Unset: nine tenths of the time after which windows of `GET /payments-summary` were asked in the last minute, 200 to 5000 ms; 1000 while none is',
    }),
    'windows asked',
  ),
  routeWaitMaxMs: whole({
    name: 'ROUTE_WAIT_MAX_MS',
    fallback: 1000,
    unit: 'ms',
    min: 0,
    max: 3_600_000,
    meaning: 'How long a payment may wait for the cheaper processor',
  }),
  attemptTimeoutMs: whole({
    name: 'ATTEMPT_TIMEOUT_MS',
    fallback: 8000,
    unit: 'ms',
    min: 100,
    max: 60_000,
    meaning: 'Time in which a processor has to answer a charge',
  }),
  connectTimeoutMs: whole({
    name: 'CONNECT_TIMEOUT_MS',
    fallback: 1000,
    unit: 'ms',
    min: 50,
    max: 60_000,
    meaning: 'Time in which a connection to a processor has to stand',
  }),
  lookupTimeoutMs: whole({
    name: 'LOOKUP_TIMEOUT_MS',
    fallback: 2000,
    unit: 'ms',
    min: 50,
    max: 60_000,
    meaning: 'Time in which a processor has to answer a look-up or a probe',
  }),
  lookupLagMs: following(
    whole({
      name: 'LOOKUP_LAG_MS',
      fallback: 0,
      unit: 'ms',
      min: 0,
      max: 600_000,
      meaning:
        'How far a processor’s look-up may lag behind its record; after a 500 only a 404 later than this counts as refused, after a charge without an answer one later than this and IN_DOUBT_HORIZON_MS together; not longer than that',
    }),
    'IN_DOUBT_HORIZON_MS',
  ),
  inDoubtHorizonMs: whole({
    name: 'IN_DOUBT_HORIZON_MS',
    fallback: 20_000,
    unit: 'ms',
    min: 1000,
    max: 600_000,
    meaning:
      'Time after which a charge that was sent can no longer be processed; with CONNECT_TIMEOUT_MS, LOOKUP_LAG_MS and 5 % for clocks that drift it is the settle-by deadline; longer than ATTEMPT_TIMEOUT_MS',
  }),
  processorConcurrency: whole({
    name: 'PROCESSOR_CONCURRENCY',
    fallback: 256,
    unit: 'charges',
    min: 1,
    max: 10_000,
    meaning: 'Charges in flight per processor',
  }),
  quickTries: whole({
    name: 'QUICK_TRIES',
    fallback: 3,
    unit: 'tries',
    min: 1,
    max: 10,
    meaning: 'Tries in quick succession before a payment goes to the retry queue',
  }),
  quickBackoffMs: whole({
    name: 'QUICK_BACKOFF_MS',
    fallback: 100,
    unit: 'ms',
    min: 1,
    max: 10_000,
    meaning: 'Delay between quick tries, doubled and jittered',
  }),
  retryDelayMs: whole({
    name: 'RETRY_DELAY_MS',
    fallback: 1000,
    unit: 'ms',
    min: 1,
    max: 600_000,
    meaning: 'First delay in the retry queue; it grows',
  }),
  retryDelayMaxMs: whole({
    name: 'RETRY_DELAY_MAX_MS',
    fallback: 30_000,
    unit: 'ms',
    min: 1,
    max: 3_600_000,
    meaning: 'Longest delay in the retry queue',
  }),
  rejectAfterMs: whole({
    name: 'REJECT_AFTER_MS',
    fallback: 60_000,
    unit: 'ms',
    min: 0,
    max: 604_800_000,
    meaning:
      'Age, since it was accepted, below which a payment that both processors have denied (400) is not rejected: it waits in the retry queue, and both are asked again, the last time at that age or later; 0: rejected at once',
  }),
} as const
