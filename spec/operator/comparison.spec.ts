// Pit's books and a processor's, both as plain lists: what a comparison of them finds and adds up.

import fc from 'fast-check'
import t from 'tap'
import type { Finding } from '../../src/operator/comparison.ts'
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
  type Recorded,
} from '../support/compared-lists.ts'

/** `instant of the payment: what the processor has`, of each mismatch; others by their kind. */
function wordsOf(told: readonly Finding[]): readonly string[] {
  return told.map((finding) => {
    if (finding.kind === 'emptied') return `emptied ${finding.emptied.side}`
    if (finding.kind === 'mismatch') return `mismatch ${finding.mismatch.payment.correlationId}`
    const { span, difference, mismatches } = finding.discrepancy
    const ids = mismatches?.map(({ payment }) => payment.correlationId).join('+')
    const width = span.to - span.from + 1
    return `${span.from - START}/${width}: ${difference.payments}, ${difference.cents} ${ids}`
  })
}

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

t.test('beyond ten thousand mismatches payments are no longer looked up', async (t) => {
  const pit = many(10_400, 1)
  const processor = recordedAs(pit).map((each) => ({ ...each, amountCents: 1 }))

  const found = await compare({ pit, processor })

  t.equal(found.asked.length, 10_050, 'to the end of a page')
  t.equal(found.findings, 10_050)
  t.strictSame([found.pit.payments, found.recorded.cents], [10_400n, 10_400n])
})

t.test(
  'a processor that was emptied is told as such, from where it has payments again',
  async (t) => {
    const before = many(30, 60_000)
    const after = settled('after', START + 2 * HOUR_MS)
    const pit = [...before, after]

    const found = await compare({ pit, processor: recordedAs([after]) })
    const missing = { payments: 30n, cents: 30_000n }
    t.match(found.told, [
      { kind: 'emptied', emptied: { side: 'processor', before: after.requestedAt, missing } },
    ])
    t.strictSame([found.findings, found.pit.payments, found.recorded.payments], [1, 31n, 1n])

    const all = await compare({ pit, processor: [] })
    t.match(all.told, [
      { emptied: { side: 'processor', before: undefined, missing: { payments: 31n } } },
    ])
    t.equal(all.findings, 1)
    const unnamed = await compare({ pit, processor: [] }, { rows: undefined })
    t.match(unnamed.told, [{ emptied: { side: 'processor', asked: 0 } }])
  },
)

t.test('a processor that knows one of those that are asked for was not emptied', async (t) => {
  const pit = many(30, 60_000)

  const ten = await compare({ pit: many(10, 60_000), processor: [] })
  t.strictSame(wordsOf(ten.told), ['emptied processor'], 'ten are enough')
  const nine = await compare({ pit: many(9, 60_000), processor: [] })
  t.strictSame(
    wordsOf(nine.told),
    many(9, 1).map(({ correlationId }) => `mismatch ${correlationId}`),
  )
  const known = await compare({ pit, processor: [recorded('p0', DAY.to + 5)] })
  t.equal(known.told.length, 30, 'each is named')
  const first = await compare({ pit, processor: [recorded('p0', START)] })
  t.strictSame(wordsOf(first.told).slice(0, 2), ['mismatch p1', 'mismatch p2'])
  const late = await compare({
    pit: [...many(9, 1), ...many(30, 1, START + 20)].map((each, index) => ({
      ...each,
      correlationId: `q${index}`,
    })),
    processor: [recorded('x', START + 10)],
  })
  t.not(wordsOf(late.told)[0], 'emptied processor', 'nine are missing before its first one')
})

t.test('payments of the whole emptied stretch are asked for, some forty at most', async (t) => {
  const pit = many(1000, 60_000)

  const found = await compare({ pit, processor: [] }, { lookUps: 'whereSumsDiffer' })

  t.match(found.told, [{ emptied: { side: 'processor', asked: found.asked.length } }])
  const numbers = found.asked.map((id) => Number(id.slice(1)))
  t.strictSame(
    numbers.slice(0, 20),
    Array.from({ length: 20 }, (_, index) => 2 * index),
  )
  t.strictSame(
    numbers.slice(20),
    Array.from({ length: 20 }, (_, index) => Math.ceil(((index + 1) * 999) / 20)),
  )
  const few = await compare({ pit: many(15, 1), processor: [] }, { lookUps: 'whereSumsDiffer' })
  t.equal(new Set(few.asked).size, 15)
})

t.test('a purge of Pit is told as such, and what it hides is named', async (t) => {
  const gone = recordedAs(many(12, 60_000))
  const later = settled('later', START + 3 * HOUR_MS)
  const elsewhere = settled('elsewhere', START + 3 * HOUR_MS, { processor: 'fallback' })
  const hidden = [recorded('elsewhere', START + 5), recorded('waits', later.requestedAt ?? 0)]
  const pit = [later, elsewhere, open('waits'), open('new')]

  const found = await compare({ pit, processor: [...gone, ...hidden, ...recordedAs([later])] })

  t.match(found.told[0], {
    kind: 'emptied',
    emptied: {
      side: 'pit',
      before: later.requestedAt,
      asked: 3,
      missing: { payments: 13n, cents: 13_000n },
    },
  })
  t.strictSame(wordsOf(found.told).slice(1), ['mismatch elsewhere', '10800000/1: -1, -1000 waits'])
  t.strictSame([found.pit.payments, found.recorded.payments], [1n, 15n])

  const nothing = await compare({ pit: [], processor: gone })
  t.match(nothing.told, [
    { emptied: { side: 'pit', before: undefined, missing: { payments: 12n } } },
  ])
  t.equal(nothing.findings, 1)
  const unnamed = await compare(
    { pit: [later], processor: [...gone, ...recordedAs([later])] },
    { rows: undefined },
  )
  t.match(unnamed.told, [{ emptied: { side: 'pit', before: later.requestedAt, asked: 0 } }])
  const noRows = await compare({ pit: [], processor: gone }, { rows: undefined })
  t.match(noRows.told, [{ emptied: { side: 'pit', before: undefined } }])
})

t.test('Pit was not purged while it has payments or totals from before', async (t) => {
  const gone = recordedAs(many(12, 60_000))

  const accepted = rowsOf([], START)
  const waiting = await compare({ pit: [], processor: gone }, { rows: accepted })
  t.equal(waiting.told.length, 12, 'it has accepted one at the very beginning')
  const nine = await compare({ pit: [], processor: gone.slice(0, 9) })
  t.equal(nine.told.length, 9)
  const moved = settled('moved', START + 30_500)
  const archived = await compare(
    { pit: [moved], processor: [...gone, ...recordedAs([moved])] },
    { rows: rowsOf([]), rowsFrom: START + HOUR_MS },
  )
  t.notOk(wordsOf(archived.told).includes('emptied pit'), 'its totals are there')
  const late = settled('late', START + 61_000)
  const some = await compare({ pit: [late], processor: [...gone, ...recordedAs([late])] })
  t.notOk(wordsOf(some.told).includes('emptied pit'), 'two are missing before its first one')
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
