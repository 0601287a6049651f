// The books on the console's page: rows are compared with totals hour after hour.

import t from 'tap'
import { LedgerUnavailable } from '../../src/actors/model/errors.ts'
import {
  createBooksComparison,
  type ComparedHour,
  type ComparedRows,
} from '../../src/console/compared-books.ts'

const HOUR_MS = 3_600_000
const NOW = 1_000 * HOUR_MS

/** Rows from hour 10 up to hour 15, with differences by hour. */
function watch(faults: Map<number, ComparedHour['differing']>) {
  let isDown = false
  const compare = createBooksComparison({
    from: 0,
    readOurs: async () => undefined,
    rows: {
      first: async () => 10 * HOUR_MS + 1_500,
      compare: async ({ from }) => {
        if (isDown) throw new LedgerUnavailable('differingBuckets', 'none')
        const hour = Math.floor(from / HOUR_MS)
        if (hour > 15) return undefined
        const none = { default: 0, fallback: 0 }
        return { to: (hour + 1) * HOUR_MS - 1, differing: faults.get(hour) ?? none }
      },
    },
  })
  return {
    read: async (): Promise<ComparedRows | undefined> => (await compare(NOW)).rows,
    setDown: (down: boolean) => {
      isDown = down
    },
  }
}

t.test('rows count as compared once all hours were, and a difference shows at once', async (t) => {
  const faults = new Map([[12, { default: 2, fallback: 1 }]])
  const { read } = watch(faults)
  const differing = { default: 2, fallback: 1 }
  const from = 10 * HOUR_MS + 1_000
  const hours = [13 * HOUR_MS - 1]

  t.strictSame(await read(), { differing, from, until: 14 * HOUR_MS, hours })
  t.strictSame(await read(), { differing, from, until: null, hours })
})

t.test('a difference shows until its hour was compared again without one', async (t) => {
  const faults = new Map<number, ComparedHour['differing']>()
  const { read } = watch(faults)
  const seen = async () => (await read())?.differing.default
  await read()
  await read()

  faults.set(15, { default: 1, fallback: 0 })
  t.strictSame([await seen(), await seen()], [0, 1])
  faults.delete(15)
  t.strictSame([await seen(), await seen()], [1, 0])
})

t.test('while the database does not answer, what is known of the rows stands', async (t) => {
  const { read, setDown } = watch(new Map([[10, { default: 1, fallback: 0 }]]))
  const before = await read()
  setDown(true)

  t.strictSame(await read(), before)
})
