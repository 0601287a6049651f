import t from 'tap'
import { initialTransition } from 'xstate'
import { processorHealthMachine } from '../../../src/actors/circuit/processor-health.machine.ts'
import {
  announced,
  expectedMsOf,
  crossesRate,
  tripped,
  wasSentBefore,
  failsAgain,
  isFailingWith,
  weighed,
  type HealthContext,
} from '../../../src/actors/circuit/context.ts'
import {
  encouraged,
  fillsConcurrencyLimit,
  halfOpened,
  limitAt,
} from '../../../src/actors/circuit/limit.ts'
import { chooseRoute } from '../../../src/actors/model/route.ts'
import { SETTINGS } from '../../support/circuit-settings.ts'

interface Ended {
  readonly failed: boolean
  readonly tookMs: number
}

/** What a circuit knows after attempts that ended like this. */
function circuitAfter(processor: 'default' | 'fallback', ends: readonly Ended[]): HealthContext {
  const input = { processor, settings: SETTINGS, now: 0 }
  const [{ context }] = initialTransition(processorHealthMachine, input)
  return ends.reduce<HealthContext>((known, { failed, tookMs }) => {
    const event = { type: 'attempt.reported', failed, detail: 'said', tookMs, at: 1 } as const
    return { ...known, ...weighed({ context: known, event }) }
  }, context)
}

function times(count: number, end: Ended): readonly Ended[] {
  return Array.from({ length: count }, () => end)
}

const SLOW = times(30, { failed: false, tookMs: 200 })
const QUICK_FAILURES = times(30, { failed: true, tookMs: 1 })
const TIMEOUTS = times(30, { failed: true, tookMs: 800 })

t.test('quick failures do not make a slow processor look fast', async (t) => {
  const before = circuitAfter('default', SLOW)
  const after = circuitAfter('default', [...SLOW, ...QUICK_FAILURES])
  const closed = {
    state: 'closed',
    concurrencyLimit: 8,
    inFlight: 0,
    isSilent: false,
    isTrialDue: false,
  } as const
  const circuit = (context: HealthContext) => ({ ...closed, expectedMs: expectedMsOf(context) })
  const fallback = circuit(circuitAfter('fallback', times(30, { failed: false, tookMs: 5 })))
  const circuits = { default: circuit(after), fallback }
  const question = { circuits, ageMs: 0, slowMs: 100, refusedBy: [], deniedBy: null, lastAt: null }
  const fees = { default: 0.05, fallback: 0.15 }

  t.equal(after.measuredMs, before.measuredMs)
  t.match(chooseRoute(question, { fees, waitMaxMs: 0 }), { to: 'fallback' })
})

t.test('timeouts make a processor look as slow as they took', async (t) => {
  const { measuredMs } = circuitAfter('default', [...SLOW, ...TIMEOUTS])

  t.ok(measuredMs > 790 && measuredMs <= 800, `${measuredMs} ms`)
})

t.test('no timeout counts for more than the time that it took', async (t) => {
  const [one] = TIMEOUTS
  const slow = circuitAfter('default', [{ failed: true, tookMs: 0 }, ...(one ? [one] : [])])
  const settings = { ...slow.settings, failureRate: 0.25 }
  const event = {
    type: 'attempt.reported',
    failed: true,
    detail: 'said',
    tookMs: 800,
    at: 2,
  } as const
  const known = { ...slow, settings, measuredMs: 0 }

  const { measuredMs } = weighed({ context: known, event })
  const good = weighed({ context: known, event: { ...event, failed: false } })

  t.equal(measuredMs, good.measuredMs)
})

t.test(
  'one charge of a hundred that got lost does not make a quick processor look slow',
  async (t) => {
    const quick = times(99, { failed: false, tookMs: 5 })
    const lost = { failed: true, tookMs: 8000 }

    const { measuredMs } = circuitAfter('default', [...quick, lost])
    t.ok(measuredMs > 5 && measuredMs < 50, `${measuredMs} ms`)
    const known = circuitAfter('default', [...quick, ...times(99, lost)])
    t.ok(known.measuredMs > 7000, 'once half of them are, it is as slow as they took')
  },
)

t.test('charges that are out count as failures would once they are overdue', async (t) => {
  const settled = { failed: false, tookMs: 5 }
  for (const [ends, overdue, isFailing] of [
    [[], 0, false],
    [[], SETTINGS.callsMin - 1, false],
    [[], SETTINGS.callsMin, true],
    [times(4, settled), 3, false],
    [times(4, settled), 4, true],
    [[...times(4, settled), { failed: true, tookMs: 5 }], 3, true],
    [times(9, { failed: true, tookMs: 5 }), 0, false],
  ] as const) {
    const known = circuitAfter('default', ends)
    t.equal(isFailingWith(known, overdue), isFailing, `${overdue} beside ${ends.length}`)
  }
})

t.test(
  'a half-open circuit fails by its first attempt, later by the rate of a closed one',
  async (t) => {
    const good = { failed: false, tookMs: 5 }
    const bad = { failed: true, tookMs: 5 }
    const said = { type: 'attempt.reported', detail: 'said', at: 2 } as const
    for (const [ends, end, fails] of [
      [[], bad, true],
      [[], good, false],
      [[bad], bad, true],
      [[good], bad, false],
      [[good, good], bad, false],
      [[good, bad], bad, false],
      [[good, good, bad], bad, true],
      [[good, good, good], bad, false],
      [[bad, bad, bad], good, false],
    ] as const) {
      const step = { context: circuitAfter('default', ends), event: { ...said, ...end } }
      t.equal(failsAgain(step), fails, `after ${ends.length}`)
    }
  },
)

t.test('failures that are quicker than what is ahead of them do not open a circuit', async (t) => {
  const order = { isPast: false, overtakenBy: 0, among: 9 }
  const said = { type: 'attempt.reported', detail: 'said', at: 2, failed: true, tookMs: 5 } as const
  const bad = { failed: true, tookMs: 5 }
  const good = { failed: false, tookMs: 5 }
  for (const [ends, ahead, opens, fails] of [
    [[], 1, false, false],
    [times(3, bad), 0, true, true],
    [times(3, bad), 1, true, true],
    [[good, good, ...times(2, bad)], 1, true, true],
    [[good, good, ...times(2, bad)], 2, false, false],
    [[...times(20, good), ...times(4, bad)], 1, true, true],
    [[...times(20, good), ...times(4, bad)], 2, false, false],
  ] as const) {
    const event = { ...said, order: { ...order, ahead } }
    const step = { context: circuitAfter('default', ends), event }
    t.equal(crossesRate(step), opens, `${ahead} ahead, after ${ends.length}`)
    t.equal(failsAgain(step), fails, `half-open, ${ahead} ahead, after ${ends.length}`)
  }
})

t.test('quick answers make a processor look fast again', async (t) => {
  const { measuredMs } = circuitAfter('default', [
    ...SLOW,
    ...times(30, { failed: false, tookMs: 5 }),
  ])

  t.ok(measuredMs >= 5 && measuredMs < 6, `${measuredMs} ms`)
})

t.test('a processor is expected to take as long as it says, however quick it was', async (t) => {
  const quick = circuitAfter('default', times(30, { failed: false, tookMs: 5 }))
  const event = { type: 'probe.answered', failing: false, minResponseMs: 150, at: 2 } as const

  const said = { ...quick, ...announced({ context: quick, event }) }
  t.equal(expectedMsOf(said), 150)

  const attempt = {
    type: 'attempt.reported',
    failed: false,
    detail: 'said',
    tookMs: 5,
    at: 3,
  } as const
  const later = { ...said, ...weighed({ context: said, event: attempt }) }
  t.ok(later.measuredMs < 150, `${later.measuredMs} ms`)
  t.equal(expectedMsOf(later), 150)
})

t.test('a circuit that opens says why', async (t) => {
  const context = circuitAfter('default', [{ failed: true, tookMs: 5 }])
  const attempt = {
    type: 'attempt.reported',
    failed: true,
    detail: 'said',
    tookMs: 5,
    at: 3,
  } as const
  const probe = { type: 'probe.answered', failing: true, minResponseMs: 0, at: 3 } as const

  t.match(tripped({ context, event: attempt }), { cause: 'attempts fail: said (1)' })
  t.match(tripped({ context, event: probe }), { cause: 'probe says failing' })
  t.match(tripped({ context, event: { type: 'opening.reported', at: 3 } }), {
    cause: 'open at another instance',
  })
})

t.test(
  'an attempt tells of the processor since its circuit was last open, from that moment on',
  async (t) => {
    const context = { ...circuitAfter('default', []), triedFrom: 100 }
    const sentAt = (at: number) =>
      ({ type: 'attempt.reported', failed: true, detail: 'said', tookMs: 30, at: at + 30 }) as const

    t.equal(wasSentBefore({ context, event: sentAt(99) }), true)
    t.equal(wasSentBefore({ context, event: sentAt(100) }), false)
  },
)

t.test('a circuit becomes half-open for a reason, with one charge', async (t) => {
  const context = circuitAfter('default', [])
  const up = { type: 'probe.answered', failing: false, minResponseMs: 150, at: 7 } as const

  const byProbe = halfOpened({ context, event: up })
  const byTime = halfOpened({ context, event: { type: 'cooldown.elapsed', opening: 1, at: 9 } })

  t.match(byProbe, { cause: 'probe says up', ramp: { from: 7, responseMs: 150 }, since: 7 })
  t.match(byTime, { cause: 'cooldown over', ramp: null, since: 9, concurrencyLimit: 1 })
})

t.test('a circuit becomes half-open as quick as it says, however long it failed', async (t) => {
  const announcement = { type: 'probe.answered', failing: false, minResponseMs: 7, at: 1 } as const
  const late = circuitAfter('default', TIMEOUTS)
  const context = { ...late, ...announced({ context: late, event: announcement }), measuredMs: 790 }
  const halfOpen = halfOpened({ context, event: { type: 'cooldown.elapsed', opening: 1, at: 9 } })

  t.equal(expectedMsOf(context), 790)
  t.equal(expectedMsOf({ ...context, ...halfOpen }), 7)
})

t.test('a half-open limit doubles with each answer, up to the closed one', async (t) => {
  const event = {
    type: 'attempt.reported',
    failed: false,
    detail: 'said',
    tookMs: 40,
    at: 5_000,
  } as const
  const { concurrency } = SETTINGS
  const at = (concurrencyLimit: number, ramp: HealthContext['ramp'] = null): HealthContext => ({
    ...circuitAfter('default', []),
    concurrencyLimit,
    ramp,
  })

  t.strictSame(encouraged({ context: at(1), event }), {
    ramp: { from: 5_000, responseMs: 40 },
    concurrencyLimit: 2,
    failedTrials: 0,
  })
  const begun = { from: 4_000, responseMs: 3_000 }
  const limit = limitAt('halfOpen', at(1, begun), 5_000)
  t.equal(limit, Math.floor(concurrency / 3), 'a third of its time has passed')
  t.strictSame(encouraged({ context: at(1, begun), event }), {
    ramp: begun,
    concurrencyLimit: Math.min(concurrency, 2 * limit),
    failedTrials: 0,
  })
  t.equal(encouraged({ context: at(concurrency), event }).concurrencyLimit, concurrency)
  t.equal(fillsConcurrencyLimit({ context: at(Math.ceil(concurrency / 2)), event }), true)
  t.equal(fillsConcurrencyLimit({ context: at(Math.ceil(concurrency / 2) - 1), event }), false)
  t.equal(limitAt('open', at(4), 5_000), 0)
  const quick = { from: 4_500, responseMs: 500 }
  t.equal(limitAt('halfOpen', at(1, quick), 5_000), concurrency / 2, 'a ramp takes a second')
})
