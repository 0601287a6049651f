// What a specification may put in the place of an instance's parts, to see whether it is noticed.

import type { LeaseFence } from '../../src/actors/ownership/fence.ts'
import type { EdgeRequest } from '../../src/actors/messages.ts'
import type { Ledger, Processor } from '../../src/actors/model/ports.ts'
import type { PitParts } from '../../src/actors/supervisor/supervisor.ts'
import type { LedgerStore } from './ledger-store.ts'
import type { Plan } from './plan.ts'
import type { Settings } from './settings.ts'

export interface Planted {
  readonly settings?: (settings: Settings) => Settings
  /** What happens instead of what was drawn. */
  readonly plan?: (plan: Plan, settings: Settings) => Plan
  readonly fence?: () => LeaseFence
  readonly ledger?: (ledger: Ledger, store: LedgerStore) => Ledger
  readonly processor?: (processor: Processor) => Processor
  readonly parts?: (parts: PitParts) => PitParts
  readonly edge?: (request: EdgeRequest) => EdgeRequest
}

/** As it is meant to be. */
export const NOTHING_PLANTED: Planted = {}
