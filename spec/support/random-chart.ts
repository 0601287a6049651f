// Flat charts made at random from all that a compiled chart may hold. Some of their parts throw.

import { assign, createMachine } from 'xstate'
import type { AnyEventObject, AnyStateMachine } from 'xstate'
import type { Random } from './seeded.ts'

interface Context {
  readonly count: number
  /** Eventless steps left: each burns one, so that no chart goes round for ever. */
  readonly fuel: number
}

interface Args {
  readonly context: Context
  readonly event: AnyEventObject
}

const TYPES = ['a', 'b', 'c', 'xstate.error.actor.some']

export const EVENTS: readonly AnyEventObject[] = [
  ...TYPES.map((type, by) => ({ type, by, error: 'child' })),
  { type: 'not.named' },
]

/** Starting counts: contexts, outputs, guards and actions throw at some of the counts. */
export function randomInput(random: Random): { readonly count: number } {
  return { count: random.below(9) }
}

/** A machine of 2 to 5 states, of which `f` is final. */
export function randomChart(random: Random): AnyStateMachine {
  const keys = ['p', 'q', 'r', 's', 'f'].slice(random.below(4))
  const states = Object.fromEntries(keys.map((key) => [key, stateOf(key, keys, random)]))
  const config = {
    id: 'random',
    context: ({ input }: { input: { count: number } }) => {
      throwAt(input.count, 8, 'context')
      return { count: input.count, fuel: 20 }
    },
    initial: random.pick(keys),
    on: random.onceIn(2) ? onOf(random, keys, '.') : {},
    output: random.onceIn(2) ? outputOf : undefined,
    states,
  }
  return createMachine(config as never, IMPLEMENTATIONS as never) as AnyStateMachine
}

function stateOf(key: string, keys: readonly string[], random: Random): object {
  const others = keys.filter((other) => other !== key)
  const always = random.onceIn(3) ? alwaysOf(random, others) : undefined
  const tags = random.pick([undefined, `in-${key}`, ['busy', `in-${key}`]])
  const entry = random.pick<unknown>([undefined, 'note', actionsOf(random)])
  if (key === 'f') return { type: 'final', tags, entry }
  return { tags, entry, on: onOf(random, others, ''), always }
}

function onOf(random: Random, targets: readonly string[], dot: string): object {
  const types = TYPES.filter(() => random.below(3) > 0)
  return Object.fromEntries(
    types.map((type) => {
      const candidates = Array.from({ length: 1 + random.below(3) }, () => ({
        target: random.onceIn(3) ? undefined : dot + random.pick(targets),
        guard: random.onceIn(3) ? undefined : random.pick(GUARDS),
        actions: actionsOf(random),
      }))
      return [type, random.onceIn(2) ? candidates : candidates[0]]
    }),
  )
}

function alwaysOf(random: Random, targets: readonly string[]): object {
  return [
    {
      target: random.onceIn(3) ? undefined : random.pick(targets),
      guard: `${random.pick(GUARDS)} with fuel`,
      actions: ['burn', ...actionsOf(random)],
    },
    // It changes nothing, which ends the eventless steps.
    { guard: 'isEven', actions: random.onceIn(2) ? 'note' : [] },
  ]
}

function actionsOf(random: Random): readonly unknown[] {
  const choices = [
    'note',
    'count',
    'double',
    'reset',
    'breakIfSix',
    'breakAssign',
    { type: 'noteWith', params: { fixed: true } },
    { type: 'noteWith', params: 7 },
  ]
  return Array.from({ length: random.below(4) }, () => random.pick(choices))
}

function outputOf({ context, event }: Args): unknown {
  throwAt(context.count, 5, 'output')
  return { context, event }
}

const guards: Readonly<Record<string, (args: Args) => unknown>> = {
  isEven: ({ context }) => context.count % 2 === 0,
  isBelowFour: ({ context }) => context.count < 4,
  // Truthy and falsy, but no booleans.
  isNamedA: ({ event }) => (event.type === 'a' ? 'yes' : 0),
  breaksAtSeven: ({ context }) => {
    throwAt(context.count, 7, 'guard')
    return true
  },
  breaksWithoutError: ({ context }) => {
    if (context.count === 3) throw 'a word'
    return context.count > 1
  },
}

const GUARDS = Object.keys(guards)

const IMPLEMENTATIONS = {
  guards: {
    ...guards,
    ...Object.fromEntries(
      Object.entries(guards).map(([name, guard]) => [
        `${name} with fuel`,
        (args: Args) => args.context.fuel > 0 && guard(args),
      ]),
    ),
  },
  actions: {
    note: () => undefined,
    noteWith: () => undefined,
    count: assign(({ context }: { context: Context }) => ({ count: context.count + 1 })),
    double: assign(({ context, event }: Args) => ({
      count: (context.count * 2) % 9,
      last: event.type,
    })),
    reset: assign({ count: 1 }),
    burn: assign(({ context }: { context: Context }) => ({ fuel: context.fuel - 1 })),
    breakIfSix: ({ context }: Args) => throwAt(context.count, 6, 'action'),
    breakAssign: assign(({ context }: { context: Context }) => {
      throwAt(context.count, 8, 'assign')
      return {}
    }),
  },
}

function throwAt(count: number, at: number, what: string): void {
  if (count === at) throw new Error(`${what} of ${count}`)
}
