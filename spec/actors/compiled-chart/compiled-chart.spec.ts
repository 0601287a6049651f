// That a compiled chart does what XState's interpreter does with it. Each compiled chart of Pit is
// walked in its own spec.

import t from 'tap'
import { and, assign, createActor, createMachine, emit, fromPromise, raise } from 'xstate'
import type { AnyStateMachine } from 'xstate'
import { compileChart } from '../../../src/actors/compiled-chart/compiled-chart.ts'
import { EVENTS, randomChart, randomInput } from '../../support/random-chart.ts'
import { differingWalk, sameWalks } from '../../support/same-walks.ts'
import { seeded } from '../../support/seeded.ts'

const CHARTS = 200

t.test('random charts take the same steps compiled as interpreted', async (t) => {
  const seed = Date.now() % 1_000_000
  t.comment(`seed ${seed}`)
  const random = seeded(seed)

  for (let made = 0; made < CHARTS && t.passing(); made += 1) {
    const walks = { events: EVENTS, input: randomInput, walks: 10, seed: seed + made }
    sameWalks(t, randomChart(random), walks)
  }
})

const GO = { type: 'go' }

function chart(changes: object = {}): AnyStateMachine {
  const config = {
    id: 'chart',
    context: () => ({ count: 0 }),
    initial: 'a',
    states: {
      a: { tags: 'first', on: { go: [{ guard: 'isNew', actions: 'count' }, { target: 'b' }] } },
      b: { entry: ['note', 'count'], type: 'final' },
    },
    output: ({ context }: { context: unknown }) => context,
    ...changes,
  }
  return createMachine(config as never, IMPLEMENTATIONS as never) as AnyStateMachine
}

interface Args {
  readonly context: { readonly count: number }
}

const IMPLEMENTATIONS = {
  guards: {
    isNew: ({ context }: Args) => context.count === 0,
    isAll: and([() => true]),
  },
  actions: {
    note: () => undefined,
    count: assign(({ context }: Args) => ({ count: context.count + 1 })),
    countEach: assign({ count: ({ context }: Args) => context.count + 1 }),
    raise: raise(GO),
  },
}

/** The chart with another state `a`. */
function withA(a: object): object {
  return { states: { a, b: { entry: ['note', 'count'], type: 'final' } } }
}

const OTHERS: Readonly<Record<string, object>> = {
  tags: withA({ on: { go: [{ guard: 'isNew', actions: 'count' }, { target: 'b' }] } }),
  'order of transitions': withA({
    tags: 'first',
    on: { go: [{ target: 'b' }, { guard: 'isNew', actions: 'count' }] },
  }),
  'actions of a transition': withA({
    tags: 'first',
    on: { go: [{ guard: 'isNew', actions: ['count', 'note'] }, { target: 'b' }] },
  }),
  output: { output: () => ({ count: 2, more: true }) },
  context: { context: () => ({ count: 1 }) },
}

for (const [what, changes] of Object.entries(OTHERS)) {
  t.test(`walks notice a chart that differs in its ${what}`, async (t) => {
    const walks = { events: [GO], walks: 20, seed: 1 }

    t.equal(differingWalk(chart(), chart(), walks), undefined)
    t.ok(differingWalk(chart(), chart(changes), walks))
  })
}

/** What a chart may not hold, each with what is said of it. */
const REFUSED: readonly (readonly [said: string, changes: object])[] = [
  ['chart: entry', { entry: 'note' }],
  ['chart: exit', { exit: 'note' }],
  ['chart: always', { always: { target: '.b' } }],
  ['chart: tags', { tags: 'whole' }],
  ['chart: type', { type: 'parallel' }],
  ['chart: options', { options: { maxIterations: 9 } }],
  ['chart: context', { context: {} }],
  ['chart: initial', { initial: { target: 'a', actions: 'note' } }],
  ['chart: output', { output: 7 }],
  ['chart, state a: exit', withA({ exit: 'note' })],
  ['chart, state a: invoke', withA({ invoke: { src: fromPromise(async () => 1) } })],
  ['chart, state a: after', withA({ after: { 10: 'b' } })],
  ['chart, state a: onDone', withA({ onDone: 'b' })],
  ['chart, state a: meta', withA({ meta: {} })],
  ['chart, state a: initial', withA({ initial: 'c', states: { c: {} } })],
  ['chart, state a: type history', withA({ type: 'history' })],
  ['chart, state a: output', withA({ type: 'final', output: 7 })],
  ['chart, go of a: meta', withA({ on: { go: { target: 'b', meta: {} } } })],
  ['chart, go of a: reenter', withA({ on: { go: { target: 'b', reenter: true } } })],
  ['chart, go of a: a state that targets itself', withA({ on: { go: 'a' } })],
  ['chart, go of a: the root as a target', withA({ on: { go: '#chart' } })],
  ['chart, go of a: several targets', withA({ on: { go: { target: ['b', 'a'] } } })],
  ['chart, always of a: reenter', withA({ always: { target: 'b', reenter: true } })],
  ['chart, * of a: a wildcard', withA({ on: { '*': 'b' } })],
  ['chart, go.* of chart: a wildcard', { on: { 'go.*': '.b' } }],
  ['chart, go of a: a guard without a name', withA({ on: { go: { guard: () => true } } })],
  ['chart, go of a: a guard without a name', withA({ on: { go: { guard: { type: 'isNew' } } } })],
  ['chart: guard isAll', withA({ on: { go: { guard: 'isAll' } } })],
  ['chart: guard isAbsent', withA({ on: { go: { guard: 'isAbsent' } } })],
  ['chart: an action without a name', withA({ entry: () => undefined })],
  ['chart: params of note', withA({ entry: { type: 'note', params: () => 1 } })],
  ['chart: action count', withA({ entry: { type: 'count', params: 1 } })],
  ['chart: action absent', withA({ entry: 'absent' })],
  ['chart: action raise', withA({ entry: 'raise' })],
  ['chart: action xstate.emit', withA({ entry: emit(GO) })],
  ['chart: assign countEach', withA({ entry: 'countEach' })],
]

t.test('a chart that holds what is not compiled is refused by its name', async (t) => {
  compileChart(chart())
  for (const [said, changes] of REFUSED) {
    const whole = chart(changes)
    t.throws(() => compileChart(whole), { code: 'ERR_ASSERTION', message: startOf(said) }, said)
  }
})

t.test('an assign that spawns fails its actor, compiled charts have no children', async (t) => {
  const spawns = chart(withA({ entry: 'spawn' })).provide({
    actions: { spawn: assign(({ spawn }) => ({ child: spawn(fromPromise(async () => 1)) })) },
  })

  const actor = createActor(compileChart(spawns))

  t.match(actor.getSnapshot(), { status: 'error', error: TypeError })
})

t.test('a compiled chart takes no other implementations', async (t) => {
  t.throws(() => compileChart(chart()).provide({}), { code: 'ERR_ASSERTION' })
})

function startOf(said: string): RegExp {
  return new RegExp(`^${said.replace(/[.*]/g, String.raw`\$&`)}\\b`)
}
