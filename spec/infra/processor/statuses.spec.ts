import t from 'tap'
import type { ChargeAnswer } from '../../../src/actors/model/ports.ts'
import {
  kindOfStatus,
  OTHER_STATUSES,
  STATUS_ROWS,
  type StatusRow,
} from '../../../src/infra/processor/statuses.ts'
import { readText } from '../../support/sources.ts'

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}

/** Written down again, so that a row that moves is noticed. */
const EXPECTED: Readonly<Partial<Record<ChargeAnswer['kind'], readonly number[]>>> = {
  settled: [200],
  known: [422],
  denied: [400],
  failed: [500],
  refused: [
    ...range(300, 399),
    ...range(403, 407),
    ...range(413, 417),
    401,
    410,
    411,
    421,
    426,
    428,
    429,
    431,
    451,
    501,
    505,
    506,
    511,
  ],
}

t.test('each status from 100 to 599 says of the payment what its row says', async (t) => {
  for (let status = 100; status < 600; status += 1) {
    const [kind = 'inDoubt'] =
      Object.entries(EXPECTED).find(([, statuses]) => statuses.includes(status)) ?? []
    t.equal(kindOfStatus(status), kind, String(status))
  }
})

t.test('a status that nobody has heard of leaves a charge in doubt', async (t) => {
  for (const status of [0, 99, 600, 999]) t.equal(kindOfStatus(status), 'inDoubt')
})

t.test('no status stands in two rows', async (t) => {
  const all = STATUS_ROWS.flatMap(({ statuses }) =>
    statuses.flatMap((each) => {
      const [from, to] = typeof each === 'number' ? [each, each] : each
      return range(from, to)
    }),
  )

  t.equal(new Set(all).size, all.length)
})

t.test('docs/PROCESSORS.md shows the same table', async (t) => {
  const [, shown = ''] =
    /<!-- statuses -->\n(.*?)<!-- \/statuses -->/s.exec(readText('docs/PROCESSORS.md')) ?? []
  const cells = shown
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    )
  const others = { ...OTHER_STATUSES, statuses: [] }

  t.same(cells.slice(2), [...STATUS_ROWS, others].map(cellsOf))
})

function cellsOf({ statuses, kind, processor, why }: StatusRow): readonly string[] {
  const shown = statuses.map((each) => (typeof each === 'number' ? each : each.join('–')))
  return [shown.join(', ') || 'any other', kind, processor, why]
}
