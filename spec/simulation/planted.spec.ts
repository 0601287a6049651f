// The checkers are checked: each planted fault is noticed by the simulation.

import t from 'tap'
import type { Planted } from './planted-world.ts'
import { runSeed } from './run.ts'
import {
  acceptedBeforeCommit,
  answeredWhenTaken,
  batchFlushedTwice,
  conflictAccepted,
  floatSums,
  knownAsSuccessElsewhere,
  lostBatch,
  unflushedMissed,
} from './planted/books.ts'
import {
  claimWithoutOwner,
  doubtLostInParking,
  freshTakeOver,
  ignoredLag,
  shortHorizon,
  zombieThatSends,
  zombieThatWrites,
} from './planted/claims.ts'
import { failoverOnTimeout, knownAsFailure, restampedResend } from './planted/processors.ts'

/** Seeds within which a fault has to be noticed. */
const SEEDS_MAX = 300

/** Each fault with a name for it; made anew for each seed, since some remember. */
const FAULTS: Readonly<Record<string, () => Planted>> = {
  'a requestedAt restamped on a resend': restampedResend,
  'a failover on a timeout': failoverOnTimeout,
  'a 202 before the commit': acceptedBeforeCommit,
  LOSE_ACCEPTED_PAYMENTS_ON_CRASH: answeredWhenTaken,
  'sums of decimals': floatSums,
  'a 422 taken for a failure': knownAsFailure,
  'a 422 taken for success at the other processor': knownAsSuccessElsewhere,
  'a batch lost when its writing fails': lostBatch,
  'a batch flushed twice': batchFlushedTwice,
  'a summary without unflushed payments': unflushedMissed,
  'a claim without the owner condition': claimWithoutOwner,
  'a zombie that writes': zombieThatWrites,
  'a zombie that sends': zombieThatSends,
  'a horizon that is too short': shortHorizon,
  'a look-up believed too early': ignoredLag,
  'a take-over without unknown outcomes': freshTakeOver,
  'a doubt lost in parking': doubtLostInParking,
  'a conflicting amount accepted': conflictAccepted,
}

for (const [name, plant] of Object.entries(FAULTS)) {
  t.test(`${name} is noticed`, async (t) => {
    for (let seed = 1; seed <= SEEDS_MAX; seed += 1) {
      const { violation } = await runSeed({ seed, planted: plant() })
      if (violation === undefined) continue
      t.pass(`seed ${seed}: ${violation.rule}`)
      return
    }
    t.fail(`not in ${SEEDS_MAX} seeds`)
  })
}
