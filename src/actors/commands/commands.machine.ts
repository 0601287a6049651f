// Obeys what operators have ordered: holds circuits, ends holds whose time is over, drains this
// instance, has payments handed back that are resolved, and says in the ledger what each command met
// here.

import assert from 'node:assert'
import { assign, fromPromise, setup } from 'xstate'
import { tell, type CommandsEvent, type Directory, type HandedBack } from '../messages.ts'
import { circuitReleased, type CircuitState, type HealthEvent } from '../circuit/context.ts'
import { causeOf, errorIn, isLedgerFailure, ledgerFailureOf } from '../model/errors.ts'
import type { CommandMet, Hold, Orders, PendingCommand } from '../model/operator.ts'
import type { ProcessorName } from '../model/payment.ts'
import type { SharedPorts } from '../model/ports.ts'

export interface CommandsInput {
  readonly ports: SharedPorts
  readonly health: Readonly<Record<ProcessorName, HeldActor>>
  readonly instanceId: string
  /** Called once what stands has been read and obeyed; again where this actor was restarted. */
  readonly onRead: () => void
}

/** A circuit, as far as it is held here. */
interface HeldActor {
  send(event: HealthEvent): void
  getSnapshot(): { readonly value: CircuitState }
}

interface CommandsContext extends CommandsInput {
  /** Id of the last command that was read; null before the first reading. */
  readonly last: number | null
  /** Names the history of PostgreSQL that has it: another may have given its id to another. */
  readonly epoch: number
  /** Commands up to this one were given before this process began. */
  readonly after: number
  /** As they were read last, but for those whose time was over at the last look at the clock. */
  readonly holds: readonly StandingHold[]
  /** Not answered when they were read last. */
  readonly pending: readonly PendingCommand[]
  /** What those of them met here that are no order to resolve a payment, by id. */
  readonly met: ReadonlyMap<number, CommandMet>
  /** Id of the command by which each circuit is held, null: by none; absent: it was told of none. */
  readonly obeyed: Readonly<Partial<Record<ProcessorName, number | null>>>
}

interface StandingHold extends Hold {
  /** Monotonic, ms; null: until a resume. */
  readonly endsAt: number | null
}

interface Reading {
  readonly orders: Orders
  readonly epoch: number
  /** Monotonic instant before which it was asked, ms. */
  readonly askedAt: number
}

/** Pause after the ledger failed, ms. */
const PAUSE_MS = 500

/** Pause after which orders to resolve a payment are looked at again that have not ended, ms. */
const RESOLVE_PAUSE_MS = 200

/** Longest time between two looks at the clock, ms: timers take no longer delays than 24 days. */
const CLOCK_MAX_MS = 3_600_000

/** Lets go of holds whose time is over, by this process's own clock: whatever the ledger does. */
const ENDING_HOLDS = {
  initial: 'timing',
  states: {
    timing: {
      after: {
        nextEnd: {
          target: 'timing',
          actions: ['dropElapsed', 'obey', 'noteObeyed'],
          reenter: true,
        },
      },
    },
  },
} as const

export const commandsMachine = setup({
  types: {
    context: {} as CommandsContext,
    input: {} as CommandsInput,
    events: {} as CommandsEvent,
  },
  actors: {
    readOrders: fromPromise<Reading, CommandsContext>(async ({ input }) => {
      const { ports, instanceId, after } = input
      const { epoch } = ports.history
      const askedAt = ports.clock.now()
      const orders = await ports.ledger.readOrders({ instanceId, after })
      return { orders, epoch, askedAt }
    }),
  },
  actions: {
    noteOrders: assign(({ context }, { orders, epoch, askedAt }: Reading) => {
      const { last, holds, pending } = orders
      return {
        last,
        epoch,
        met: epoch === context.epoch ? context.met : NONE_MET,
        after: context.last === null ? last : context.after,
        holds: holds.map((hold) => ({
          ...hold,
          endsAt: hold.endsInMs === null ? null : askedAt + hold.endsInMs,
        })),
        // What was there before is not for this process, which may have the id of an earlier one.
        pending: context.last === null ? [] : pending,
      }
    }),
    noteMet: assign(({ context }) => ({ met: metBy(context) })),
    answer: ({ context, self }) => {
      for (const command of context.pending) {
        const met = context.met.get(command.id)
        if (met !== undefined) answer(context, { command, met }, self.system)
      }
    },
    handBack: ({ context, self }) => {
      for (const command of context.pending) {
        if (command.kind === 'resolve') resolve(context, command, self.system)
      }
    },
    dropElapsed: assign(({ context: { holds, ports } }) => {
      const now = ports.clock.now()
      return { holds: holds.filter(({ endsAt }) => endsAt === null || endsAt > now) }
    }),
    obey: ({ context }) => obey(context),
    noteObeyed: assign(({ context }) => ({ obeyed: obeyedNow(context) })),
    tellRead: ({ context }) => context.onRead(),
    noteFailure: ({ context, event }) => {
      const cause = causeOf(event)
      context.ports.telemetry.emit({ type: 'ledger.failed', operation: 'readOrders', cause })
    },
  },
  guards: {
    isNews: ({ context, event }) => {
      const { ports, last, epoch } = context
      return event.last !== last || epoch !== ports.history.epoch
    },
    isLedgerFailure: (_, error: unknown) => isLedgerFailure(error),
    resolves: ({ context }) => context.pending.some(({ kind }) => kind === 'resolve'),
  },
  delays: {
    nextEnd: ({ context }) => {
      const now = context.ports.clock.now()
      const ends = context.holds.flatMap(({ endsAt }) => endsAt ?? [])
      return Math.max(0, Math.min(CLOCK_MAX_MS, ...ends.map((end) => end - now)))
    },
    failurePause: PAUSE_MS,
    resolvePause: RESOLVE_PAUSE_MS,
  },
}).createMachine({
  id: 'commands',
  context: ({ input }) => ({
    ...input,
    last: null,
    epoch: 0,
    after: 0,
    holds: [],
    pending: [],
    met: NONE_MET,
    obeyed: {},
  }),
  initial: 'reading',
  states: {
    reading: {
      invoke: {
        id: 'readOrders',
        src: 'readOrders',
        input: ({ context }) => context,
        onDone: {
          target: 'standing',
          actions: [
            { type: 'noteOrders', params: ({ event }) => event.output },
            'noteMet',
            'answer',
            'dropElapsed',
            'obey',
            'noteObeyed',
            // Its place is taken by another payment, which is charged by what circuits were told.
            'handBack',
            'tellRead',
          ],
        },
        // Anything else that was thrown is a bug and ends the actor.
        onError: {
          guard: { type: 'isLedgerFailure', params: errorIn },
          target: 'waiting',
          actions: 'noteFailure',
        },
      },
      ...ENDING_HOLDS,
    },
    standing: {
      on: { 'commands.counted': { guard: 'isNews', target: 'reading' } },
      after: { resolvePause: { guard: 'resolves', target: 'reading' } },
      ...ENDING_HOLDS,
    },
    waiting: {
      after: { failurePause: { target: 'reading' } },
      ...ENDING_HOLDS,
    },
  },
})

const NONE_MET: CommandsContext['met'] = new Map()

const PROCESSORS: readonly ProcessorName[] = ['default', 'fallback']

function obeyedNow({ holds }: CommandsContext): CommandsContext['obeyed'] {
  return Object.fromEntries(PROCESSORS.map((name) => [name, holdOf(holds, name)?.command ?? null]))
}

/**
 * Tells each circuit whose hold is another one than before; those that are held open first: what waits
 * would be charged there as soon as the other one is told.
 */
function obey(context: CommandsContext): void {
  const { health, obeyed, holds, ports } = context
  const changes = PROCESSORS.flatMap((name) => {
    const hold = holdOf(holds, name)
    return (hold?.command ?? null) === obeyed[name] ? [] : [{ name, hold }]
  })
  const isOpen = ({ hold }: (typeof changes)[number]): boolean => hold?.to === 'open'
  for (const { name, hold } of changes.toSorted((a, b) => Number(isOpen(b)) - Number(isOpen(a)))) {
    const held = hold === undefined ? null : { to: hold.to, cause: causeIn(hold) }
    health[name].send({ type: 'hold.changed', held, at: ports.clock.now() })
  }
}

function holdOf(holds: readonly StandingHold[], name: ProcessorName): StandingHold | undefined {
  return holds.find(({ processor }) => processor === name)
}

function causeIn({ kind, by, reason }: Hold): string {
  return `${kind === 'pause' ? 'paused' : 'held'} by ${by}: ${reason}`
}

/**
 * What each command meets, before they are obeyed: one that was read together with an earlier one
 * meets what that one makes of the circuit. What is read again, since its answer is not written yet,
 * met what it met at first.
 */
function metBy({ pending, met: known, health }: CommandsContext): CommandsContext['met'] {
  const circuits = {
    default: health.default.getSnapshot().value,
    fallback: health.fallback.getSnapshot().value,
  }
  const met = new Map<number, CommandMet>()
  for (const command of pending) {
    const { id, kind, processor } = command
    if (kind === 'resolve') continue
    const before = known.get(id)
    if (before !== undefined) {
      met.set(id, before)
    } else if (kind === 'drain') {
      met.set(id, {})
    } else if (processor === null || !isAboutCircuit(kind)) {
      // A newer Pit beside this one may give orders that this one does not know: none is obeyed.
      met.set(id, { notUnderstood: kind })
    } else {
      met.set(id, { circuit: circuits[processor] })
      circuits[processor] = circuitAfter(command, circuits[processor])
    }
  }
  return met
}

function isAboutCircuit(kind: string): boolean {
  return kind === 'pause' || kind === 'hold' || kind === 'resume'
}

function circuitAfter({ kind, heldTo }: PendingCommand, circuit: CircuitState): CircuitState {
  if (kind === 'resume') return circuitReleased(circuit)
  return kind === 'hold' && heldTo === 'closed' ? 'heldClosed' : 'heldOpen'
}

interface Answered {
  readonly command: PendingCommand
  readonly met: CommandMet
}

/** Says what a command met, before it is obeyed. */
function answer(context: CommandsContext, { command, met }: Answered, system: Directory): void {
  const { ports, instanceId } = context
  const { id, kind, by, reason } = command
  ports.ledger.noteMet({ id, instanceId, met }).catch((error: unknown) => {
    const cause = ledgerFailureOf(error).message
    ports.telemetry.emit({ type: 'ledger.failed', operation: 'noteMet', cause })
  })
  if (kind !== 'drain') return
  const cause = `drained by ${by}: ${reason}`
  tell(system, 'supervisor', { type: 'stop.requested', cause, command: id })
}

/**
 * Has the payment handed back where it is in doubt here, and carries the order out once that is
 * written; it stays pending until then, and so comes here again.
 */
function resolve(
  { ports, instanceId }: CommandsContext,
  { id, correlationId }: PendingCommand,
  system: Directory,
): void {
  assert(correlationId !== null, 'the order to resolve a payment names it')
  const replyTo = (handedBack: HandedBack): void => {
    const request = { id, instanceId, isBusy: handedBack === 'busy' }
    ports.ledger.resolvePayment(request).catch((error: unknown) => {
      const cause = ledgerFailureOf(error).message
      ports.telemetry.emit({ type: 'ledger.failed', operation: 'resolvePayment', cause })
    })
  }
  tell(system, 'payments', { type: 'payment.resolved', correlationId, replyTo })
}
