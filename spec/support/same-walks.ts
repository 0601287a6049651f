// Walks a machine twice, by XState's interpreter and compiled, and demands that nothing differs.

import { inspect, isDeepStrictEqual } from 'node:util'
import type { Test } from 'tap'
import type { AnyEventObject, AnyStateMachine } from 'xstate'
import { compileChart } from '../../src/actors/compiled-chart/compiled-chart.ts'
import { traceWalk } from './chart-trace.ts'
import type { Walk } from './chart-trace.ts'
import { picture } from './picture.ts'
import { seeded } from './seeded.ts'
import type { Random } from './seeded.ts'

export interface Walks {
  /** Events to choose from; a function makes one anew each time. */
  readonly events: readonly (AnyEventObject | ((random: Random) => AnyEventObject))[]
  /** Input of each actor. */
  readonly input?: (random: Random) => unknown
  readonly walks: number
  /** Printed with the result; give it to see a failure again. */
  readonly seed?: number
  /** What inline actions and guards of the machine write down, compared with the rest. */
  readonly notes?: unknown[]
}

const STEPS_MAX = 14

/**
 * Takes random walks in both and passes once, when all that can be seen is the same: snapshots,
 * `can`, `matches`, persisted and restored state, the order of actions and guards with the context
 * that each saw, errors, what the parent hears, subscribers and inspectors. Fails with the first
 * walk that differs. The machine has to be one that is compiled.
 */
export function sameWalks(t: Test, machine: AnyStateMachine, request: Walks): void {
  const seed = request.seed ?? Date.now() % 1_000_000
  const random = seeded(seed)
  const notes = request.notes ?? []
  const stock = noting(machine, notes)
  const compiled = compileChart(stock)
  if (compiled === stock) {
    t.fail(`${machine.id} is not compiled`)
    return
  }
  for (let walked = 0; walked < request.walks; walked += 1) {
    const walk = makeWalk(request, random)
    const difference = differenceOf(
      [stock, compiled].map((logic) => {
        notes.length = 0
        return [...traceWalk(logic, walk, notes)]
      }),
    )
    if (difference === undefined) continue
    t.fail(`${machine.id}: walk ${walked} of seed ${seed} differs`, { walk, difference })
    return
  }
  t.pass(`${machine.id}: ${request.walks} walks of seed ${seed} are the same`)
}

function makeWalk({ events, input }: Walks, random: Random): Walk {
  const draw = (): AnyEventObject => {
    const event = random.pick(events)
    return typeof event === 'function' ? event(random) : event
  }
  const steps = 1 + random.below(STEPS_MAX)
  return {
    input: input?.(random),
    events: Array.from({ length: steps }, draw),
    restoreAfter: random.onceIn(3) ? random.below(steps) : undefined,
    asked: events.map((event) => (typeof event === 'function' ? event(random) : event)),
  }
}

/** The machine with each plain action and guard noting what it is given before it does its work. */
function noting(machine: AnyStateMachine, notes: unknown[]): AnyStateMachine {
  const { actions, guards } = machine.implementations
  return machine.provide({
    actions: noteEach(actions as Implementations, notes),
    guards: noteEach(guards as Implementations, notes),
  })
}

type Implementation = (args: { context: unknown; event: unknown }, params: unknown) => unknown
type Implementations = Readonly<Record<string, Implementation>>

function noteEach(implementations: Implementations, notes: unknown[]): Implementations {
  const plain = Object.entries(implementations).filter(
    ([, each]) => typeof each === 'function' && !('resolve' in each) && !('check' in each),
  )
  return Object.fromEntries(
    plain.map(([name, each]): [string, Implementation] => [
      name,
      (args, params) => {
        notes.push([name, picture([args.context, args.event, params])])
        return each(args, params)
      },
    ]),
  )
}

function differenceOf(traces: readonly (readonly unknown[])[]): object | undefined {
  const [stock = [], compiled = []] = traces
  const length = Math.max(stock.length, compiled.length)
  for (let index = 0; index < length; index += 1) {
    if (!isDeepStrictEqual(stock[index], compiled[index])) {
      return { index, stock: show(stock[index]), compiled: show(compiled[index]) }
    }
  }
  return undefined
}

function show(value: unknown): string {
  return inspect(value, { depth: 12, breakLength: 100 })
}
