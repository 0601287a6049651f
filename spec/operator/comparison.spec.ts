// Pit's books and a processor's, both as plain lists: what a comparison of them finds and adds up.

import fc from 'fast-check'
import t from 'tap'
import { DIFFERING_MAX } from '../../src/operator/differing-spans.ts'
import type { PitPayment } from '../../src/operator/pit-payments.ts'
import {
  DAY,
  HOUR_MS,
  START,
  compare,
  many,
  open,
  recorded,
  recordedAs,
  rowsOf,
  settled,
  sumOf,
  wordsOf,
  type Recorded,
} from '../support/compared-lists.ts'

t.test('books that agree are added up, and nothing is told', async (t) => {
  const pit = [
    ...many(120, 1000),
    settled('other', START + 5, { processor: 'fallback' }),
    open('o'),
  ]
  const processor = recordedAs(pit.filter((each) => each.processor === 'default'))

  const found = await compare({ pit, processor })

  t.strictSame(found.told, [])
  t.strictSame([found.findings, found.isCut, found.processor], [0, false, 'default'])
  t.strictSame(found.pit, { payments: 120n, cents: 120_000n })
  t.strictSame(found.recorded, found.pit)
  t.strictSame(found.asked, processor.map(({ correlationId }) => correlationId).toSorted(byNumber))
  t.strictSame(found.progress, [
    START,
    START + 49_000,
    START + 99_000,
    START + 119_000,
    START + HOUR_MS,
  ])
})

function byNumber(a: string, b: string): number {
  return Number(a.slice(1)) - Number(b.slice(1))
}

const ONE = settled('one', START + 7)
const TWO = settled('two', START + 2 * HOUR_MS + 7)
const BOTH = recordedAs([ONE, TWO])

for (const [what, pit, processor, all, whereSumsDiffer] of [
  ['is not recorded', [ONE, TWO], [BOTH[0]], ['mismatch two'], ['7200007/1: 1, 1000 two']],
  [
    'has another amount',
    [ONE, TWO],
    [BOTH[0], recorded('two', START + 2 * HOUR_MS + 7, 999)],
    ['mismatch two'],
    ['7200007/1: 0, 1 two'],
  ],
  [
    'has another instant',
    [ONE, TWO],
    [BOTH[0], recorded('two', START + 2 * HOUR_MS + 8)],
    ['mismatch two'],
    [],
  ],
  [
    'has an amount with fractions of a cent',
    [ONE, TWO],
    [BOTH[0], { ...recorded('two', START + 2 * HOUR_MS + 7), amountCents: undefined }],
    ['mismatch two', '7200007/1: 0, 1000 two'],
    ['7200007/1: 0, 1000 two'],
  ],
  ['was deleted', [ONE], BOTH, ['7200007/1: -1, -1000 '], ['7200007/1: -1, -1000 ']],
  [
    'is still open',
    [ONE, open('two')],
    BOTH,
    ['7200007/1: -1, -1000 two'],
    ['7200007/1: -1, -1000 two'],
  ],
  [
    'is settled elsewhere',
    [ONE, { ...TWO, processor: 'fallback' }],
    BOTH,
    ['7200007/1: -1, -1000 two'],
    ['7200007/1: -1, -1000 two'],
  ],
  [
    'is unknown, as a first one is, and two cancel each other out',
    [ONE, settled('three', START + 7, { amountCents: 1n }), TWO],
    [BOTH[1], recorded('four', START + 7), recorded('five', START + 7, 1)],
    ['mismatch one', 'mismatch three', '7/1: -2, -1001 one+three'],
    [],
  ],
] as const) {
  t.test(`a payment that ${what} is named`, async (t) => {
    const list = processor.flatMap((each) => each ?? [])
    for (const [lookUps, expected] of [
      ['all', all],
      ['whereSumsDiffer', whereSumsDiffer],
    ] as const) {
      const found = await compare({ pit, processor: list }, { lookUps })
      t.strictSame(wordsOf(found.told), expected, lookUps)
      t.equal(found.findings, expected.length)
      t.strictSame(found.pit, sumOf(pit.filter((each) => each.processor === 'default')))
      t.strictSame(found.recorded, sumOf(list))
    }
  })
}

t.test('without rows instants are found, and no payments', async (t) => {
  const found = await compare({ pit: [ONE, TWO], processor: [] }, { rows: undefined })

  t.strictSame(wordsOf(found.told), ['7/1: 1, 1000 undefined', '7200007/1: 1, 1000 undefined'])
  t.strictSame(found.asked, [])
  t.strictSame(
    found.sums[1],
    DAY,
    'all of the window at once, after it was looked for emptied books',
  )
})

t.test('before the rows begin, sums are compared by whole grains', async (t) => {
  const pit = [ONE, TWO]
  const rows = rowsOf([TWO])
  const options = { rows, rowsFrom: START + HOUR_MS }

  t.strictSame(wordsOf((await compare({ pit, processor: BOTH }, options)).told), [])
  const lost = await compare({ pit, processor: [BOTH[1]].flatMap((each) => each ?? []) }, options)
  t.strictSame(wordsOf(lost.told), ['0/1000: 1, 1000 undefined'])
  t.strictSame(lost.asked, ['two'])

  const ragged = { from: START + 3, to: START + 1500 }
  const within = await compare({ pit, processor: [] }, { ...options, span: ragged })
  t.strictSame(within.sums.at(1), { from: START, to: START + 1999 })
  t.strictSame(wordsOf(within.told), ['0/1000: 1, 1000 undefined'])
  const beyond = { ...options, span: { from: START + HOUR_MS, to: DAY.to } }
  t.strictSame((await compare({ pit, processor: BOTH }, beyond)).pit, {
    payments: 1n,
    cents: 1000n,
  })
})

t.test('hours without rows are compared in one piece, also at the end', async (t) => {
  const at = START + 5 * HOUR_MS + 3
  const lone = recorded('lone', START + 3 * HOUR_MS)
  const last = recorded('last', DAY.to)

  const found = await compare({
    pit: [settled('a', at)],
    processor: [recorded('a', at), lone, last],
  })

  t.strictSame(wordsOf(found.told), ['10800000/1: -1, -1000 ', '86399999/1: -1, -1000 '])
  t.strictSame(found.progress, [START, at, START + 6 * HOUR_MS])
  const hour = { from: START + 5 * HOUR_MS, to: START + 6 * HOUR_MS - 1 }
  t.ok(found.sums.some(({ from, to }) => from === hour.from && to === hour.to))
  t.ok(found.sums.some(({ from, to }) => from === START && to === hour.from - 1))
})

t.test('a window that begins and ends within hours is compared to its ends', async (t) => {
  const span = { from: START + 500, to: START + HOUR_MS + 500 }
  const pit = [settled('a', span.from), settled('b', span.to), settled('c', span.to + 1)]

  const found = await compare({ pit, processor: [] }, { span })

  t.strictSame(wordsOf(found.told), ['mismatch a', 'mismatch b'])
  t.strictSame(found.pit, { payments: 2n, cents: 2000n })
})

t.test('the first findings are told, and the others counted', async (t) => {
  const pit = many(DIFFERING_MAX + 30, HOUR_MS / 10)
  const kept = recordedAs(many(200, 1, START + 23 * HOUR_MS)).map((each, index) => ({
    ...each,
    correlationId: `kept${index}`,
  }))

  const found = await compare({ pit, processor: kept }, { rows: undefined })

  t.equal(found.told.length, DIFFERING_MAX)
  t.equal(found.findings, DIFFERING_MAX + 1, 'enough to say that there are more')
  t.equal(found.isCut, true)
  t.strictSame([found.pit.payments, found.recorded.payments], [130n, 200n])
  const some = await compare({ pit: many(DIFFERING_MAX, 5), processor: [] }, { rows: undefined })
  t.strictSame(wordsOf(some.told), ['emptied processor'])
})

t.test('as many findings as are told at most are not cut', async (t) => {
  const pit = many(DIFFERING_MAX, 10)
  // As many in all, so that nobody was emptied; each a millisecond late.
  const processor = recordedAs(pit).map((each) => ({ ...each, requestedAt: each.requestedAt + 1 }))

  const found = await compare({ pit, processor })

  t.equal(found.told.length, DIFFERING_MAX)
  t.equal(found.isCut, false)
  const oneMore = await compare({
    pit: [...pit, settled('more', START + HOUR_MS)],
    processor: [...processor, recorded('more', START + HOUR_MS + 1)],
  })
  t.strictSame(
    [oneMore.told.length, oneMore.findings, oneMore.isCut],
    [DIFFERING_MAX, DIFFERING_MAX + 1, true],
  )
  t.strictSame(oneMore.pit, { payments: 101n, cents: 101_000n })
  t.strictSame(oneMore.recorded, oneMore.pit)
})

t.test('once enough is found, what comes after is added up and not searched', async (t) => {
  const sixty = (hour: number): readonly PitPayment[] =>
    many(60, 1, START + hour * HOUR_MS).map((each) => ({
      ...each,
      correlationId: `${each.correlationId} of ${hour}`,
    }))
  const pit = [...sixty(1), ...sixty(2), ...sixty(5)]
  const processor = recordedAs(pit).map((each) => ({ ...each, amountCents: 999 }))

  const found = await compare({ pit, processor }, { lookUps: 'whereSumsDiffer' })

  t.equal(found.findings, DIFFERING_MAX + 1, 'the second hour is searched no further')
  const last = { from: START + 5 * HOUR_MS, to: START + 6 * HOUR_MS - 1 }
  t.strictSame(
    found.sums.filter(({ from, to }) => from >= last.from && to <= last.to),
    [last],
  )
  t.equal(found.pit.payments, 180n)
})

t.test('beyond ten thousand mismatches payments are no longer looked up', async (t) => {
  const pit = many(10_400, 1)
  const processor = recordedAs(pit).map((each) => ({ ...each, amountCents: 1 }))

  const found = await compare({ pit, processor })

  t.equal(found.asked.length, 10_050, 'to the end of a page')
  t.equal(found.findings, 10_050)
  t.strictSame([found.pit.payments, found.recorded.cents], [10_400n, 10_400n])
})

t.test('books agree if and only if nothing is told, whatever was altered', async (t) => {
  const payment = fc.record({
    at: fc.nat({ max: 40 }),
    hour: fc.nat({ max: 3 }),
    pit: fc.constantFrom('settled', 'settled', 'settled', 'elsewhere', 'open', 'absent'),
    processor: fc.constantFrom('same', 'same', 'same', 'late', 'dearer', 'absent'),
  })
  await t.resolves(
    fc.assert(
      fc.asyncProperty(fc.array(payment, { maxLength: 9 }), async (drawn) => {
        const pit: PitPayment[] = []
        const processor: Recorded[] = []
        let isEqual = true
        for (const [index, each] of drawn.entries()) {
          const id = `p${index}`
          const at = START + each.hour * HOUR_MS + each.at
          const ours = settled(id, at, { amountCents: BigInt(1000 + 2 ** index) })
          if (each.pit === 'settled') pit.push(ours)
          if (each.pit === 'elsewhere') pit.push({ ...ours, processor: 'fallback' })
          if (each.pit === 'open') pit.push({ ...open(id), amountCents: ours.amountCents })
          const cents = 1000 + 2 ** index + (each.processor === 'dearer' ? 2 ** (index + 9) : 0)
          const theirs = recorded(id, each.processor === 'late' ? at + 1 : at, cents)
          if (each.processor !== 'absent') processor.push(theirs)
          const isOurs = each.pit === 'settled'
          const isTheirs = each.processor !== 'absent'
          if (isOurs !== isTheirs || (isOurs && each.processor !== 'same')) isEqual = false
        }
        const found = await compare({ pit, processor })
        const ours = sumOf(pit.filter((each) => each.processor === 'default'))
        const sums = [found.pit, found.recorded].map(
          ({ payments, cents }) => `${payments} ${cents}`,
        )
        const expected = [ours, sumOf(processor)].map(
          ({ payments, cents }) => `${payments} ${cents}`,
        )
        return (found.findings === 0) === isEqual && sums.join() === expected.join()
      }),
      { numRuns: 300 },
    ),
  )
})
