import t from 'tap'
import type { Fact } from '../../../src/actors/model/facts.ts'
import type { ClaimedPayment } from '../../../src/actors/model/payment.ts'
import { LedgerClock } from '../../../src/actors/ownership/ledger-clock.ts'
import { claimedPayment } from '../../support/payment-samples.ts'

const WHOLE_MS = 21_000

/** By how much the ledger's clock is ahead of the monotonic one in these specs, ms. */
const LEAD_MS = 1_000_000

interface Measured {
  readonly clock: LedgerClock
  readonly facts: readonly Fact[]
  /** Measures once a second until that monotonic instant, ms. */
  watch(untilMs: number, leadMs?: number): void
  /** What remains of a deadline for which 9 s are left by the ledger's clock, when it is claimed. */
  remains(at: number, stored: { parkedAt: number | null; leadMs?: number }): number | undefined
}

function measured(): Measured {
  const facts: Fact[] = []
  const clock = new LedgerClock({ emit: (fact) => void facts.push(fact) })
  let at = 0
  const around = (instant: number) => ({ askedAt: instant - 1, answeredAt: instant + 1 })
  return {
    clock,
    facts,
    watch(untilMs, leadMs = LEAD_MS) {
      for (; at <= untilMs; at += 1000) clock.measure(at + leadMs, around(at))
    },
    remains(instant, { parkedAt, leadMs = LEAD_MS }) {
      const unknownOutcomes = [{ processor: 'default', requestedAt: 1, remainingMs: 9000 } as const]
      const claim = { unknownOutcomes, claimedAt: instant + leadMs, parkedAt }
      const [claimed] = judged(clock, [claimedPayment('a', claim)], around(instant))
      return claimed?.unknownOutcomes[0]?.remainingMs
    },
  }
}

function judged(
  clock: LedgerClock,
  claims: readonly ClaimedPayment[],
  period: { askedAt: number; answeredAt: number },
): readonly ClaimedPayment[] {
  return clock.judged(claims, { ...period, wholeMs: WHOLE_MS })
}

t.test('a deadline stored while the ledger’s clock was steady is believed', async (t) => {
  const { watch, remains, facts } = measured()
  watch(10_000)

  const remainingMs = remains(10_500, { parkedAt: 4000 + LEAD_MS }) ?? 0

  t.ok(remainingMs >= 9000 && remainingMs < 9100, `${remainingMs} ms, never less than stored`)
  t.same(facts, [])
})

t.test('a deadline stored before this instance watched the clock is waited out anew', async (t) => {
  const { watch, remains } = measured()
  watch(10_000)

  t.equal(remains(10_500, { parkedAt: LEAD_MS - 1 }), WHOLE_MS)
  t.equal(remains(10_500, { parkedAt: null }), WHOLE_MS, 'nobody noted when')
  const unwatched = measured()
  t.equal(unwatched.remains(500, { parkedAt: 400 + LEAD_MS }), WHOLE_MS)
})

t.test('a deadline stored before a step is waited out anew, in both directions', async (t) => {
  for (const stepMs of [25_000, -300_000, 400]) {
    const { watch, remains, facts } = measured()
    watch(10_000)
    const leadMs = LEAD_MS + stepMs
    watch(12_000, leadMs)

    const before = remains(12_500, { parkedAt: 4000 + LEAD_MS, leadMs }) ?? 0
    t.ok(stepMs < 0 ? before >= 9000 : before === WHOLE_MS, `${stepMs}: ${before} ms`)
    const after = remains(12_600, { parkedAt: 12_100 + leadMs, leadMs }) ?? 0
    t.ok(after >= 9000 && after < 9200, 'what was stored since is believed')
    t.match(facts, [{ type: 'clock.stepped', clock: 'ledger' }])
  }
})

t.test('a step that a claim is the first to show is noticed by it', async (t) => {
  const { watch, remains, facts } = measured()
  watch(10_000)

  const leadMs = LEAD_MS + 30_000
  t.equal(remains(10_500, { parkedAt: 10_200 + LEAD_MS, leadMs }), WHOLE_MS)
  t.match(facts, [{ type: 'clock.stepped', clock: 'ledger' }])
})

t.test('what may have gone unnoticed is added to what is believed', async (t) => {
  const { clock, watch } = measured()
  watch(10_000)
  const unknownOutcomes = [{ processor: 'default', requestedAt: 1, remainingMs: 9000 } as const]
  const stored = { unknownOutcomes, parkedAt: 9000 + LEAD_MS, claimedAt: 10_500 + LEAD_MS }

  // Asked at 10,400, answered at 11,200: its clock may have been set forward by up to 100 ms.
  const slow = { askedAt: 10_400, answeredAt: 11_200 }
  const [claimed] = judged(clock, [claimedPayment('a', stored)], slow)

  const remainingMs = claimed?.unknownOutcomes[0]?.remainingMs ?? 0
  t.ok(remainingMs >= 9040 && remainingMs <= 9110, `${remainingMs} ms`)
})

t.test('a believed deadline is no longer than a whole one', async (t) => {
  const { clock, watch } = measured()
  watch(2000)
  const unknownOutcomes = [{ processor: 'default', requestedAt: 1, remainingMs: 300_000 } as const]
  const stored = { unknownOutcomes, parkedAt: 1000 + LEAD_MS, claimedAt: 2500 + LEAD_MS }

  const claims = [claimedPayment('a', stored), claimedPayment('b')]
  const [claimed, other] = judged(clock, claims, { askedAt: 2499, answeredAt: 2501 })

  t.equal(claimed?.unknownOutcomes[0]?.remainingMs, WHOLE_MS)
  t.equal(other, claims[1], 'what is not in doubt is as it was')
  t.same(judged(clock, [], { askedAt: 0, answeredAt: 0 }), [])
})

t.test('a clock that drifts by less than 5 % is steady', async (t) => {
  for (const rate of [1.04, 0.96]) {
    const { clock, facts } = measured()

    for (let at = 0; at < 600_000; at += 1000) {
      clock.measure(Math.round(LEAD_MS + at * rate), { askedAt: at - 1, answeredAt: at + 1 })
    }

    t.same(facts, [], `${rate}`)
  }
})

t.test('a step is what exceeds the rounding of instants to whole ms', async (t) => {
  const stepTo = (ledgerNow: number, at = 0): readonly unknown[] => {
    const { clock, facts } = measured()
    clock.measure(LEAD_MS, { askedAt: 0, answeredAt: 0 })
    clock.measure(LEAD_MS + ledgerNow, { askedAt: at, answeredAt: at })
    return facts.map((fact) => 'byMs' in fact && fact.byMs)
  }

  t.same(stepTo(1), [])
  t.same(stepTo(2), [1])
  t.same(stepTo(-1), [])
  t.same(stepTo(-2), [-1])
  t.same(stepTo(11, 0.4), [10], 'told in whole ms')
})

t.test(
  'a deadline stored at the first measurement is believed, with what that cannot tell',
  async (t) => {
    const { clock } = measured()
    const unknownOutcomes = [{ processor: 'default', requestedAt: 1, remainingMs: 9000 } as const]
    const stored = { unknownOutcomes, parkedAt: LEAD_MS, claimedAt: LEAD_MS }

    const [claimed] = judged(clock, [claimedPayment('a', stored)], { askedAt: 0, answeredAt: 0.5 })

    t.equal(claimed?.unknownOutcomes[0]?.remainingMs, 9002, '1.5 ms, rounded up')
  },
)

t.test(
  'a call that took long makes no deadline much longer, neither its own nor later ones',
  async (t) => {
    const { clock, watch, remains } = measured()
    watch(10_000)
    const unknownOutcomes = [{ processor: 'default', requestedAt: 1, remainingMs: 9000 } as const]
    const stored = { unknownOutcomes, parkedAt: 9000 + LEAD_MS, claimedAt: 10_800 + LEAD_MS }

    const slow = { askedAt: 10_400, answeredAt: 11_200 }
    const [claimed] = judged(clock, [claimedPayment('a', stored)], slow)

    for (const remainingMs of [
      claimed?.unknownOutcomes[0]?.remainingMs ?? 0,
      remains(11_300, { parkedAt: 9000 + LEAD_MS }) ?? 0,
    ]) {
      t.ok(remainingMs >= 9000 && remainingMs < 9100, `${remainingMs} ms`)
    }
  },
)
