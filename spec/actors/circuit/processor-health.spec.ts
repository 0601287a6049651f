import t from 'tap'
import { createActor, initialTransition, SimulatedClock, transition } from 'xstate'
import type { SnapshotFrom } from 'xstate'
import { emptyWindow } from '../../../src/actors/circuit/window.ts'
import { processorHealthMachine } from '../../../src/actors/circuit/processor-health.machine.ts'
import {
  expectedMsOf,
  type HealthContext,
  type HealthEvent,
} from '../../../src/actors/circuit/context.ts'
import { limitAt } from '../../../src/actors/circuit/limit.ts'
import { sameWalks } from '../../support/same-walks.ts'
import { SETTINGS } from '../../support/circuit-settings.ts'

type Snapshot = SnapshotFrom<typeof processorHealthMachine>
type State = Snapshot['value']

/** Instant at which the circuit came into its state, in the tables below; monotonic, ms. */
const SINCE = 1000

const INPUT = { processor: 'default', settings: SETTINGS, now: SINCE } as const

/** Answered a millisecond after it was sent, unless told otherwise. */
function attempt(
  at: number,
  changes: { failed?: boolean; detail?: string; tookMs?: number } = {},
): HealthEvent {
  return { type: 'attempt.reported', failed: false, detail: 'said', tookMs: 1, at, ...changes }
}

function probe(
  at: number,
  changes: { failing?: boolean; minResponseMs?: number } = {},
): HealthEvent {
  return { type: 'probe.answered', failing: false, minResponseMs: 5, at, ...changes }
}

const OPENING_REPORTED: HealthEvent = { type: 'opening.reported', at: SINCE + 5 }

function hold(to: 'open' | 'closed' | null): HealthEvent {
  const held = to === null ? null : { to, cause: 'paused by ana: late' }
  return { type: 'hold.changed', held, at: SINCE + 20 }
}

function cooldown(opening: number): HealthEvent {
  return { type: 'cooldown.elapsed', opening, at: SINCE + 500 }
}

/** A circuit that came into its state at `SINCE`, at its second opening. */
function circuit(value: State, changes: Partial<HealthContext> = {}): Snapshot {
  const [{ context }] = initialTransition(processorHealthMachine, INPUT)
  const concurrencyLimit = value === 'halfOpen' ? 1 : SETTINGS.concurrency
  return processorHealthMachine.resolveState({
    value,
    context: { ...context, openings: 2, concurrencyLimit, ...changes },
  })
}

/** The state after the events, with the effects that the last one asked for. */
function after(from: Snapshot, ...events: readonly HealthEvent[]): [Snapshot, string] {
  let snapshot = from
  let effects = ''
  for (const event of events) {
    const [next, actions] = transition(processorHealthMachine, snapshot, event)
    snapshot = next
    effects = actions.map(({ type, params }) => [type, stateIn(params)].join(' ').trim()).join(', ')
  }
  return [snapshot, effects]
}

function stateIn(params: unknown): string {
  return typeof params === 'object' && params !== null && 'state' in params
    ? String(params.state)
    : ''
}

const HOLDS_OPEN = ['heldOpen', 'announceCircuit heldOpen'] as const
const HOLDS_CLOSED = ['heldClosed', 'announceCircuit heldClosed'] as const
const OPENS = ['open', 'startCooldown, announceCircuit open'] as const
const LETS_SOME = ['halfOpen', 'announceCircuit halfOpen'] as const
const CLOSES = ['closed', 'announceCircuit closed'] as const
const FAILURE = { failed: true }

/** What one event does to a circuit without evidence of its own. */
const TABLE: readonly (readonly [State, string, HealthEvent, readonly [State, string]])[] = [
  ['closed', 'good attempt', attempt(SINCE + 10), ['closed', '']],
  ['closed', 'lone failure', attempt(SINCE + 10, FAILURE), ['closed', '']],
  ['closed', 'probe that fails', probe(SINCE + 1, { failing: true }), OPENS],
  ['closed', 'probe from before', probe(SINCE, { failing: true }), ['closed', '']],
  ['closed', 'slow probe', probe(SINCE + 1, { minResponseMs: 5000 }), ['closed', '']],
  ['closed', 'cooldown over', cooldown(2), ['closed', '']],
  ['closed', 'opening elsewhere', OPENING_REPORTED, ['closed', '']],
  ['open', 'opening elsewhere', OPENING_REPORTED, ['open', '']],
  ['halfOpen', 'opening elsewhere', OPENING_REPORTED, ['halfOpen', '']],
  ['open', 'good attempt', attempt(SINCE + 10), ['open', '']],
  ['open', 'failure', attempt(SINCE + 10, FAILURE), ['open', '']],
  ['open', 'good probe', probe(SINCE + 1), LETS_SOME],
  ['open', 'good probe from before', probe(SINCE), ['open', '']],
  ['open', 'slow probe', probe(SINCE + 1, { minResponseMs: 5000 }), LETS_SOME],
  ['open', 'probe that fails', probe(SINCE + 1, { failing: true }), ['open', '']],
  ['open', 'its cooldown over', cooldown(2), LETS_SOME],
  ['open', 'an earlier cooldown over', cooldown(1), ['open', '']],
  ['halfOpen', 'good attempt', attempt(SINCE + 10), ['halfOpen', '']],
  ['halfOpen', 'failure', attempt(SINCE + 10, FAILURE), OPENS],
  ['halfOpen', 'slow attempt', attempt(SINCE + 5000, { tookMs: 5000 }), ['halfOpen', '']],
  ['halfOpen', 'failure sent before', attempt(SINCE, FAILURE), ['halfOpen', '']],
  ['halfOpen', 'good one sent before', attempt(SINCE), ['halfOpen', '']],
  ['halfOpen', 'probe that fails', probe(SINCE + 1, { failing: true }), OPENS],
  ['halfOpen', 'failing probe from before', probe(SINCE, { failing: true }), ['halfOpen', '']],
  ['halfOpen', 'good probe', probe(SINCE + 1), ['halfOpen', '']],
  ['halfOpen', 'cooldown over', cooldown(2), ['halfOpen', '']],
  ['closed', 'held open', hold('open'), HOLDS_OPEN],
  ['open', 'held closed', hold('closed'), HOLDS_CLOSED],
  ['halfOpen', 'held open', hold('open'), HOLDS_OPEN],
  ['closed', 'no longer held', hold(null), ['closed', '']],
  ['open', 'no longer held', hold(null), ['open', '']],
  ['halfOpen', 'no longer held', hold(null), ['halfOpen', '']],
  ['heldOpen', 'good attempt', attempt(SINCE + 10), ['heldOpen', '']],
  ['heldOpen', 'good probe', probe(SINCE + 1), ['heldOpen', '']],
  ['heldOpen', 'its cooldown over', cooldown(2), ['heldOpen', '']],
  ['heldOpen', 'held by another order', hold('open'), HOLDS_OPEN],
  ['heldOpen', 'held closed', hold('closed'), HOLDS_CLOSED],
  ['heldOpen', 'no longer held', hold(null), LETS_SOME],
  ['heldClosed', 'failure', attempt(SINCE + 10, FAILURE), ['heldClosed', '']],
  ['heldClosed', 'probe that fails', probe(SINCE + 1, { failing: true }), ['heldClosed', '']],
  ['heldClosed', 'opening elsewhere', OPENING_REPORTED, ['heldClosed', '']],
  ['heldClosed', 'held open', hold('open'), HOLDS_OPEN],
  ['heldClosed', 'no longer held', hold(null), CLOSES],
]

t.test('each event in each state does what its table says', async (t) => {
  for (const [value, name, event, [state, effects]] of TABLE) {
    const [next, asked] = after(circuit(value), event)
    t.same([next.value, asked], [state, effects], `${value}: ${name}`)
  }
  t.same(
    new Set(TABLE.map(([value]) => value)),
    new Set(Object.keys(processorHealthMachine.states)),
  )
})

t.test('a circuit starts closed and lets everything through', async (t) => {
  const [snapshot, actions] = initialTransition(processorHealthMachine, INPUT)

  t.equal(snapshot.value, 'closed')
  t.same(
    actions.map(({ type, params }) => [type, stateIn(params)]),
    [['announceCircuit', 'closed']],
  )
  t.equal(limitAt(snapshot.value, snapshot.context, SINCE), 8)
  t.equal(expectedMsOf(snapshot.context), 0)
  t.equal(snapshot.context.cause, 'start')
})

t.test('whatever follows from it, a circuit learns how long its processor takes', async (t) => {
  const slow = attempt(SINCE + 100, { tookMs: 50 })
  const slowFailure = attempt(SINCE + 100, { ...FAILURE, tookMs: 50 })
  const failures = Array.from({ length: SETTINGS.callsMin }, () => slowFailure)
  const states = Object.keys(processorHealthMachine.states) as State[]

  for (const value of states) {
    const [before] = after(circuit(value))
    for (const [name, events] of [
      ['good attempt', [slow]],
      ['failure', [slowFailure]],
      ['failures that open it', failures],
      ['answers that close it', [slow, slow, slow]],
    ] as const) {
      const [known] = after(before, ...events.slice(1))
      const learned = after(known, ...events.slice(0, 1))[0].context.measuredMs
      t.ok(learned > known.context.measuredMs, `${value}: ${name}`)
    }
    for (const failing of [true, false]) {
      for (const at of [SINCE - 1, SINCE + 1]) {
        const [said] = after(before, probe(at, { failing, minResponseMs: 70 }))
        t.equal(expectedMsOf(said.context), 70, `${value}: ${failing ? 'failing' : 'up'} at ${at}`)
      }
    }
  }
})

t.test('a circuit that is open elsewhere is open here, unless there is evidence', async (t) => {
  const [fresh] = initialTransition(processorHealthMachine, INPUT)

  const [opened, effects] = after(fresh, OPENING_REPORTED)
  t.same([opened.value, effects], [...OPENS])
  t.match(opened.context, { openings: 1, since: SINCE + 5, cause: 'open at another instance' })
  t.equal(after(opened, cooldown(1))[0].value, 'halfOpen', 'for one cooldown')
  t.equal(after(opened, probe(SINCE + 6))[0].value, 'halfOpen', 'or until it says it is up')

  const tried = after(fresh, attempt(SINCE + 1))[0]
  t.equal(after(tried, OPENING_REPORTED)[0].value, 'closed', 'what it saw itself counts for more')
})

t.test(
  'a circuit that failures open says how they failed, and not how earlier ones did',
  async (t) => {
    const failing = (ms: number, detail: string): HealthEvent =>
      attempt(SINCE + ms, { failed: true, detail })
    const began = ['http 404', 'timeout', 'http 404'].map((detail) => failing(10, detail))

    const [opened] = after(circuit('closed'), attempt(SINCE + 9), ...began)
    const [again] = after(opened, cooldown(3), failing(600, 'ECONNREFUSED'))

    t.match(opened, {
      value: 'open',
      context: { cause: 'attempts fail: http 404 (2), timeout (1)' },
    })
    t.match(again, { value: 'open', context: { cause: 'attempts fail: ECONNREFUSED (1)' } })
  },
)

t.test('a rate opens the circuit once there are enough attempts', async (t) => {
  const good = attempt(SINCE + 10)
  const bad = attempt(SINCE + 10, FAILURE)
  const slow = attempt(SINCE + 200, { tookMs: 200 })
  const opensAt = (...events: readonly HealthEvent[]): readonly State[] =>
    events.map((_, index) => after(circuit('closed'), ...events.slice(0, index + 1))[0].value)

  t.same(opensAt(bad, bad, bad, bad), ['closed', 'closed', 'closed', 'open'], 'too few before')
  t.same(opensAt(good, good, bad, bad).at(-1), 'open', 'half of them failed')
  t.same(opensAt(good, good, good, bad).at(-1), 'closed')
  t.same(opensAt(slow, slow, slow, slow).at(-1), 'closed', 'whoever answers late works')
  const later = attempt(SINCE + 1011)
  const long = opensAt(bad, bad, bad, later, later, attempt(SINCE + 1012, FAILURE), later)
  t.same(long.at(-1), 'closed', 'what was long ago is forgotten')
})

t.test('one failure of three keeps a half-open circuit as it is', async (t) => {
  const [before] = after(circuit('halfOpen'), attempt(SINCE + 10), attempt(SINCE + 11))
  const [later] = after(before, attempt(SINCE + 12, FAILURE))
  const { concurrencyLimit } = before.context

  t.match(later, { value: 'halfOpen', context: { concurrencyLimit } })
  t.equal(after(later, attempt(SINCE + 13, FAILURE))[0].value, 'open')
})

t.test('a half-open circuit doubles what it lets through until it is closed', async (t) => {
  let [snapshot] = after(circuit('open'), cooldown(2))
  const limits = [snapshot.context.concurrencyLimit]
  for (let at = SINCE + 510; snapshot.value === 'halfOpen'; at += 10) {
    ;[snapshot] = after(snapshot, attempt(at))
    limits.push(snapshot.context.concurrencyLimit)
  }

  t.same(limits, [1, 2, 4, 8])
  const last = after(circuit('halfOpen', { concurrencyLimit: 4 }), attempt(SINCE + 10))
  t.same([last[0].value, last[1]], CLOSES)
  const closed = snapshot.context
  t.same([closed.window, closed.since], [emptyWindow(SINCE + 530), SINCE + 530])
  t.equal(closed.cause, 'attempts succeed')
})

const SLOW_MS = 4000

/** What each half-open circuit lets through after so many ms, eight at most. */
function limitsAfter(snapshot: Snapshot, passed: readonly number[]): readonly number[] {
  return passed.map((ms) => limitAt(snapshot.value, snapshot.context, SINCE + ms))
}

t.test(
  'a half-open circuit whose processor announces long response times fills within one of them',
  async (t) => {
    const said = after(circuit('open'), probe(SINCE + 100, { minResponseMs: SLOW_MS }))[0]
    const later = after(circuit('halfOpen'), probe(SINCE + 100, { minResponseMs: SLOW_MS }))[0]

    for (const snapshot of [said, later]) {
      t.equal(snapshot.value, 'halfOpen')
      t.same(
        limitsAfter(snapshot, [100, 1099, 1100, 2100, 4099, 4100, 9000]),
        [1, 1, 2, 4, 7, 8, 8],
      )
    }
    const [answered] = after(said, attempt(SINCE + 4110, { tookMs: SLOW_MS }))
    t.equal(answered.value, 'closed', 'the first answer finds it filled')
    t.equal(after(later, attempt(SINCE + 2150, FAILURE))[0].value, 'open', 'a failure ends it')
  },
)

t.test('a slow good answer lets as many through in its time as a closed circuit', async (t) => {
  const [answered] = after(circuit('halfOpen'), attempt(SINCE + 4000, { tookMs: SLOW_MS }))

  t.same(limitsAfter(answered, [4000, 5500, 6000, 8000]), [2, 3, 4, 8])
})

t.test(
  'silence, and what a processor announced before it failed, let no more through',
  async (t) => {
    const old = circuit('open', { announcedMs: SLOW_MS, probedAt: SINCE - 10 })
    const [halfOpen] = after(old, cooldown(2))
    const [quick] = after(circuit('open'), probe(SINCE + 1, { minResponseMs: 0 }))
    const [stale] = after(circuit('halfOpen'), probe(SINCE - 5, { minResponseMs: SLOW_MS }))

    t.same(limitsAfter(halfOpen, [500, 9000]), [1, 1])
    t.same(limitsAfter(quick, [1, 9000]), [1, 1])
    t.same(limitsAfter(stale, [1, 9000]), [1, 1])
  },
)

t.test(
  'a cooldown doubles, up to its bound, each time half-open fails; closing resets it',
  async (t) => {
    const cooldowns: number[] = []
    let [snapshot] = after(circuit('closed', { openings: 0 }), probe(SINCE + 1, { failing: true }))
    for (let opening = 1; opening <= 4; opening += 1) {
      cooldowns.push(snapshot.context.cooldownMs)
      t.equal(snapshot.context.openings, opening)
      const failure = attempt(SINCE + 600, FAILURE)
      ;[snapshot] = after(snapshot, cooldown(opening), failure)
    }

    t.same(cooldowns, [50, 100, 180, 180])
    const events = [cooldown(5), ...[610, 620, 630].map((ms) => attempt(SINCE + ms))]
    const [closed] = after(snapshot, ...events)
    t.same([closed.value, closed.context.cooldownMs], ['closed', 50])
  },
)

t.test('an attempt sent before half-open does not open the circuit again', async (t) => {
  const stale = attempt(SINCE + 3, { failed: true, tookMs: 4 })
  const [snapshot] = after(circuit('halfOpen'), stale)

  t.equal(snapshot.value, 'halfOpen')
  t.equal(snapshot.context.concurrencyLimit, 1, 'nor does it let more through')
})

t.test(
  'an attempt is from before half-open by when it was sent, not by when it ended',
  async (t) => {
    const failure = (sentAt: number, endedAt: number): HealthEvent =>
      attempt(endedAt, { failed: true, tookMs: endedAt - sentAt })
    const stateAfter = (event: HealthEvent): State => after(circuit('halfOpen'), event)[0].value

    t.equal(
      stateAfter(failure(SINCE - 1, SINCE + 800)),
      'halfOpen',
      'sent before, ended long after',
    )
    t.equal(stateAfter(failure(SINCE, SINCE + 800)), 'open', 'sent at the moment of half-open')
  },
)

t.test('what to expect is the larger of the measured and the announced time', async (t) => {
  const expected = (snapshot: Snapshot): number => expectedMsOf(snapshot.context)
  const slow = after(circuit('closed'), attempt(SINCE + 60, { tookMs: 50 }))[0]
  const probed = after(slow, probe(SINCE + 70, { minResponseMs: 70 }))[0]
  const stale = after(probed, probe(SINCE + 70, { minResponseMs: 1 }))[0]

  t.equal(expected(slow), 10, 'a fifth of each new measurement counts')
  t.equal(expected(probed), 70)
  t.equal(expected(stale), 70, 'an announcement that is not newer is no news')
  t.equal(expected(after(probed, probe(SINCE + 80, { minResponseMs: 2 }))[0]), 2)
  t.equal(limitAt('open', probed.context, SINCE + 70), 0)
})

t.test('an open circuit becomes half-open when its cooldown is over', async (t) => {
  const clock = new SimulatedClock()
  const states: string[] = []
  const machine = processorHealthMachine.provide({
    actions: {
      startCooldown: ({ context: { openings: opening, cooldownMs }, self }) =>
        clock.setTimeout(() => self.send({ ...cooldown(opening), at: clock.now() }), cooldownMs),
      announceCircuit: (_, { state }) => states.push(state),
    },
  })
  const actor = createActor(machine, { input: { ...INPUT, now: 0 } }).start()

  clock.increment(10)
  actor.send(probe(clock.now(), { failing: true }))
  clock.increment(20)
  actor.send(probe(clock.now()))
  actor.send(attempt(clock.now() + 2, FAILURE))
  clock.increment(50)
  t.equal(actor.getSnapshot().value, 'open', 'the first cooldown ends without effect')
  clock.increment(50)

  t.same(states, ['closed', 'open', 'halfOpen', 'open', 'halfOpen'])
})

t.test('the circuit chart takes the same steps compiled as interpreted', async (t) => {
  const quiet = { startCooldown: () => undefined, announceCircuit: () => undefined }
  const machine = processorHealthMachine.provide({ actions: quiet })

  sameWalks(t, machine, {
    events: [
      (random) => attempt(SINCE + random.below(99), { failed: random.onceIn(2) }),
      (random) => attempt(SINCE + random.below(999), { tookMs: random.below(200) }),
      (random) => probe(SINCE + random.below(99), { failing: random.onceIn(2) }),
      (random) => probe(SINCE + random.below(9999), { minResponseMs: random.below(5000) }),
      (random) => cooldown(random.below(4)),
    ],
    input: () => ({ ...INPUT, settings: { ...SETTINGS, callsMin: 2 } }),
    walks: 250,
  })
})
