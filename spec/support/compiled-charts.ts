// Charts at the edge of what is compiled, with the way to walk each.

import { assign, createMachine, fromCallback } from 'xstate'
import type { AnyEventObject, AnyStateMachine } from 'xstate'
import type { Walks } from './same-walks.ts'

export type WalkedChart = Pick<Walks, 'events' | 'input'> & { readonly chart: AnyStateMachine }

const events: readonly AnyEventObject[] = [
  { type: 'go' },
  { type: 'end' },
  { type: 'nobody.knows' },
]
const children = {
  actors: {
    lasting: fromCallback(() => undefined),
    broken: fromCallback(() => {
      throw new Error('the child broke')
    }),
    finished: createMachine({ initial: 'over', states: { over: { type: 'final' } }, output: 7 }),
  },
}

const child = (name: string): unknown =>
  assign(({ spawn }) => ({ [name]: spawn(name as never, { id: name } as never) }))

/** Parts of charts that few have, each by the name of what it holds. */
export const COMPILED: Readonly<Record<string, WalkedChart>> = {
  noContext: walked({ initial: 'a', states: { a: { on: { go: 'b' } }, b: { on: { end: 'a' } } } }),
  finalAtOnce: walked({
    exit: 'unknown',
    initial: 'a',
    states: {
      a: { always: 'b', exit: 'left' },
      b: { type: 'final', entry: 'over', exit: 'gone', output: () => 'b' },
    },
    output: ({ event }: { event: unknown }) => event,
  }),
  contextThrows: walked({
    context: () => {
      throw new Error('no context')
    },
    initial: 'a',
    tags: 'whole',
    states: { a: { tags: 'first' } },
  }),
  outputThrows: walked({
    context: { count: 0 },
    initial: 'a',
    states: { a: { on: { end: 'b' } }, b: { type: 'final' } },
    output: () => {
      throw new Error('no output')
    },
  }),
  entryThrows: walked({
    context: ({ input }: { input: number }) => ({ count: input }),
    initial: 'a',
    states: {
      a: {
        entry: [
          assign(({ context }: { context: { count: number } }) => ({ count: context.count + 1 })),
          ({ context }: { context: { count: number } }) => {
            if (context.count > 1) throw new Error('late')
          },
          assign(({ context }: { context: { count: number } }) => {
            if (context.count === 1) throw new Error('early')
            return {}
          }),
        ],
        on: { go: { target: 'a', reenter: true } },
      },
    },
  }),
  throwsNoError: walked({
    initial: 'a',
    states: {
      a: {
        on: {
          go: {
            guard: () => {
              throw 'a word'
            },
          },
          end: {
            actions: () => {
              throw undefined
            },
          },
        },
      },
    },
  }),
  spawnedByContext: walked({
    context: ({ spawn }: { spawn: (name: string, options: object) => unknown }) => ({
      child: spawn('lasting', { id: 'first' }),
    }),
    initial: 'a',
    states: { a: { on: { go: 'b' } }, b: { on: { go: 'a', end: 'c' } }, c: { type: 'final' } },
  }),
  spawnedAndOver: walked({
    context: {},
    initial: 'a',
    states: {
      a: { on: { end: { target: 'b', actions: [child('lasting'), child('finished'), 'note'] } } },
      b: { entry: child('broken'), type: 'final' },
    },
  }),
  spawnedAndStill: walked({
    context: {},
    initial: 'a',
    states: { a: { always: { actions: 'note' }, on: { go: { actions: child('lasting') } } } },
  }),
  childrenEnd: walked({
    context: {},
    initial: 'a',
    states: {
      a: {
        on: {
          go: { actions: child('finished') },
          end: { target: 'b', actions: child('broken') },
          'xstate.done.actor.finished': { target: 'b', actions: 'note' },
        },
      },
      b: { on: { go: 'a' } },
    },
  }),
}

function walked(config: object): WalkedChart {
  const chart = createMachine(config as never, children as never) as AnyStateMachine
  return { chart, events, input: (random) => random.below(2) }
}
