import t from 'tap'
import {
  isFeeRate,
  parseInstant,
  printCents,
  printFee,
  printInstant,
  roundToCents,
} from '../../src/simulator/wire-format.ts'
import { PaymentLedger, UuidTable } from '../../src/simulator/payment-ledger.ts'

function id(n: number): string {
  return `${n.toString(16).padStart(8, '0')}-0000-4000-8000-00000000abcd`
}

t.test('amounts are rounded half to even, by their decimal text', async (t) => {
  const table = [
    [19.9, 1990],
    [0.005, 0],
    [0.015, 2],
    [1.005, 100],
    [1.015, 102],
    [1.0150001, 102],
    [2.675, 268],
    [-0.015, -2],
    [1e-9, 0],
    [77.83, 7783],
    [10_000_000_000, 1_000_000_000_000],
    [10_000_000_000.01, undefined],
    [1e30, undefined],
    [Infinity, undefined],
  ] as const

  for (const [amount, cents] of table) t.equal(roundToCents(amount), cents, String(amount))
})

t.test('cents and fees are printed exactly', async (t) => {
  t.equal(printCents(0), '0.00')
  t.equal(printCents(5), '0.05')
  t.equal(printCents(-1990), '-19.90')
  t.equal(printFee(1990, 0.05), '0.995')
  t.equal(printFee(9_007_199_254_740_991, 0.15), '13510798882111.4865')
  t.equal(printFee(-100, 0.000001), '-0.000001')
  t.equal(printFee(0, 0.05), '0.00')
  t.strictSame([0, 0.15, 0.000001].map(isFeeRate), [true, true, true])
  t.strictSame([1, -0.1, 0.0000001, NaN].map(isFeeRate), [false, false, false, false])
})

t.test('instants are kept to the microsecond', async (t) => {
  const table = [
    ['2025-07-15T12:34:56.789Z', '2025-07-15T12:34:56.789Z'],
    ['2025-07-15T12:34:56.1234569Z', '2025-07-15T12:34:56.123456Z'],
    ['2025-07-15T12:34:56', '2025-07-15T12:34:56Z'],
    ['2025-07-15T00:34:56.5+02:00', '2025-07-14T22:34:56.5Z'],
    ['2025-07-15T12:34:56.5-03:30', '2025-07-15T16:04:56.5Z'],
    ['1969-12-31T23:59:59.999999Z', '1969-12-31T23:59:59.999999Z'],
  ] as const

  for (const [text, printed] of table) t.equal(printInstant(parseInstant(text) ?? 0), printed)
  for (const text of ['', '2025-07-15', '2025-02-29T00:00:00Z', '2025-07-15T25:00:00Z', 'now']) {
    t.equal(parseInstant(text), undefined, text)
  }
  t.equal(parseInstant('2025-07-15T12:00:00+15:00'), undefined)
})

t.test('a table of ids grows, and finds each of them and no other', async (t) => {
  const table = new UuidTable()
  const count = 200_000

  let misplaced = 0
  for (let n = 0; n < count; n += 1) if (table.add(id(n)) !== n) misplaced += 1
  for (let n = 0; n < count; n += 1) if (table.find(id(n).toUpperCase()) !== n) misplaced += 1
  for (let n = 0; n < count; n += 1) if (table.find(id(count + n)) !== -1) misplaced += 1
  const idAt = table.reader()

  t.equal(misplaced, 0)
  t.equal(table.add(id(7)), -1)
  t.equal(table.size, count)
  t.equal(idAt(123_456), id(123_456))
})

t.test('a ledger sums windows exactly and lists them as they stood at the call', async (t) => {
  const ledger = new PaymentLedger()
  for (let n = 0; n < 100_000; n += 1) {
    ledger.insert({ correlationId: id(n), amountCents: 1, requestedAtMicros: n }, n)
  }

  const window = ledger.summarize({ from: 10, to: 70_000 })
  const entries = ledger.entries({ from: 99_999, to: 1_000_000 })
  ledger.purge()

  t.strictSame(window, { payments: 69_991, cents: 69_991 })
  t.strictSame(
    [...entries],
    [{ correlationId: id(99_999), amountCents: 1, requestedAtMicros: 99_999 }],
  )
  t.strictSame(ledger.summarize({}), { payments: 0, cents: 0 })
})

t.test('a ledger takes no payment that would make its sum inexact', async (t) => {
  const ledger = new PaymentLedger()
  const amountCents = Number.MAX_SAFE_INTEGER

  const first = ledger.insert({ correlationId: id(1), amountCents, requestedAtMicros: 0 }, 0)
  const more = { correlationId: id(2), amountCents: 1, requestedAtMicros: 0 }

  t.equal(first, 'recorded')
  t.equal(ledger.insert(more, 0), 'full')
  t.equal(ledger.summarize({}).cents, amountCents)
})
