// Flat charts made at random from everything that a compiled chart covers.

import { and, assign, createMachine, not, or, stateIn } from 'xstate'
import type { AnyEventObject, AnyStateMachine } from 'xstate'
import { picture } from './picture.ts'
import { IMPLEMENTATIONS } from './random-words.ts'
import type { Args, Context } from './random-words.ts'
import type { Random } from './seeded.ts'

export const EVENTS: readonly AnyEventObject[] = [
  { type: 'a', by: 1 },
  { type: 'b', by: 2 },
  { type: 'c', by: 3 },
  { type: 'nobody.knows' },
  { type: 'xstate.init' },
  { type: 'xstate.error.actor.some', error: 'child' },
]

/** A machine of 2 to 5 states; `notes` gets what its inline actions see. */
export function randomChart(random: Random, notes: unknown[]): AnyStateMachine {
  const keys = ['p', 'q', 'r', 's', 'f'].slice(random.below(4))
  const states = Object.fromEntries(keys.map((key) => [key, stateOf(key, keys, random, notes)]))
  const factory = ({ input }: { input: { count: number } }) => ({ count: input.count, fuel: 20 })
  const initial = random.pick(keys)
  const config = {
    id: 'random',
    context: random.onceIn(2) ? factory : { count: 0, fuel: 20 },
    initial: random.onceIn(2) ? initial : { target: initial, actions: actionsOf(random, notes) },
    tags: random.onceIn(2) ? ['whole'] : [],
    ...ends(random, notes),
    on: random.onceIn(2) ? onOf(random, keys, notes, '.') : {},
    always: random.onceIn(6) ? eventless(random, keys, notes, '.') : [],
    output: outputOf(random, notes),
    states,
  }
  return createMachine(config as never, IMPLEMENTATIONS as never) as AnyStateMachine
}

function stateOf(key: string, keys: readonly string[], random: Random, notes: unknown[]): object {
  if (key === 'f') {
    return {
      type: 'final',
      tags: ['over'],
      ...ends(random, notes),
      output: outputOf(random, notes),
    }
  }
  return {
    tags: random.onceIn(2) ? [`in-${key}`] : [],
    meta: random.onceIn(3) ? { key } : undefined,
    ...ends(random, notes),
    on: onOf(random, keys, notes, ''),
    always: random.onceIn(4) ? eventless(random, keys, notes, '') : [],
  }
}

function ends(random: Random, notes: unknown[]): object {
  return {
    entry: random.onceIn(2) ? actionsOf(random, notes) : [],
    exit: random.onceIn(2) ? actionsOf(random, notes) : [],
  }
}

function outputOf(random: Random, notes: unknown[]): unknown {
  return random.pick([
    undefined,
    'fixed',
    ({ context, event }: Args) => {
      notes.push({ output: picture([context, event]) })
      return { context, event }
    },
  ])
}

function onOf(random: Random, keys: readonly string[], notes: unknown[], dot: string): object {
  const types = ['a', 'b', 'c', '*', 'xstate.error.actor.some'].filter(() => random.below(3) > 0)
  return Object.fromEntries(
    types.map((type) => {
      if (random.onceIn(10)) return [type, undefined]
      const candidates = Array.from({ length: 1 + random.below(3) }, () => ({
        target: random.onceIn(3) ? undefined : dot + random.pick(keys),
        // A root that re-enters is not compiled.
        reenter: dot === '' && random.onceIn(3),
        guard: random.onceIn(3) ? undefined : guardOf(random, notes),
        actions: actionsOf(random, notes),
      }))
      return [type, candidates]
    }),
  )
}

function eventless(random: Random, keys: readonly string[], notes: unknown[], dot: string): object {
  return [
    {
      target: random.onceIn(3) ? undefined : dot + random.pick(keys),
      guard: and(['hasFuel', guardOf(random, notes) as 'isEven']),
      actions: ['burn', ...actionsOf(random, notes)],
    },
    // It changes nothing, which ends the eventless steps.
    { guard: 'isEven', actions: random.onceIn(2) ? 'note' : [] },
  ]
}

function guardOf(random: Random, notes: unknown[]): unknown {
  return random.pick<unknown>([
    'isEven',
    'isOddA',
    { type: 'isEven' },
    { type: 'isBelow', params: { limit: 4 } },
    { type: 'isBelow', params: ({ event }: Args) => ({ limit: event.by ?? 0 }) },
    { type: 'isOddA', params: (args: Args) => notes.push({ params: picture(args) }) },
    not('isEven'),
    or(['isOddA', { type: 'isBelow', params: { limit: 3 } }] as never),
    stateIn('p'),
    'breaksAtSeven',
    function isLate({ context }: Args) {
      return context.count > 2
    },
  ])
}

function actionsOf(random: Random, notes: unknown[]): unknown[] {
  const noteInline = ({ context, event }: Args): void => {
    notes.push({ inline: picture([context, event]) })
  }
  const choices: unknown[] = [
    'note',
    'count',
    noteInline,
    ({ context }: Args): void => noteInline({ context, event: { type: 'anonymous' } }),
    { type: 'noteWith', params: { fixed: true } },
    { type: 'noteWith', params: ({ context }: Args) => ({ count: context.count }) },
    { type: 'add', params: { by: 2 } },
    { type: 'add', params: ({ event }: Args) => ({ by: event.by ?? 0 }) },
    assign({ count: 1 }),
    assign(({ context }: { context: Context }) => ({ count: context.count + 1 })),
    'notImplemented',
    { type: 'notImplemented', params: 1 },
    'breakIfSix',
    'breakAssign',
  ]
  if (random.onceIn(20)) choices.push(assign(({ spawn }) => ({ child: spawn('child' as never) })))
  return Array.from({ length: random.below(4) }, () => random.pick(choices))
}
