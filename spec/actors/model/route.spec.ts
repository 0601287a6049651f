import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { ProcessorName } from '../../../src/actors/model/payment.ts'
import {
  cheaperOf,
  chooseRoute,
  letsThrough,
  otherThan,
  type RouteCircuit,
  type RouteQuestion,
  type RouteSettings,
} from '../../../src/actors/model/route.ts'
import { holdsAlways } from '../../support/property.ts'

const SETTINGS: RouteSettings = {
  fees: { default: 0.05, fallback: 0.15 },
  waitMaxMs: 50,
}

const SLOW_MS = 100

const UP: RouteCircuit = {
  state: 'closed',
  concurrencyLimit: 4,
  inFlight: 0,
  expectedMs: 10,
  isSilent: false,
  isTrialDue: false,
}
const OPEN: RouteCircuit = { ...UP, state: 'open', concurrencyLimit: 0 }
const FULL: RouteCircuit = { ...UP, inFlight: 4 }
const AT_BOUND: RouteCircuit = { ...UP, expectedMs: 100 }
const SLOW: RouteCircuit = { ...UP, expectedMs: 101 }
const SLOWER: RouteCircuit = { ...UP, expectedMs: 500 }
const NEARLY_AS_SLOW: RouteCircuit = { ...UP, expectedMs: 400 }
const LESS_SLOW: RouteCircuit = { ...UP, expectedMs: 399 }
const RETURNING: RouteCircuit = { ...UP, state: 'halfOpen', concurrencyLimit: 1 }
const RETURNED: RouteCircuit = { ...RETURNING, inFlight: 1 }

const SILENT: RouteCircuit = { ...UP, isSilent: true }
const SLOW_SILENT: RouteCircuit = { ...SLOW, isSilent: true }
const SLOWER_SILENT: RouteCircuit = { ...SLOWER, isSilent: true }
const OPEN_SILENT: RouteCircuit = { ...OPEN, isSilent: true }
const SILENT_FULL: RouteCircuit = { ...FULL, isSilent: true }
const SLOW_DUE: RouteCircuit = { ...SLOW, isTrialDue: true }
const SLOWER_DUE: RouteCircuit = { ...SLOWER, isTrialDue: true }
const SLOW_FULL: RouteCircuit = { ...FULL, expectedMs: 101 }

const NAMES = ['default', 'fallback'] as const

const YOUNG = 49
const OLD = 50

const WAITS = 'null: waitingForCheaper'

/** `default` (cheaper), `fallback`, age in ms, refused by; the answer as `to: reason`. */
const TABLE: readonly (readonly [
  string,
  RouteCircuit,
  RouteCircuit,
  number,
  readonly ProcessorName[],
  string,
])[] = [
  ['both up', UP, UP, YOUNG, [], 'default: cheaper'],
  ['both up, old', UP, UP, OLD, [], 'default: cheaper'],
  ['dearer open', UP, OPEN, YOUNG, [], 'default: cheaper'],
  ['cheaper half-open below its limit', RETURNING, UP, YOUNG, [], 'default: cheaper'],
  ['cheaper half-open and full', RETURNED, UP, OLD, [], 'fallback: cheaperBusy'],
  ['cheaper as slow as allowed', AT_BOUND, UP, YOUNG, [], 'default: cheaper'],
  ['cheaper slow', SLOW, UP, YOUNG, [], 'fallback: cheaperSlow'],
  ['cheaper slow, and a trial is due', SLOW_DUE, UP, YOUNG, [], 'default: cheaper'],
  [
    'cheaper slow, dearer slower, and a trial is due',
    SLOW,
    SLOWER_DUE,
    OLD,
    [],
    'fallback: cheaperSlow',
  ],
  ['both slow, and trials of both are due', SLOW_DUE, SLOWER_DUE, OLD, [], 'default: cheaper'],
  ['cheaper slow, dearer slower,', SLOW, SLOWER, OLD, [], 'default: cheaper'],
  ['both as slow', SLOW, SLOW, OLD, [], 'default: cheaper'],
  ['both slow, dearer hardly quicker', SLOWER, NEARLY_AS_SLOW, OLD, [], 'default: cheaper'],
  ['both slow, dearer quicker', SLOWER, LESS_SLOW, OLD, [], 'fallback: cheaperSlow'],
  ['cheaper hardly slower, dearer in time', SLOW, AT_BOUND, OLD, [], 'fallback: cheaperSlow'],
  ['cheaper slow, dearer open', SLOW, OPEN, OLD, [], 'default: cheaper'],
  ['cheaper slow, dearer full', SLOW, FULL, OLD, [], 'null: noneAvailable'],
  ['cheaper slow, dearer returned', SLOW, RETURNED, OLD, [], 'null: noneAvailable'],
  ['cheaper slow, dearer full and silent', SLOW, SILENT_FULL, OLD, [], 'default: cheaper'],
  ['cheaper slower, dearer slow and full', SLOWER, SLOW_FULL, OLD, [], 'default: cheaper'],
  ['cheaper slow, dearer full, refused', SLOW, FULL, OLD, ['fallback'], 'default: cheaper'],
  ['cheaper slow and silent', SLOW_SILENT, UP, YOUNG, [], 'fallback: cheaperSlow'],
  ['cheaper silent, young', SILENT, UP, YOUNG, [], 'null: waitingForCheaper'],
  ['cheaper silent, old', SILENT, UP, OLD, [], 'fallback: cheaperSlow'],
  ['cheaper silent, dearer as slow as allowed', SILENT, AT_BOUND, OLD, [], 'fallback: cheaperSlow'],
  ['cheaper silent, dearer slow', SILENT, SLOW, OLD, [], 'null: waitingForCheaper'],
  ['cheaper silent for as long as the dearer takes', SLOW_SILENT, SLOW, OLD, [], WAITS],
  ['cheaper silent for longer', SLOWER_SILENT, SLOW, YOUNG, [], 'fallback: cheaperSlow'],
  ['cheaper silent, dearer open', SILENT, OPEN, OLD, [], 'null: noneAvailable'],
  ['cheaper silent, dearer full', SILENT, FULL, OLD, [], 'null: noneAvailable'],
  ['cheaper silent, dearer silent', SILENT, SILENT, OLD, [], 'null: noneAvailable'],
  ['cheaper silent, dearer refused', SILENT, UP, OLD, ['fallback'], 'null: noneAvailable'],
  ['cheaper silent and open, young', OPEN_SILENT, UP, YOUNG, [], 'null: waitingForCheaper'],
  ['cheaper silent and open, old', OPEN_SILENT, SLOWER, OLD, [], 'fallback: cheaperOpen'],
  ['cheaper silent and refused, young', SLOW_SILENT, UP, YOUNG, ['default'], WAITS],
  ['cheaper silent and refused, old', SILENT, SLOW, OLD, ['default'], 'fallback: cheaperRefused'],
  ['dearer silent', UP, SILENT, OLD, [], 'default: cheaper'],
  ['cheaper slow, dearer refused', SLOW, UP, OLD, ['fallback'], 'default: cheaper'],
  ['cheaper open, young', OPEN, UP, YOUNG, [], 'null: waitingForCheaper'],
  ['cheaper open, old', OPEN, UP, OLD, [], 'fallback: cheaperOpen'],
  ['cheaper full, young', FULL, UP, YOUNG, [], 'null: waitingForCheaper'],
  ['cheaper full, old', FULL, UP, OLD, [], 'fallback: cheaperBusy'],
  ['cheaper refused, young', UP, UP, YOUNG, ['default'], 'null: waitingForCheaper'],
  ['cheaper refused, old', UP, UP, OLD, ['default'], 'fallback: cheaperRefused'],
  ['cheaper refused and open, old', OPEN, UP, OLD, ['default'], 'fallback: cheaperRefused'],
  ['both open', OPEN, OPEN, OLD, [], 'null: noneAvailable'],
  ['both full', FULL, FULL, OLD, [], 'null: noneAvailable'],
  ['both refused', UP, UP, OLD, ['default', 'fallback'], 'null: noneAvailable'],
  ['cheaper open, dearer refused', OPEN, UP, OLD, ['fallback'], 'null: noneAvailable'],
  ['cheaper open, dearer slow, old', OPEN, SLOWER, OLD, [], 'fallback: cheaperOpen'],
]

t.test('each case is routed as the table says', async (t) => {
  for (const [name, first, second, ageMs, refusedBy, expected] of TABLE) {
    const circuits = { default: first, fallback: second }
    const question = { circuits, ageMs, slowMs: SLOW_MS, refusedBy, deniedBy: null, lastAt: null }
    const { to, reason } = chooseRoute(question, SETTINGS)
    t.equal(`${to}: ${reason}`, expected, name)
  }
})

t.test(
  'a denied payment goes to the other processor at once, else back to its denier',
  async (t) => {
    const table = [
      ['both up', UP, UP, YOUNG, [], 'default', 'fallback: cheaperDenied'],
      ['both up', UP, UP, YOUNG, [], 'fallback', 'default: cheaper'],
      ['the other slow', UP, SLOWER, YOUNG, [], 'default', 'fallback: cheaperDenied'],
      ['the other open', UP, OPEN, YOUNG, [], 'default', 'default: cheaper'],
      ['the other open', OPEN, UP, YOUNG, [], 'fallback', 'fallback: cheaperOpen'],
      ['the other full', FULL, UP, YOUNG, [], 'fallback', 'fallback: cheaperBusy'],
      ['the other open, in one try', UP, OPEN, OLD, ['default'], 'default', 'null: noneAvailable'],
      ['the other refused', UP, UP, OLD, NAMES, 'default', 'null: noneAvailable'],
      ['both open', OPEN, OPEN, OLD, [], 'default', 'null: noneAvailable'],
    ] as const
    for (const [name, first, second, ageMs, refusedBy, deniedBy, expected] of table) {
      const question = {
        circuits: { default: first, fallback: second },
        ageMs,
        slowMs: SLOW_MS,
        refusedBy,
        deniedBy,
        lastAt: deniedBy,
      }
      const { to, reason } = chooseRoute(question, SETTINGS)
      t.equal(`${to}: ${reason}`, expected, `${name}, denied by ${deniedBy}`)
    }
  },
)

t.test('a denied payment comes back to its denier once the other one has failed', async (t) => {
  const table = [
    ['both up', UP, UP, 'default', 'fallback', 'default: cheaper'],
    ['both up', UP, UP, 'fallback', 'default', 'fallback: cheaperRefused'],
    ['the denier open', OPEN, UP, 'default', 'fallback', 'fallback: cheaperDenied'],
    ['the denier open', UP, OPEN, 'fallback', 'default', 'default: cheaper'],
  ] as const
  for (const [name, first, second, deniedBy, lastAt, expected] of table) {
    const circuits = { default: first, fallback: second }
    const question = { circuits, ageMs: YOUNG, slowMs: SLOW_MS, refusedBy: [], deniedBy, lastAt }
    const { to, reason } = chooseRoute(question, SETTINGS)
    t.equal(`${to}: ${reason}`, expected, `${name}, denied by ${deniedBy}`)
  }
})

t.test('which one is cheaper is a matter of the fees, not of the names', async (t) => {
  const swapped = { default: 0.15, fallback: 0.05 }
  const circuits = { default: UP, fallback: UP }
  const question = {
    circuits,
    ageMs: 0,
    slowMs: SLOW_MS,
    refusedBy: [],
    deniedBy: null,
    lastAt: null,
  }

  t.equal(cheaperOf(SETTINGS.fees), 'default')
  t.equal(cheaperOf(swapped), 'fallback')
  t.equal(cheaperOf({ default: 0.05, fallback: 0.05 }), 'default')
  t.equal(chooseRoute(question, { ...SETTINGS, fees: swapped }).to, 'fallback')
})

const anyCircuit: fc.Arbitrary<RouteCircuit> = fc.record({
  state: fc.constantFrom('closed', 'open', 'halfOpen'),
  concurrencyLimit: fc.nat({ max: 4 }),
  inFlight: fc.nat({ max: 4 }),
  expectedMs: fc.nat({ max: 200 }),
  isSilent: fc.boolean(),
  isTrialDue: fc.boolean(),
})
const anyQuestion: fc.Arbitrary<RouteQuestion> = fc.record({
  circuits: fc.record({ default: anyCircuit, fallback: anyCircuit }),
  ageMs: fc.nat({ max: 100 }),
  slowMs: fc.nat({ max: 200 }),
  refusedBy: fc.subarray([...NAMES]),
  deniedBy: fc.constant(null),
  lastAt: fc.constantFrom(null, ...NAMES),
})
const fee = fc.double({ min: 0, max: 1, noNaN: true })
const anySettings: fc.Arbitrary<RouteSettings> = fc.record({
  fees: fc.record({ default: fee, fallback: fee }),
  waitMaxMs: fc.nat({ max: 100 }),
})

/** Holds for every question and settings; `usable` tells who could take the payment now. */
function always(
  t: Test,
  holds: (
    question: RouteQuestion,
    settings: RouteSettings,
    usable: readonly ProcessorName[],
  ) => boolean,
): void {
  holdsAlways(
    t,
    fc.property(anyQuestion, anySettings, (question, settings) =>
      holds(question, settings, usableIn(question)),
    ),
    { numRuns: 2000 },
  )
}

function usableIn({ circuits, refusedBy }: RouteQuestion): readonly ProcessorName[] {
  return NAMES.filter((name) => {
    const { state, concurrencyLimit, inFlight, isSilent } = circuits[name]
    const isAsked = !isSilent && !refusedBy.includes(name)
    return isAsked && state !== 'open' && inFlight < concurrencyLimit
  })
}

t.test('a chosen processor is up, below its limit and has not refused', async (t) => {
  always(t, (question, settings, usable) => {
    const { to } = chooseRoute(question, settings)
    return to === null || usable.includes(to)
  })
})

t.test('a payment waits only for what is not there, or better than what is', async (t) => {
  always(t, (question, settings, usable) => {
    const { to, reason } = chooseRoute(question, settings)
    const cheaper = cheaperOf(settings.fees)
    const { expectedMs, isSilent } = question.circuits[cheaper]
    if (usable.length === 0) return to === null && reason === 'noneAvailable'
    const waits = question.ageMs < settings.waitMaxMs
    if (!usable.includes(cheaper)) {
      if (!isSilent) return waits ? to === null && reason === 'waitingForCheaper' : to !== null
      const dearer = question.circuits[otherThan(cheaper)]
      const isWorse = dearer.expectedMs > question.slowMs && dearer.expectedMs >= expectedMs
      return to !== null || (reason === 'waitingForCheaper' && (waits || isWorse))
    }
    if (to !== null) return true
    return expectedMs > question.slowMs && usable.length === 1
  })
})

t.test('the cheaper one is chosen when it is usable and in time', async (t) => {
  always(t, (question, settings, usable) => {
    const cheaper = cheaperOf(settings.fees)
    const { expectedMs } = question.circuits[cheaper]
    if (!usable.includes(cheaper) || expectedMs > question.slowMs) return true
    return chooseRoute(question, settings).to === cheaper
  })
})

t.test('where only the cheaper one can be had, nothing keeps a payment from it', async (t) => {
  always(t, (question, settings, usable) => {
    const cheaper = cheaperOf(settings.fees)
    const other = question.circuits[otherThan(cheaper)]
    if (usable.length !== 1 || !usable.includes(cheaper) || other.state !== 'open') return true
    return chooseRoute(question, settings).to === cheaper
  })
})

t.test(
  'the dearer one is never chosen over a usable cheaper one that answers no later',
  async (t) => {
    always(t, (question, settings, usable) => {
      const { to } = chooseRoute(question, settings)
      const cheaper = cheaperOf(settings.fees)
      if (to === null || to === cheaper || !usable.includes(cheaper)) return true
      const { expectedMs, isTrialDue } = question.circuits[to]
      return isTrialDue || expectedMs < question.circuits[cheaper].expectedMs
    })
  },
)

t.test('age only ends the wait for the cheaper one: it changes no other answer', async (t) => {
  always(t, (question, settings, usable) => {
    const now = chooseRoute(question, settings)
    const later = chooseRoute({ ...question, ageMs: question.ageMs + 30 }, settings)
    const isSame = later.to === now.to && later.reason === now.reason
    if (now.reason !== 'waitingForCheaper') return isSame
    return isSame || (later.to !== null && usable.includes(later.to))
  })
})

t.test('the reason tells the route', async (t) => {
  always(t, (question, settings) => {
    const { to, reason } = chooseRoute(question, settings)
    const cheaper = cheaperOf(settings.fees)
    if (reason === 'cheaper') return to === cheaper
    if (reason === 'waitingForCheaper' || reason === 'noneAvailable') return to === null
    return to !== null && to !== cheaper
  })
})

t.test('an open, full or silent circuit lets nothing through', async (t) => {
  t.same([UP, RETURNING].map(letsThrough), [true, true])
  for (const circuit of [OPEN, FULL, RETURNED, { ...UP, state: 'open' as const }, SILENT]) {
    t.equal(letsThrough(circuit), false)
  }
})
