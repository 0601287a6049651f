// Each rule of the simulation is shown to be able to fail.

import t from 'tap'
import { RULE_NAMES } from '../rules.ts'
import { BOOK_FAULTS } from './book-faults.ts'
import { CLAIM_FAULTS } from './claim-faults.ts'
import { CLOCK_FAULTS } from './clock-faults.ts'
import { HANDOVER_FAULTS } from './handover-faults.ts'
import { ORDER_FAULTS } from './order-faults.ts'
import { PROCESSOR_FAULTS } from './processor-faults.ts'
import { REWIND_FAULTS } from './rewind-faults.ts'
import { WORLD_FAULTS } from './world-faults.ts'

t.test('each rule of the simulation is broken by a planted fault', async (t) => {
  const faults = [
    BOOK_FAULTS,
    CLAIM_FAULTS,
    CLOCK_FAULTS,
    PROCESSOR_FAULTS,
    HANDOVER_FAULTS,
    ORDER_FAULTS,
    REWIND_FAULTS,
    WORLD_FAULTS,
  ]
  const broken = new Set(faults.flatMap((each) => Object.values(each)).map(({ rule }) => rule))

  t.same(
    RULE_NAMES.filter((rule) => !broken.has(rule)),
    [],
  )
})
