// The actions and guards that random charts are made of; some break at a certain count.

import { and, assign, fromCallback, not } from 'xstate'
import type { AnyEventObject } from 'xstate'

export interface Context {
  readonly count: number
  /** Eventless steps left: each burns one, so that no chart goes round for ever. */
  readonly fuel: number
}

export interface Args {
  readonly context: Context
  readonly event: AnyEventObject & { by?: number }
}

export const IMPLEMENTATIONS = {
  actors: { child: fromCallback(() => undefined) },
  actions: {
    note: () => undefined,
    noteWith: () => undefined,
    count: assign(({ context }: { context: Context }) => ({ count: context.count + 1 })),
    add: assign({
      count: ({ context }: { context: Context }, params: { by: number }) =>
        context.count + params.by,
    }),
    burn: assign(({ context }: { context: Context }) => ({ fuel: context.fuel - 1 })),
    breakIfSix: ({ context }: Args) => failAt(context.count, 6, 'action'),
    breakAssign: assign(({ context }: { context: Context }) => {
      failAt(context.count, 8, 'assign')
      return {}
    }),
  },
  guards: {
    hasFuel: ({ context }: Args) => context.fuel > 0,
    isEven: ({ context }: Args) => context.count % 2 === 0,
    isBelow: ({ context }: Args, params: { limit: number }) => context.count < params.limit,
    isOddA: and([({ event }: Args) => event.type === 'a', not('isEven')]),
    breaksAtSeven: ({ context }: Args) => !failAt(context.count, 7, 'guard'),
  },
}

function failAt(count: number, at: number, what: string): boolean {
  if (count === at) throw new Error(`${what} of ${count}`)
  return false
}
