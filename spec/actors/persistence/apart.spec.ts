// What becomes of a batch of which PostgreSQL refuses something.

import t from 'tap'
import { LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import { writeApart, writeOneByOne } from '../../../src/actors/persistence/apart.ts'
import { refusalBy } from '../../support/refusals.ts'

const LOST = new LedgerUnavailable('accept', 'unknown')

/** A ledger that refuses these items, each with its SQLSTATE, and notes what it was asked to write. */
function ledgerThatRefuses(sqlStates: Readonly<Record<string, string>>) {
  const asked: string[] = []
  return {
    asked,
    write(items: readonly string[]): Promise<string> {
      asked.push(items.join(''))
      const [sqlState] = items.flatMap((item) => sqlStates[item] ?? [])
      return sqlState === undefined
        ? Promise.resolve(`wrote ${items.join('')}`)
        : Promise.reject(refusalBy(sqlState))
    },
  }
}

t.test('a batch that nothing is refused of is written at once', async (t) => {
  const { write, asked } = ledgerThatRefuses({})

  t.strictSame(await writeApart(['a', 'b'], write), {
    written: [{ items: ['a', 'b'], value: 'wrote ab' }],
    refused: [],
  })
  t.same(asked, ['ab'])
})

t.test('of a batch that is refused each item is written alone, in its order', async (t) => {
  const { write, asked } = ledgerThatRefuses({ a: '22003', c: '22003' })

  t.match(await writeApart(['a', 'b', 'c', 'd'], write), {
    written: [
      { items: ['b'], value: 'wrote b' },
      { items: ['d'], value: 'wrote d' },
    ],
    refused: [{ item: 'a' }, { item: 'c', failure: { refusal: { sqlState: '22003' } } }],
  })
  t.same(asked, ['abcd', 'a', 'b', 'c', 'd'])
})

t.test('an item that is refused in a batch of its own is not written again', async (t) => {
  const { write, asked } = ledgerThatRefuses({ a: 'P0001' })

  t.match(await writeApart(['a'], write), { written: [], refused: [{ item: 'a' }] })
  t.same(asked, ['a'])
})

t.test('what is no refusal ends it, in the batch and at an item', async (t) => {
  let times = 0
  const lose = (): Promise<string> => {
    times += 1
    return Promise.reject(LOST)
  }
  await t.rejects(writeApart(['a', 'b'], lose), LOST)
  t.equal(times, 1, 'it may have been written')
  const { write, asked } = ledgerThatRefuses({ a: '22003' })

  const writing = writeApart(['a', 'b', 'c'], (items) =>
    items[0] === 'b' ? Promise.reject(LOST) : write(items),
  )

  await t.rejects(writing, LOST)
  t.same(asked, ['abc', 'a'])
})

t.test('eight refusals in a row, none for a value, refuse the statement', async (t) => {
  const seven = 'abcdefg'.split('')
  const sevenMore = 'hijklmn'.split('')
  const byTrigger = (items: readonly string[]) =>
    Object.fromEntries(items.map((item) => [item, 'P0001']))

  const few = ledgerThatRefuses(byTrigger(seven))
  t.equal((await writeOneByOne(seven, few.write)).refused.length, 7)
  const many = ledgerThatRefuses(byTrigger([...seven, 'h', 'i']))
  await t.rejects(writeOneByOne([...seven, 'h', 'i'], many.write), { message: /failed/ })
  t.equal(many.asked.length, 8)

  for (const between of ['-', '=']) {
    const apart = ledgerThatRefuses({ ...byTrigger([...seven, ...sevenMore]), '=': '23514' })
    const { refused } = await writeOneByOne([...seven, between, ...sevenMore], apart.write)
    t.equal(refused.length, between === '=' ? 15 : 14, 'what is written, or of a value, is between')
  }
})

t.test('two rows in a row that somebody holds are a table that is held', async (t) => {
  const held = { a: '55P03', b: '55P03' }

  const together = ledgerThatRefuses(held)
  await t.rejects(writeOneByOne(['a', 'b', 'c'], together.write), { message: /failed/ })
  t.same(together.asked, ['a', 'b'])
  const apart = ledgerThatRefuses(held)
  t.match(await writeOneByOne(['a', 'c', 'b'], apart.write), {
    written: [{ items: ['c'] }],
    refused: [{ item: 'a' }, { item: 'b' }],
  })
})
