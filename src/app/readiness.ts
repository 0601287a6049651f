// Whether this instance could commit a payment now, and if not, why: for the operators' port, and for
// a start that waits.

import type { Telemetry } from '../actors/model/facts.ts'
import type { Clock, Lease, Ledger } from '../actors/model/ports.ts'
import { ledgerFailureOf, wordsOf } from '../actors/model/errors.ts'
import type { SupervisorActor } from '../actors/supervisor/supervisor.ts'
import { START_TIMEOUT_MS } from '../infra/postgres/start.ts'

export interface Readiness {
  /** Hears which accepts were committed. */
  readonly telemetry: Telemetry
  /** The same ledger; how its lease is renewed is heard, and an idle instance tries a commit there. */
  hearing(ledger: Ledger): Ledger
  /** A sentence for an operator; undefined when nothing speaks against the next commit. */
  whyNot(): string | undefined
  /** The same by what was heard anyway: an idle instance tries no commit for it, unless one was refused. */
  heard(): string | undefined
  /** Whether another process with this instance's id was seen in the last minutes. */
  isDoubled(): boolean
}

/**
 * How long accepts may be silent, ms: after that a question for readiness tries one without payments.
 */
const TRIED_AFTER_MS = 1000

/** How long a refused accept counts, ms, even if an accept without payments succeeds meanwhile. */
const REFUSED_FOR_MS = 5000

/**
 * How long a refusal is told, ms: each question tries again, so that one which is older says only
 * that nobody has asked since. Longer than anybody pauses between two questions.
 */
const TOLD_FOR_MS = 120_000

/** How long another process with this instance's id counts, ms; it is told once a minute. */
const DOUBLED_FOR_MS = 120_000

/** So many payments that are refused one by one, and none taken between them, are all of them. */
const REFUSED_IN_A_ROW_MAX = 8

/** The last accept decides, and the last renewal: PostgreSQL may refuse the one and not the other. */
export function createReadiness(lease: Lease, clock: Clock): Readiness {
  let heardAt = LONG_AGO
  let refusedAt = LONG_AGO
  /** Why the last accept failed, and the last renewal. */
  let refusal: string | undefined
  let lapse: string | undefined
  /** Payments that PostgreSQL refused, each by itself, since it last took one. */
  let refusedInARow = 0
  let doubledAt = LONG_AGO
  let tried: Ledger | undefined
  let isTrying = false

  const hear = (cause: string | undefined): void => {
    refusal = cause
    heardAt = clock.now()
    if (cause === undefined) refusedInARow = 0
    else refusedAt = heardAt
  }
  const renewing = <Value>(write: Promise<Value>): Promise<Value> =>
    heard(write, (failure) => (lapse = failure))
  const tryCommit = async (ledger: Ledger, leaseId: number): Promise<void> => {
    try {
      await ledger.accept([], { leaseId, parked: false })
      if (clock.now() - refusedAt >= REFUSED_FOR_MS) refusal = undefined
    } catch (error) {
      refusal = wordsOf(ledgerFailureOf(error))
    }
    heardAt = clock.now()
    isTrying = false
  }
  const tryWhenIdle = (): void => {
    if (tried === undefined || lease.id === null || isTrying) return
    if (clock.now() - heardAt < TRIED_AFTER_MS) return
    isTrying = true
    void tryCommit(tried, lease.id)
  }
  const say = (tries: boolean): string | undefined => {
    if (tries) tryWhenIdle()
    const now = clock.now()
    const told = now - heardAt < TOLD_FOR_MS ? refusal : undefined
    return sentenceOf({ refusal: told, lapse, isHeld: lease.holds(now) })
  }
  return {
    telemetry: {
      emit(fact) {
        if (fact.type === 'batch.accepted') hear(undefined)
        else if (fact.type === 'batch.refused') hear(fact.cause)
        else if (fact.type === 'instance.doubled') doubledAt = clock.now()
        else if (fact.type === 'accept.refused') {
          refusedInARow += fact.payments
          if (refusedInARow >= REFUSED_IN_A_ROW_MAX) hear(fact.cause)
        }
      },
    },
    hearing(ledger) {
      tried = ledger
      return {
        ...ledger,
        acquireLease: (request) => renewing(ledger.acquireLease(request)),
        renewLease: (request) => renewing(ledger.renewLease(request)),
      }
    },
    isDoubled: () => clock.now() - doubledAt < DOUBLED_FOR_MS,
    whyNot: () => say(true),
    heard: () => say(refusal !== undefined),
  }
}

/** Tells how a call ends: why it failed, undefined where it did not. */
async function heard<Value>(
  call: Promise<Value>,
  tell: (failure: string | undefined) => void,
): Promise<Value> {
  try {
    const value = await call
    tell(undefined)
    return value
  } catch (error) {
    tell(wordsOf(error))
    throw error
  }
}

const LONG_AGO = Number.NEGATIVE_INFINITY

function sentenceOf(known: {
  readonly refusal: string | undefined
  readonly lapse: string | undefined
  readonly isHeld: boolean
}): string | undefined {
  const { refusal, lapse, isHeld } = known
  if (!isHeld) {
    const cause = lapse ?? refusal
    return `The lease is not held${cause === undefined ? '' : `: ${cause}`}.`
  }
  if (refusal !== undefined) return `Nothing can be committed: ${refusal}.`
  return lapse === undefined ? undefined : `The lease is not renewed: ${lapse}.`
}

/**
 * Resolves when payments are let in. Rejects when the supervisor ends before, and when PostgreSQL has
 * granted no lease in time, as one that is read-only or in recovery does not: then it is for whoever
 * started the process to start it again.
 */
export function becomesReady(
  supervisor: SupervisorActor,
  { readiness, clock }: { readonly readiness: Readiness; readonly clock: Clock },
): Promise<void> {
  return new Promise((resolve, reject) => {
    let subscription: { unsubscribe(): void } | undefined = undefined
    const end = (settle: () => void): void => {
      // An observer is called for every event, and each payment is one.
      subscription?.unsubscribe()
      clock.clearTimeout(timer)
      settle()
    }
    const check = (): void => {
      const snapshot = supervisor.getSnapshot()
      if (snapshot.hasTag('ready')) end(resolve)
      else if (snapshot.status !== 'active') {
        end(() => reject(new Error('Pit stopped before it was ready')))
      }
    }
    const timer = clock.setTimeout(() => {
      const why = readiness.whyNot() ?? 'PostgreSQL has not answered.'
      end(() => reject(new Error(`no lease in ${START_TIMEOUT_MS / 1000} s. ${why}`)))
    }, START_TIMEOUT_MS)
    subscription = supervisor.subscribe({ next: check, error: (error) => end(() => reject(error)) })
    check()
  })
}

/**
 * Resolves once it has stopped, and rejects when it has failed; may be asked before anybody waits for
 * either.
 */
export function ended(supervisor: SupervisorActor): Promise<void> {
  const end = new Promise<void>((resolve, reject) => {
    supervisor.subscribe({ complete: resolve, error: reject })
  })
  end.catch(() => undefined)
  return end
}
