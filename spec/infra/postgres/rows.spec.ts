import t from 'tap'
import type { Test } from 'tap'
import type { Ledger } from '../../../src/actors/model/ports.ts'
import { deniedBy } from '../../../src/actors/payment/history.ts'
import { createPostgresLedger } from '../../../src/infra/postgres/ledger.ts'
import {
  ATTEMPTS,
  DIGITS,
  FLOAT,
  INTEGER,
  LEVEL,
  PROCESSOR,
  STATE,
  TEXT,
  INTEGERS,
  TEXTS,
  nullable,
  readOnlyRow,
  readPayments,
  readRows,
  type Column,
  type DamagedRow,
  type Query,
} from '../../../src/infra/postgres/rows.ts'
import {
  DELAYS,
  attempt,
  idsOf,
  lease,
  request,
  settled,
  uuid,
} from '../../contracts/ledger-words.ts'
import { LEDGER, runSql, startPostgres } from '../../support/postgres.ts'

const QUERY = {
  name: 'findThings',
  effect: 'reads',
  columns: { id: INTEGER, label: nullable(TEXT) },
  text: '',
} satisfies Query

t.test('rows that fit their query are returned unchanged', async (t) => {
  const rows = [
    { id: 1, label: 'one' },
    { id: Number.MAX_SAFE_INTEGER, label: null },
  ]

  t.equal(readRows(QUERY, rows), rows)
  t.strictSame(readRows(QUERY, []), [])
  t.equal(readOnlyRow(QUERY, rows.slice(0, 1)), rows[0])
})

t.test('a row that does not fit names its query and its column, and not its value', async (t) => {
  const strangers: readonly (readonly [row: object, message: string])[] = [
    [{ id: null, label: null }, 'findThings returns id as an exact whole number, and it is null'],
    [{ label: 'x' }, 'findThings returns id as an exact whole number, and it is undefined'],
    [{ id: 'secret' }, 'findThings returns id as an exact whole number, and it is string'],
    [
      { id: 2 ** 53, label: null },
      'findThings returns id as an exact whole number, and it is number',
    ],
    [{ id: 1, label: 2 }, 'findThings returns label as a text or null, and it is number'],
    [{ id: 1 }, 'findThings returns label as a text or null, and it is undefined'],
  ]
  for (const [row, message] of strangers) {
    const read = (): unknown => readRows(QUERY, [{ id: 1, label: null }, row])
    t.throws(read, { code: 'ERR_ASSERTION', message })
  }
})

t.test('a query for one row fails on none and on two', async (t) => {
  for (const rows of [
    [],
    [
      { id: 1, label: null },
      { id: 2, label: null },
    ],
  ]) {
    const message = `findThings returns one row, not ${rows.length}`
    t.throws(() => readOnlyRow(QUERY, rows), { code: 'ERR_ASSERTION', message })
  }
})

t.test(
  'a damaged payment is set aside, also where it is one of several and none fits',
  async (t) => {
    const query = { name: 'claim', columns: { correlation_id: TEXT, rounds: INTEGER } }
    const good = { correlation_id: 'a', rounds: 1 }
    const bad = { correlation_id: 'b', rounds: null }
    const damaged: DamagedRow[] = []
    const read = (...rows: readonly object[]) =>
      readPayments(query, rows, (row) => void damaged.push(row))
    const cause = 'claim returns rounds as an exact whole number, and it is null'

    t.strictSame(read(), [])
    t.strictSame(read(good, good), [good, good])
    t.strictSame(damaged, [])
    t.strictSame(read(bad, good, bad), [good])
    t.strictSame(read(bad), [])
    t.strictSame(read({ correlation_id: 7, rounds: 1 }), [])
    t.strictSame(read(bad, bad), [])

    const told = { operation: 'claim', correlationId: 'b', cause }
    t.strictSame(damaged.slice(0, 3), [told, told, told])
    t.match(damaged[3], { correlationId: null, cause: /correlation_id as a text/ })
    t.strictSame(damaged.slice(4), [told, told])
  },
)

t.test('each type of column accepts what PostgreSQL may return, and nothing else', async (t) => {
  const kinds: readonly (readonly [Column<unknown>, readonly unknown[], readonly unknown[]])[] = [
    [INTEGER, [0, -1, 2 ** 53 - 1], [0.5, NaN, Infinity, 2 ** 53, '1', 1n, null]],
    [FLOAT, [0.5, -1], [NaN, Infinity, '0.5', null]],
    [PROCESSOR, [1, 2], [0, 3, '1', null]],
    [STATE, [0, 1, 2], [3, -1, '0', null]],
    [LEVEL, [0, 1, 2, 3], [4, -1, '0', null]],
    [DIGITS, ['0', '-12'], ['', '1.5', 'x', 1, null]],
    [TEXTS, [[], ['a']], [['a', null], 'a', null]],
    [INTEGERS, [[], [1]], [[1, null], [1.5], 1, null]],
    [ATTEMPTS, [[], [A], [{ ...A, detail: undefined }]], [null, {}, [null], [{}], ['x']]],
  ]
  for (const [kind, good, bad] of kinds) {
    for (const value of good) t.ok(kind.fits(value), `${String(value)} is ${kind.takes}`)
    for (const value of bad) t.notOk(kind.fits(value), `${String(value)} is not ${kind.takes}`)
  }
})

const A = attempt('default', 'settled')

t.test(
  'an attempt fits only if it is complete, with any words that a version of Pit wrote',
  async (t) => {
    const broken = [
      { processor: 'other' },
      { requestedAt: '1000' },
      { reason: null },
      { outcome: 7 },
      { tookMs: null },
      { detail: 7 },
    ]
    for (const change of broken) {
      t.notOk(ATTEMPTS.fits([A, { ...A, ...change }]), JSON.stringify(change))
    }
    t.ok(ATTEMPTS.fits([{ ...A, reason: 'aReasonOfLater', outcome: 'anOutcomeOfLater' }]))
    const seen = { kind: 'id', amountCents: 1, requestedAt: 2, correlationId: uuid(1) }
    t.ok(ATTEMPTS.fits([{ ...A, contradiction: seen }]))
    t.ok(ATTEMPTS.fits([{ ...A, contradiction: { kind: 'absence' } }]))
    for (const wrong of [null, 'id', {}, { ...seen, amountCents: '1' }]) {
      t.notOk(ATTEMPTS.fits([{ ...A, contradiction: wrong }]), JSON.stringify(wrong))
    }
  },
)

const server = await startPostgres(t)

/** A ledger over tables that were changed after it had opened, and its lease. */
async function ledgerOver(
  t: Test,
  change: string,
): Promise<{
  ledger: Ledger
  mine: { leaseId: number; parked: boolean }
  damaged: readonly DamagedRow[]
}> {
  const database = await server.freshDatabase()
  const damaged: DamagedRow[] = []
  const ledger = await createPostgresLedger({
    ...LEDGER,
    connectionString: database,
    onDamagedRow: (row) => void damaged.push(row),
  })
  t.teardown(() => ledger.close())
  const mine = { ...(await lease(ledger)), parked: false }
  await ledger.accept([request(1)], mine)
  await ledger.accept([request(2), request(3), request(4)], { ...mine, parked: true })
  await ledger.record([settled(1)], mine)
  await runSql(database, change)
  return { ledger, mine, damaged }
}

function brokenIn(query: string, column: string): { code: string; message: RegExp } {
  return { code: 'ERR_ASSERTION', message: new RegExp(`^${query} returns ${column}\\b`) }
}

t.test('a lease without a row is a bug, not the lease 0', async (t) => {
  const { ledger } = await ledgerOver(
    t,
    `CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER no_leases BEFORE INSERT ON leases FOR EACH ROW EXECUTE FUNCTION nothing()`,
  )

  await t.rejects(lease(ledger), brokenIn('acquireLease', 'one row, not 0'))
})

t.test('a count of purges beyond exact numbers is a bug, and not NaN', async (t) => {
  const { ledger, mine } = await ledgerOver(t, `UPDATE purges SET count = 9007199254740991`)

  await ledger.renewLease({ ...mine, ttlMs: 1_000 })
  await t.rejects(ledger.purge(), brokenIn('purge', 'count'))
})

t.test('one damaged payment is not found, and ends nothing', async (t) => {
  const { ledger, damaged } = await ledgerOver(
    t,
    `ALTER TABLE payments DROP CONSTRAINT payments_processor_check;
    UPDATE payments SET processor = 3 WHERE state = 1`,
  )

  await t.rejects(ledger.find(uuid(1)), { code: 'damaged_payment' })

  t.match(damaged, [{ operation: 'find', correlationId: uuid(1), cause: /returns processor as/ }])
  t.equal((await ledger.find(uuid(2)))?.state, 'parked')
})

for (const [what, change, cause] of [
  ['infinite', "accepted_at = 'infinity'", /returns accepted_at_ms as an exact whole number/],
  ['out of range', 'default_doubt_until_ms = -9223372036854775808', /out of range/],
] as const) {
  t.test(`an instant that is ${what} damages its payment only`, async (t) => {
    const { ledger, damaged } = await ledgerOver(t, `UPDATE payments SET ${change} WHERE state = 1`)

    await t.rejects(ledger.find(uuid(1)), { code: 'damaged_payment' })

    t.match(damaged, [{ operation: 'find', correlationId: uuid(1), cause }])
    t.equal((await ledger.find(uuid(2)))?.state, 'parked')
  })
}

for (const [what, change] of [
  [
    'without a fencing token',
    'ALTER TABLE payments ALTER claim DROP NOT NULL; UPDATE payments SET claim = NULL',
  ],
  ['with malformed attempts', `UPDATE payments SET attempts = '[{"x": 1}]'`],
  ['that was accepted at no instant', `UPDATE payments SET accepted_at = '-infinity'`],
  ['that was parked at no instant', `UPDATE payments SET parked_at = 'infinity'`],
] as const) {
  t.test(`a payment ${what} is claimed once by each owner, and handed to nobody`, async (t) => {
    const { ledger, mine, damaged } = await ledgerOver(
      t,
      `${change} WHERE correlation_id = '${uuid(3)}'`,
    )
    const theirs = await lease(ledger, 'b')

    const claimed = await ledger.claimDue({ ...mine, limit: 9, ...DELAYS })
    const again = await ledger.claimDue({ ...mine, limit: 9, ...DELAYS })
    const listed = await ledger.listOwned({ ...mine, limit: 9 })
    await ledger.releaseLease(mine.leaseId)
    const sweep = { ...theirs, limit: 9, settleByMs: 0, expired: [] }
    const { payments: taken } = await ledger.takeOver(sweep)
    const { payments: takenAgain } = await ledger.takeOver(sweep)

    t.strictSame([idsOf(claimed), idsOf(again)], [[uuid(2), uuid(4)], []])
    t.ok(idsOf(listed).includes(uuid(2)), 'those that can be read are listed')
    t.strictSame([idsOf(taken), idsOf(takenAgain)], [[uuid(2), uuid(4)], []])
    t.match(damaged, [
      { operation: 'claimDue', correlationId: uuid(3) },
      { operation: 'takeOver', correlationId: uuid(3) },
    ])
    t.equal(damaged.length, 2)
  })
}

t.test(
  'an unknown outcome that ends at no instant keeps no other payment from a claim',
  async (t) => {
    const { ledger, mine, damaged } = await ledgerOver(
      t,
      `UPDATE payments SET default_doubt_until_ms = -9223372036854775808
    WHERE correlation_id = '${uuid(3)}'`,
    )

    const claimed = await ledger.claimDue({ ...mine, limit: 9, ...DELAYS })

    t.strictSame(idsOf(claimed), [uuid(2), uuid(4)])
    t.match(damaged, [{ operation: 'claimDue', correlationId: uuid(3) }])
  },
)

t.test('the fencing token after the highest one is the first', async (t) => {
  const highest = 2 ** 31 - 1
  const { ledger, mine } = await ledgerOver(t, `UPDATE payments SET claim = ${highest}`)
  const theirs = await lease(ledger, 'b')

  const claimed = await ledger.claimDue({ ...mine, limit: 9, ...DELAYS })
  await ledger.releaseLease(mine.leaseId)
  const taken = await ledger.takeOver({ ...theirs, limit: 9, settleByMs: 0, expired: [] })

  const tokens = [claimed, taken.payments].map((all) => all.map((each) => each.fencingToken))
  t.strictSame(tokens, [
    [1, 1, 1],
    [2, 2, 2],
  ])
})

t.test('payments of which none fits are claimed once, told, and handed to nobody', async (t) => {
  const { ledger, mine, damaged } = await ledgerOver(
    t,
    `UPDATE payments SET attempts = '[{"x": 1}]'`,
  )

  t.strictSame(await ledger.claimParked([uuid(2), uuid(3)], mine), [])
  t.strictSame(await ledger.claimDue({ ...mine, limit: 9, ...DELAYS }), [])
  t.strictSame(await ledger.claimDue({ ...mine, limit: 9, ...DELAYS }), [])

  t.match(idsOf(damaged.map(({ correlationId }) => ({ correlationId: correlationId ?? '' }))), [
    uuid(2),
    uuid(3),
    uuid(4),
  ])
})

t.test('a parked payment without a readable due time is left out of the list', async (t) => {
  const { ledger, damaged } = await ledgerOver(
    t,
    `UPDATE payments SET due_at = 'infinity' WHERE correlation_id = '${uuid(3)}'`,
  )

  t.strictSame(idsOf(await ledger.listParked(9)), [uuid(2), uuid(4)])
  t.match(damaged, [{ operation: 'listParked', correlationId: uuid(3) }])
})

t.test('an attempt that an earlier version stored as rejected is read as denied', async (t) => {
  const denied = { ...A, outcome: 'denied' }
  const stored = JSON.stringify([A, { ...A, outcome: 'rejected' }, denied])
  const { ledger, mine } = await ledgerOver(t, `UPDATE payments SET attempts = '${stored}'`)

  const found = await ledger.find(uuid(1))
  const claimed = await ledger.claimDue({ ...mine, limit: 9, ...DELAYS })

  t.strictSame(found?.attempts, [A, denied, denied])
  t.strictSame(claimed[0]?.attempts, [A, denied, denied])
})

t.test('attempts in words of a later version are shown as they are', async (t) => {
  const later = [{ ...attempt('default', 'settled'), reason: 'whim', outcome: 'refunded' }]
  const { ledger } = await ledgerOver(t, storing(later))

  t.strictSame((await ledger.find(uuid(1)))?.attempts, later)
})

t.test('an outcome that only a later version knows decides nothing once claimed', async (t) => {
  const known = attempt('fallback', 'denied')
  const silent = { processor: 'default', requestedAt: 1_000, reason: 'cheaper', tookMs: 12 }
  const later = [
    { ...attempt('default', 'denied'), reason: 'whim', outcome: 'refunded', detail: 'http 299' },
    { ...silent, outcome: 'toString' },
    known,
  ]
  const { ledger, mine } = await ledgerOver(t, storing(later))

  const [claimed] = await ledger.claimDue({ ...mine, limit: 9, ...DELAYS })

  const attempts = claimed?.attempts ?? []
  t.strictSame(attempts, [
    { ...later[0], outcome: 'other', detail: 'refunded: http 299' },
    { ...silent, outcome: 'other', detail: 'toString' },
    known,
  ])
  t.equal(deniedBy(attempts), 'fallback')
})

/** SQL that gives each payment these attempts. */
function storing(attempts: readonly object[]): string {
  return `UPDATE payments SET attempts = '${JSON.stringify(attempts)}'`
}

t.test('a damaged amount conflicts with what is posted again, and ends nothing', async (t) => {
  const { ledger, mine } = await ledgerOver(
    t,
    `UPDATE payments SET amount_cents = 9007199254740993`,
  )

  t.strictSame((await ledger.accept([request(1)], mine)).results, ['conflicting'])
})
