// PostgreSQL and Redis that fail single calls: every rule holds, and what can go on does.

import t from 'tap'
import { always, ledgerFails, redisFails } from './fixed.ts'
import { holdsIn, runWorld } from './hold.ts'
import {
  CACHE_CALLS,
  CACHE_READS,
  LEDGER_CALLS,
  READ_ONLY,
  TROUBLE_ENDS,
  type StoreTrouble,
} from './store-troubles.ts'

holdsIn('payments go on when PostgreSQL is read-only no more', ledgerFails(READ_ONLY))

holdsIn(
  'payments go on while some connections lead to a read-only PostgreSQL',
  ledgerFails({ ...READ_ONLY, share: 0.5 }),
)

const ONE: StoreTrouble = {
  operations: null,
  spares: 'none',
  share: 0.7,
  end: 'refused',
  code: '57014',
}

for (const operation of LEDGER_CALLS) {
  t.test(`every rule holds however PostgreSQL fails ${operation}`, async (t) => {
    for (const end of TROUBLE_ENDS) {
      const trouble = { ...ONE, operations: new Set([operation]), end }
      const [result] = await runWorld(ledgerFails(trouble), 1)
      t.same(result?.violations, [], end)
    }
  })
}

holdsIn(
  'an outcome that PostgreSQL refuses by itself blocks no other one',
  always({ kind: 'poison', number: 1 }),
)

const REFUSED: StoreTrouble = { ...ONE, share: 1 }

holdsIn(
  'every rule holds while Redis is a replica',
  redisFails({
    ...REFUSED,
    operations: new Set(CACHE_CALLS.filter((each) => !CACHE_READS.has(each))),
    code: 'READONLY',
  }),
)

t.test('every rule holds while Redis does not permit one call', async (t) => {
  for (const operation of CACHE_CALLS) {
    const trouble = { ...REFUSED, operations: new Set([operation]), code: 'NOPERM' }
    const [result] = await runWorld(redisFails(trouble), 1)
    t.same(result?.violations, [], operation)
  }
})

holdsIn(
  "every rule holds with another system's entries in Redis",
  always({ kind: 'cacheStrangers' }),
)
