// One side's books are seen to have been emptied, where both are plain lists.

import t from 'tap'
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
  wordsOf,
} from '../support/compared-lists.ts'

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
    const moved = await compare({ pit: before, processor: [] }, { rows: rowsOf([]) })
    t.match(moved.told, [{ emptied: { side: 'processor', asked: 0 } }], 'without rows to ask for')
  },
)

t.test('a window that one side has nothing in ends where it ends', async (t) => {
  const inside = [...many(12, 60_000), settled('last', DAY.to)]
  const all = [...inside, settled('next', DAY.to + 1)]
  const missing = { payments: 13n, cents: 13_000n }

  const emptied = await compare({ pit: all, processor: [] })
  t.match(emptied.told, [{ emptied: { side: 'processor', before: undefined, missing } }])
  t.strictSame([emptied.findings, emptied.pit.payments], [1, 13n])

  const purged = await compare({ pit: [], processor: recordedAs(all) })
  t.match(purged.told, [{ emptied: { side: 'pit', before: undefined, missing } }])
  t.strictSame([purged.findings, purged.recorded.payments], [1, 13n])
})

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
  const few = [...many(14, 1), settled('far', START + HOUR_MS)]
  const asked = await compare({ pit: few, processor: [] }, { lookUps: 'whereSumsDiffer' })
  t.equal(new Set(asked.asked).size, 15, 'each of a few')
  const wide = { from: START - 1_000 * HOUR_MS, to: DAY.to }
  const early = await compare({ pit, processor: [] }, { lookUps: 'whereSumsDiffer', span: wide })
  t.strictSame(early.asked, found.asked, 'however long before them the window begins')
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
  const ten = await compare({ pit: [], processor: gone.slice(0, 10) })
  t.strictSame(wordsOf(ten.told), ['emptied pit'], 'ten are enough')
  const close = recorded('close', START + 3 * HOUR_MS - 1)
  const upTo = await compare({ pit: [later], processor: [...gone, close, ...recordedAs([later])] })
  t.match(upTo.told, [{ emptied: { missing: { payments: 13n } } }], 'up to its first one')
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
