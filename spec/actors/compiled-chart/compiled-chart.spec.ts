import t from 'tap'
import { createActor, initialTransition, transition } from 'xstate'
import type { AnyStateMachine } from 'xstate'
import { getShortestPaths, toDirectedGraph } from 'xstate/graph'
import { compileChart } from '../../../src/actors/compiled-chart/compiled-chart.ts'
import { COMPILED } from '../../support/compiled-charts.ts'
import { INTERPRETED } from '../../support/interpreted-charts.ts'
import { picture } from '../../support/picture.ts'
import { EVENTS, randomChart } from '../../support/random-chart.ts'
import { sameWalks } from '../../support/same-walks.ts'
import { seeded } from '../../support/seeded.ts'
import { stepChart } from '../../support/step-chart.ts'

t.test('random charts take the same steps compiled as interpreted', async (t) => {
  const seed = Date.now() % 1_000_000
  t.comment(`seed ${seed}`)
  const random = seeded(seed)
  const notes: unknown[] = []

  for (let made = 0; made < 200 && t.passing(); made += 1) {
    sameWalks(t, randomChart(random, notes), {
      events: EVENTS,
      input: (random) => ({ count: random.below(9) }),
      walks: 10,
      seed: seed + made,
      notes,
    })
  }
})

t.test('charts with rare parts take the same steps compiled as interpreted', async (t) => {
  for (const [name, { chart, ...how }] of Object.entries(COMPILED)) {
    t.comment(name)
    sameWalks(t, chart, { ...how, walks: 60 })
  }
})

t.test('a payment-like chart takes the same steps compiled as interpreted', async (t) => {
  sameWalks(t, stepChart, {
    events: [
      (random) => ({ type: 'payment.dispatched', at: random.below(1000) }),
      (random) => ({ type: 'charge.settled', tookMs: random.below(1000) }),
      { type: 'charge.refused', tookMs: 3 },
      { type: 'outcome.recorded' },
    ],
    input: (random) => ({ slot: random.below(10) }),
    walks: 1000,
  })
})

t.test('a machine that holds more than the compiled steps cover is left as it is', async (t) => {
  for (const [name, machine] of Object.entries(INTERPRETED)) {
    t.equal(compileChart(machine), machine, name)
  }
})

t.test('a compiled chart is run by createActor and tells its output', async (t) => {
  const actor = createActor(compileChart(stepChart), { input: { slot: 4 } }).start()
  actor.send({ type: 'payment.dispatched', at: 5 })
  actor.send({ type: 'charge.settled', tookMs: 9 })
  const settling = actor.getSnapshot()
  actor.send({ type: 'charge.settled', tookMs: 10 })

  t.equal(settling.value, 'settling')
  t.equal(actor.getSnapshot(), settling, 'an event without a transition changes nothing')

  actor.send({ type: 'outcome.recorded' })

  t.equal(actor.getSnapshot().status, 'done')
  t.same(actor.getSnapshot().output, { slot: 4 })
})

t.test('pure transitions of a compiled chart give the same snapshots and actions', async (t) => {
  const chart = COMPILED['childrenEnd']?.chart ?? stepChart
  const pure = (logic: AnyStateMachine): unknown => {
    const [first, opening] = initialTransition(logic)
    const [second, closing] = transition(logic, first, { type: 'end' })
    return picture([first.toJSON(), opening.length, second.toJSON(), closing.length])
  }

  t.same(pure(compileChart(chart)), pure(chart))
})

t.test('xstate/graph reads a compiled chart as it reads the machine', async (t) => {
  const compiled = compileChart(stepChart)
  const paths = (logic: typeof stepChart): unknown =>
    getShortestPaths(logic, {
      input: { slot: 1 },
      events: [
        { type: 'payment.dispatched', at: 1 },
        { type: 'charge.refused', tookMs: 1 },
        { type: 'outcome.recorded' },
      ],
    }).map(({ state, weight }) => [state.value, state.context, weight])

  t.same(paths(compiled), paths(stepChart))
  t.same(picture(toDirectedGraph(compiled), 9), picture(toDirectedGraph(stepChart), 9))
})

t.test('a compiled chart that is provided with implementations stays compiled', async (t) => {
  const compiled = compileChart(stepChart).provide({ guards: { hasAttemptsLeft: () => false } })
  const actor = createActor(compiled, { input: { slot: 1 } }).start()
  actor.send({ type: 'payment.dispatched', at: 1 })
  actor.send({ type: 'charge.refused', tookMs: 1 })

  t.not(compiled.transition, stepChart.transition)
  t.notOk(Object.hasOwn(compiled, 'config'), 'it stands on its machine')
  t.equal(actor.getSnapshot().value, 'failed')
})
