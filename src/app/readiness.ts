// Whether this instance could commit a payment now, and if not, why: for the operators' port.

import type { Telemetry } from '../actors/model/facts.ts'
import type { Clock, Lease, Ledger } from '../actors/model/ports.ts'
import { wordsOf } from '../actors/model/errors.ts'

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
