// Configuration variables of the work inside: memory, batches, leases, the edge, the stop.

import { following, onOff, whole } from './kinds.ts'

export const WORK_VARIABLES = {
  readyMax: whole({
    name: 'READY_MAX',
    fallback: 4096,
    unit: 'payments',
    min: 1,
    max: 1_000_000,
    meaning: 'Accepted payments that wait in memory; more wait in the database',
  }),
  confirmingMax: whole({
    name: 'CONFIRMING_MAX',
    fallback: 1024,
    unit: 'payments',
    min: 1,
    max: 100_000,
    meaning:
      'Payments in doubt that are asked for at one time: so many at each processor alone, and so many at both',
  }),
  leaseTtlMs: whole({
    name: 'LEASE_TTL_MS',
    fallback: 3000,
    unit: 'ms',
    min: 1000,
    max: 60_000,
    meaning:
      'Time after which a silent instance has lost its payments; a renewal may take a sixth of it',
  }),
  rewindAskMs: whole({
    name: 'REWIND_ASK_MS',
    fallback: 86_400_000,
    unit: 'ms',
    min: 0,
    max: 2_592_000_000,
    meaning:
      'For how long, after PostgreSQL was restored or failed over, both processors are asked for each payment before it is charged; 0: never, and histories are not compared, for a cluster that cannot lose a commit',
  }),
  acceptBatchMax: whole({
    name: 'ACCEPT_BATCH_MAX',
    fallback: 512,
    unit: 'payments',
    min: 1,
    max: 10_000,
    meaning: 'Payments accepted in one commit',
  }),
  acceptWindowMs: whole({
    name: 'ACCEPT_WINDOW_MS',
    fallback: 0,
    unit: 'ms',
    min: 0,
    max: 1000,
    meaning: 'How long the first payment of a commit waits for others',
  }),
  acceptCommitsMax: whole({
    name: 'ACCEPT_COMMITS_MAX',
    fallback: 500,
    unit: 'commits/s',
    min: 10,
    max: 100_000,
    meaning: 'Rate of commits beyond which they are spaced out',
  }),
  loseAcceptedPaymentsOnCrash: onOff({
    name: 'LOSE_ACCEPTED_PAYMENTS_ON_CRASH',
    meaning: 'Answer 202 before the commit: a crash then loses payments that clients take for safe',
  }),
  flushBatchMax: whole({
    name: 'FLUSH_BATCH_MAX',
    fallback: 512,
    unit: 'outcomes',
    min: 1,
    max: 10_000,
    meaning: 'Outcomes written in one commit',
  }),
  flushWindowMs: whole({
    name: 'FLUSH_WINDOW_MS',
    fallback: 20,
    unit: 'ms',
    min: 0,
    max: 10_000,
    meaning: 'How long the first outcome of a commit waits for others',
  }),
  databasePool: whole({
    name: 'DATABASE_POOL',
    fallback: 4,
    unit: 'connections',
    min: 1,
    max: 100,
    meaning:
      'Connections to PostgreSQL for reads, besides the four for accepts, outcomes, claims and leases',
  }),
  archiveAfterHours: whole({
    name: 'ARCHIVE_AFTER_HOURS',
    fallback: 48,
    unit: 'hours',
    min: 1,
    max: 87_600,
    meaning: 'Age at which a settled payment moves out of the hot tables, into the archive',
  }),
  archiveRateMax: whole({
    name: 'ARCHIVE_RATE_MAX',
    fallback: 5000,
    unit: 'payments/s',
    min: 0,
    max: 1_000_000,
    meaning: 'Rate at which payments are archived at most; 0: this instance archives none',
  }),
  archiveKeepDays: following(
    whole({
      name: 'ARCHIVE_KEEP_DAYS',
      fallback: 0,
      unit: 'days',
      min: 1,
      max: 36_500,
      meaning:
        'Age at which archived payments are dropped, a day at a time; their ids, their amounts and the totals stay',
    }),
    'for ever',
  ),
  knownDays: following(
    whole({
      name: 'KNOWN_DAYS',
      fallback: 0,
      unit: 'days',
      min: 1,
      max: 36_500,
      meaning:
        'Age up to which the id and the amount of a settled payment are known: a repeat of it is answered as one, and later it is a new payment',
    }),
    'for ever',
  ),
  httpInFlightMax: whole({
    name: 'HTTP_IN_FLIGHT_MAX',
    fallback: 4096,
    unit: 'requests',
    min: 1,
    max: 100_000,
    meaning: 'Requests that wait for their commit; further ones get 503',
  }),
  httpBodyBytesMax: whole({
    name: 'HTTP_BODY_BYTES_MAX',
    fallback: 4096,
    unit: 'bytes',
    min: 128,
    max: 65_536,
    meaning: 'Longest request body',
  }),
  warmUpMs: whole({
    name: 'WARM_UP_MS',
    fallback: 0,
    unit: 'ms',
    min: 0,
    max: 60_000,
    meaning:
      'Longest time for which a start rehearses payments before it takes any, so that their code is compiled by then; nothing of it is left, and where payments are open there is none; 0 is never',
  }),
  shutdownDeadlineMs: whole({
    name: 'SHUTDOWN_DEADLINE_MS',
    fallback: 10_000,
    unit: 'ms',
    min: 0,
    max: 600_000,
    meaning: 'Time for an orderly stop',
  }),
  drainGraceMs: whole({
    name: 'DRAIN_GRACE_MS',
    fallback: 500,
    unit: 'ms',
    min: 0,
    max: 60_000,
    meaning:
      'Time for answers to charges at a stop, then handed over in doubt; half of SHUTDOWN_DEADLINE_MS at most',
  }),
} as const
