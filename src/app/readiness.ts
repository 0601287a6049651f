// Whether this instance could commit a payment now, and if not, why: for the operators' port, and for
// a start that waits.

import type { Telemetry } from '../actors/model/facts.ts'
import type { Clock, Lease, Ledger } from '../actors/model/ports.ts'
import { wordsOf } from '../actors/model/errors.ts'
import type { SupervisorActor } from '../actors/supervisor/supervisor.ts'
import { START_TIMEOUT_MS } from '../infra/postgres/start.ts'

export interface Readiness {
  /** Hears which accepts were committed. */
  readonly telemetry: Telemetry
  /** The same ledger; how its lease is renewed is heard, which is all that an idle instance writes. */
  hearing(ledger: Ledger): Ledger
  /** A sentence for an operator; undefined when nothing speaks against the next commit. */
  whyNot(): string | undefined
}

/** The last write decides: one that failed is followed by a renewal within about a second. */
export function createReadiness(lease: Lease, clock: Clock): Readiness {
  let failure: string | undefined
  const heard = async <Value>(write: Promise<Value>): Promise<Value> => {
    try {
      const value = await write
      failure = undefined
      return value
    } catch (error) {
      failure = wordsOf(error)
      throw error
    }
  }
  return {
    telemetry: {
      emit(fact) {
        if (fact.type === 'batch.accepted') failure = undefined
        else if (fact.type === 'batch.refused') failure = fact.cause
      },
    },
    hearing: (ledger) => ({
      ...ledger,
      acquireLease: (request) => heard(ledger.acquireLease(request)),
      renewLease: (request) => heard(ledger.renewLease(request)),
    }),
    whyNot() {
      if (failure !== undefined) return `Nothing can be committed: ${failure}.`
      return lease.holds(clock.now()) ? undefined : 'The lease is not held.'
    },
  }
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
