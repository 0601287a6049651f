import fc from 'fast-check'
import t from 'tap'
import type { PaymentFilter } from '../../src/actors/model/found-payments.ts'
import {
  cursorText,
  fieldsOf,
  filterQuery,
  readCursor,
  readFilter,
} from '../../src/operator/payment-filter.ts'

t.test('each field of a filter is read from its text', async (t) => {
  const read = readFilter({
    state: 'rejected,open',
    processor: 'fallback',
    amountMin: '19.9',
    amountMax: '20.00',
    from: '2026-01-31T12:00:00+02:00',
    to: '2026-01-31T12:00:00.250Z',
    olderThan: '15m',
    attemptsMin: '3',
    id: '',
  })

  t.strictSame(read, {
    kind: 'filter',
    filter: {
      states: ['rejected', 'parked', 'owned'],
      processor: 'fallback',
      amountMin: 1_990,
      amountMax: 2_000,
      from: Date.UTC(2026, 0, 31, 10),
      to: Date.UTC(2026, 0, 31, 12, 0, 0, 250),
      olderThanMs: 900_000,
      attemptsMin: 3,
    },
  })
})

t.test('what a field does not take is a fault that names the field', async (t) => {
  const wrong = {
    state: ['retry', 'settled,', 'Settled', 'settled;parked'],
    processor: ['Default', 'both'],
    amountMin: ['-1', '1.999', 'x', '1e99'],
    amountMax: ['NaN'],
    from: ['2026-01-31', '2026-02-30T00:00:00Z', '2026-01-31T12:00'],
    to: ['now'],
    olderThan: ['15', '15 m', '-1s', '1w', '1.5h'],
    attemptsMin: ['0', '-1', '1.5', 'many'],
    id: ['g', '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3a', '4a79-01', "4a'", '4a%'],
  } as const
  for (const [field, texts] of Object.entries(wrong)) {
    for (const text of texts) {
      t.match(readFilter({ [field]: text }), { kind: 'fault', field }, `${field}=${text}`)
    }
  }
})

t.test('fields that exclude each other are a fault', async (t) => {
  const settled = { state: 'settled', olderThan: '1m' }
  t.match(readFilter(settled), { field: 'olderThan' })
  t.match(readFilter({ ...settled, state: 'settled,parked' }), { kind: 'filter' })
  t.match(readFilter({ olderThan: '1m' }), { kind: 'filter' })
  t.match(readFilter({ amountMin: '2', amountMax: '1' }), { field: 'amountMin' })
  t.match(readFilter({ from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z' }), {
    field: 'from',
  })
  t.match(readFilter({ id: '4a79', state: 'settled' }), { field: 'id' })
})

t.test('the beginning of an id is taken with and without hyphens, in either case', async (t) => {
  for (const id of ['4A7901B8-7', '4a7901b87', '4A7901b87']) {
    t.strictSame(readFilter({ id }), { kind: 'filter', filter: { idPrefix: '4a7901b87' } }, id)
  }
  t.match(readFilter({ id: '4a7901b8-' }), { filter: { idPrefix: '4a7901b8' } })
  const whole = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3'
  t.match(readFilter({ id: whole }), { filter: { idPrefix: whole.replaceAll('-', '') } })
})

t.test('a filter that is written is read as the same filter', async (t) => {
  const instant = fc.integer({ min: 0, max: 4_000_000_000_000 })
  const cents = fc.integer({ min: 0, max: 1_000_000 })
  const filters = fc.record(
    {
      states: fc.uniqueArray(fc.constantFrom('parked', 'owned', 'rejected', 'settled'), {
        minLength: 1,
      }),
      processor: fc.constantFrom('default', 'fallback'),
      amountMin: cents,
      amountMax: cents.map((more) => 1_000_000 + more),
      from: instant,
      to: instant.map((more) => 4_000_000_000_000 + more),
      attemptsMin: fc.integer({ min: 1, max: 999_999 }),
    } as const,
    { requiredKeys: [], noNullPrototype: true },
  ) as fc.Arbitrary<PaymentFilter>
  const ages = fc.integer({ min: 0, max: 90_000 }).map((seconds) => seconds * 1_000)
  const open = fc.record({ olderThanMs: ages }, { noNullPrototype: true })

  fc.assert(
    fc.property(fc.oneof(filters, open), (filter) => {
      const again = readFilter(Object.fromEntries(new URLSearchParams(filterQuery(filter))))
      t.strictSame(again, { kind: 'filter', filter })
    }),
  )
  t.strictSame(fieldsOf({}), {})
})

t.test('a place is read from its text, and nothing else is', async (t) => {
  const id = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3'
  for (const direction of ['older', 'newer'] as const) {
    const place = { direction, atUs: 1_795_000_000_123_456, id }
    t.strictSame(readCursor(cursorText(place)), place)
  }
  for (const text of ['', 'older', `older_1_${id}x`, `elder_1_${id}`, `older_1e3_${id}`]) {
    t.equal(readCursor(text), undefined, text)
  }
})
