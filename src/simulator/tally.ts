// Counts what came of the charges that a simulator received, for specs and checkers.

import type { ChargeFaultKind } from './faults.ts'

/**
 * What a charge came to, as the ledger sees it:
 * - `recorded`: inserted, whatever the client was told;
 * - `known`: the id was there before;
 * - `failed`: 500, not inserted; `dropped`: its connection was closed, not inserted;
 * - `limited`: 429; `malformed`: 400 or 415; `withdrawn`: the client hung up while it waited.
 */
export type SendOutcome =
  'recorded' | 'known' | 'failed' | 'dropped' | 'limited' | 'malformed' | 'withdrawn'

export interface Sends {
  /** Charges whose body has arrived; those without an outcome yet are waiting. */
  readonly received: number
  readonly outcomes: Readonly<Record<SendOutcome, number>>
  /** Charges by the fault that they met. */
  readonly faults: Readonly<Partial<Record<ChargeFaultKind, number>>>
}

export class Tally {
  #received = 0
  readonly #outcomes: Record<SendOutcome, number> = {
    recorded: 0,
    known: 0,
    failed: 0,
    dropped: 0,
    limited: 0,
    malformed: 0,
    withdrawn: 0,
  }
  readonly #faults: Partial<Record<ChargeFaultKind, number>> = {}

  receive(): void {
    this.#received += 1
  }

  count(outcome: SendOutcome): void {
    this.#outcomes[outcome] += 1
  }

  countFault(kind: ChargeFaultKind): void {
    this.#faults[kind] = (this.#faults[kind] ?? 0) + 1
  }

  /** The counts as they stand now, since the start: a purge does not reset them. */
  read(): Sends {
    return {
      received: this.#received,
      outcomes: { ...this.#outcomes },
      faults: { ...this.#faults },
    }
  }
}
