// The console's hook relies on XState's internals; this compares it with XState's own observers.

import t from 'tap'
import { assign, createActor, sendTo, setup, SimulatedClock, type InspectionEvent } from 'xstate'
import { compileChart } from '../../src/actors/compiled-chart/compiled-chart.ts'
import { type Inspection, hookInto, type HookedSystem } from '../../src/console/inspector-hook.ts'

const childMachine = setup({
  types: { context: {} as { told: number }, events: {} as { type: 'child.told' | 'child.ended' } },
  actions: { count: assign(({ context }) => ({ told: context.told + 1 })) },
}).createMachine({
  id: 'child',
  context: () => ({ told: 0 }),
  initial: 'living',
  states: {
    living: { on: { 'child.told': { actions: 'count' }, 'child.ended': { target: 'ended' } } },
    ended: { type: 'final' },
  },
})

const parentMachine = setup({
  types: { events: {} as { type: 'parent.woken' | 'parent.left' } },
  actors: { child: childMachine },
}).createMachine({
  id: 'parent',
  initial: 'resting',
  states: {
    resting: { on: { 'parent.woken': { target: 'working' } } },
    working: {
      invoke: { src: 'child', id: 'child', onDone: { target: 'waiting' } },
      entry: [sendTo('child', { type: 'child.told' }), sendTo('child', { type: 'child.ended' })],
    },
    waiting: { after: { 1000: { target: 'resting' } }, on: { 'parent.left': { target: 'left' } } },
    left: { type: 'final' },
  },
})

type Line = readonly [type: string, actor: unknown, said: unknown, result: unknown, from: unknown]

function lineOf(told: Inspection | InspectionEvent): Line {
  const { type, actorRef, event, snapshot, sourceRef } = told as Inspection &
    Readonly<Record<'event' | 'snapshot' | 'sourceRef', unknown>>
  return [type, actorRef, event, snapshot, sourceRef]
}

for (const [kind, child] of [
  ['XState runs', childMachine],
  ['is compiled', compileChart(childMachine)],
] as const) {
  t.test(
    `the hook gets the events that XState’s own observers get of a child that ${kind}`,
    async (t) => {
      const clock = new SimulatedClock()
      const root = createActor(parentMachine.provide({ actors: { child } }), { clock })
      const theirs: Line[] = []
      const ours: Line[] = []
      root.system.inspect((told) => void theirs.push(lineOf(told)))
      const system = root.system as unknown as HookedSystem
      const own = system._sendInspectionEvent
      const end = hookInto(system, (told) => void ours.push(lineOf(told)))

      root.start()
      root.send({ type: 'parent.woken' })
      clock.increment(1000)
      root.send({ type: 'parent.woken' })
      root.send({ type: 'parent.left' })

      const wanted = theirs.filter(([type]) => !/^@xstate\.(action|microstep)$/.test(type))
      t.ok(wanted.length > 25)
      t.same(
        [...new Set(wanted.map(([type]) => type))].toSorted(),
        ['@xstate.actor', '@xstate.event', '@xstate.snapshot'],
        'no other kind has come up',
      )
      t.equal(ours.length, wanted.length)
      const differing = ours.filter((line, index) => {
        return line.some((part, place) => part !== wanted[index]?.[place])
      })
      t.equal(differing.length, 0, 'the same actors, events and snapshots in the same order')

      end()
      t.equal(system._sendInspectionEvent, own, 'nothing of it is left')
    },
  )
}

t.test('a hook that was removed gets no more events', async (t) => {
  const root = createActor(parentMachine, { clock: new SimulatedClock() }).start()
  const heard: Inspection[] = []
  const end = hookInto(root.system as unknown as HookedSystem, (told) => void heard.push(told))
  end()

  root.send({ type: 'parent.woken' })

  t.same(heard, [])
})
