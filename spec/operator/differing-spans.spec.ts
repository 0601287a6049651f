import t from 'tap'
import { findDifferingSpans } from '../../src/operator/differing-spans.ts'
import type { Span } from '../../src/operator/pit-books.ts'

const MIDNIGHT = Date.parse('2026-03-01T00:00:00.000Z')

t.test('a difference is found to the millisecond in some forty comparisons', async (t) => {
  const wrong = [MIDNIGHT + 5, MIDNIGHT + 86_000_000]
  let asked = 0
  const compare = async ({ from, to }: { from: number; to: number }) => {
    asked += 1
    const inside = wrong.filter((instant) => instant >= from && instant <= to).length
    return { payments: BigInt(inside), cents: BigInt(inside * 100) }
  }
  const span = { from: MIDNIGHT, to: MIDNIGHT + 86_400_000 }

  const found = await findDifferingSpans(
    { span, difference: { payments: 2n, cents: 200n } },
    compare,
    { grainMs: 1, max: 100 },
  )

  t.strictSame(
    found.map(({ span }) => span.from),
    wrong,
  )
  t.ok(asked < 120, `${asked} comparisons`)
})

/** Spans in which books differ that have one payment more at each of these instants. */
async function differingIn(
  { from, to }: Span,
  more: readonly number[],
  { grainMs = 1, max = 100 } = {},
): Promise<readonly (readonly [from: number, to: number, payments: bigint])[]> {
  const compare = async (span: Span) => {
    const inside = more.filter((instant) => instant >= span.from && instant <= span.to).length
    return { payments: BigInt(inside), cents: 0n }
  }
  const whole = { span: { from, to }, difference: await compare({ from, to }) }
  const found = await findDifferingSpans(whole, compare, { grainMs, max })
  return found.map(({ span, difference }) => [span.from, span.to, difference.payments])
}

t.test('the earliest differences are found first, as many as are asked for', async (t) => {
  const window = { from: 0, to: 15 }
  const more = [9, 0, 8, 15, 8]
  const all = [
    [0, 0, 1n],
    [8, 8, 2n],
    [9, 9, 1n],
    [15, 15, 1n],
  ]

  t.strictSame(await differingIn(window, more), all)
  for (const max of [1, 2, 3]) {
    t.strictSame(await differingIn(window, more, { max }), all.slice(0, max))
  }
  t.strictSame(await differingIn({ from: 4, to: 4 }, [4]), [[4, 4, 1n]])
  const each = Array.from({ length: 11 }, (_, n) => n)
  t.strictSame(
    await differingIn({ from: 0, to: 10 }, each),
    each.map((n) => [n, n, 1n]),
  )
})

t.test(
  'what differs is as short as a grain, and the last span has what is left over',
  async (t) => {
    const grainMs = 4

    t.strictSame(await differingIn({ from: 0, to: 11 }, [3, 4], { grainMs }), [
      [0, 3, 1n],
      [4, 7, 1n],
    ])
    t.strictSame(await differingIn({ from: 0, to: 9 }, [9], { grainMs }), [[4, 9, 1n]])
    t.strictSame(await differingIn({ from: 0, to: 7 }, [7], { grainMs }), [[4, 7, 1n]])
    t.strictSame(await differingIn({ from: 0, to: 6 }, [0], { grainMs }), [[0, 6, 1n]])
  },
)

t.test('a span whose halves agree each is found as a whole', async (t) => {
  const whole = { span: { from: 0, to: 15 }, difference: { payments: 0n, cents: -3n } }
  const equal = async () => ({ payments: 0n, cents: 0n })

  t.strictSame(await findDifferingSpans(whole, equal, { grainMs: 1, max: 100 }), [whole])
})
