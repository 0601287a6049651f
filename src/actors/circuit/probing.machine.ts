// Asks both processors' health endpoints at once, one instance at a time, and passes the answers on
// to the circuits. Answers to another instance are read from the circuit cache; so is, once, whose
// circuits are open.

import { assign, fromPromise, setup } from 'xstate'
import type { SharedPorts, CircuitCache, ProbedHealth, Processor } from '../model/ports.ts'
import { cacheFailureOf } from '../model/errors.ts'
import type { ProcessorName } from '../model/payment.ts'
import type { CircuitState, HealthEvent } from './context.ts'

export interface ProbingInput {
  readonly ports: SharedPorts
  readonly cache: CircuitCache
  readonly processors: Readonly<Record<ProcessorName, Processor>>
  readonly health: Readonly<Record<ProcessorName, ToldActor>>
  /** The processors allow one question per this many ms, over all instances. */
  readonly intervalMs: number
}

/** A circuit, as far as it is told of answers. */
interface ToldActor {
  send(event: HealthEvent): void
  getSnapshot(): { readonly value: CircuitState }
}

interface ProbingContext extends ProbingInput {
  /** Monotonic instant of this instance's own last question, ms. */
  readonly probedAt: number
  /** The last answer of each processor, whichever instance it was given to. */
  readonly known: Partial<Readonly<Record<ProcessorName, ProbedHealth>>>
  /** Monotonic instant from which there may be other answers than those, ms. */
  readonly knownUntil: number
  /** Whether the circuits of the other instances have been read, which is done once. */
  readonly hasHeard: boolean
}

/** Processors whose circuits are open at some instance. */
interface Openings {
  readonly processors: readonly ProcessorName[]
  /** Monotonic instant of the question, ms. */
  readonly at: number
}

interface Findings {
  readonly probedAt: number
  readonly health: Partial<Readonly<Record<ProcessorName, ProbedHealth>>>
  /** Monotonic instant that the ages count from, ms. */
  readonly at: number
}

/** Between two readings of the cache that may bring something, ms. */
const READ_INTERVAL_MS = 500

/** Added to the interval so that two questions never fall into one window of the processor, ms. */
const LEASE_MARGIN_MS = 50

const PROCESSORS: readonly ProcessorName[] = ['default', 'fallback']

export const probingMachine = setup({
  types: {
    context: {} as ProbingContext,
    input: {} as ProbingInput,
  },
  actors: {
    readOpenings: fromPromise<Openings | undefined, ProbingContext>(({ input }) =>
      readOpenings(input),
    ),
    askHealth: fromPromise<Findings, ProbingContext>(({ input }) => askHealth(input)),
  },
  actions: {
    reportOpenings: ({ context }, openings: Openings | undefined) => {
      if (openings === undefined) return
      const { processors, at } = openings
      for (const name of processors) context.health[name].send({ type: 'opening.reported', at })
    },
    noteHeard: assign((_, openings: Openings | undefined) => ({
      hasHeard: openings !== undefined,
    })),
    passOn: ({ context }, { health, at }: Findings) => {
      for (const name of PROCESSORS) {
        const found = health[name]
        if (found === undefined) continue
        const { failing, minResponseMs, ageMs } = found
        if (context.known[name]?.failing !== failing) {
          const change = { processor: name, failing, minResponseMs }
          context.ports.telemetry.emit({ type: 'health.changed', ...change })
        }
        context.health[name].send({
          type: 'probe.answered',
          failing,
          minResponseMs,
          at: at - ageMs,
        })
      }
    },
    noteProbe: assign(({ context }, { probedAt, health, at }: Findings) => {
      const known = { ...context.known, ...health }
      const knownUntil = at + untilNextAnswerMs(health, context)
      return { probedAt, known, knownUntil }
    }),
  },
  guards: { hasHeard: ({ context }) => context.hasHeard },
  delays: {
    readInterval: ({ context }) => {
      const restMs = isAllClosed(context) ? context.knownUntil - context.ports.clock.now() : 0
      return Math.max(READ_INTERVAL_MS, restMs)
    },
  },
}).createMachine({
  id: 'probing',
  context: ({ input }) => ({
    ...input,
    probedAt: Number.NEGATIVE_INFINITY,
    known: {},
    knownUntil: Number.NEGATIVE_INFINITY,
    hasHeard: false,
  }),
  initial: 'hearing',
  states: {
    hearing: {
      invoke: {
        id: 'readOpenings',
        src: 'readOpenings',
        input: ({ context }) => context,
        onDone: {
          target: 'asking',
          actions: [
            { type: 'reportOpenings', params: ({ event }) => event.output },
            { type: 'noteHeard', params: ({ event }) => event.output },
          ],
        },
      },
    },
    asking: {
      invoke: {
        id: 'askHealth',
        src: 'askHealth',
        input: ({ context }) => context,
        onDone: {
          target: 'waiting',
          actions: [
            { type: 'passOn', params: ({ event }) => event.output },
            { type: 'noteProbe', params: ({ event }) => event.output },
          ],
        },
        // A processor or a cache that fails is an answer. What is thrown is a bug and ends the
        // actor.
      },
    },
    waiting: {
      after: {
        readInterval: [{ guard: 'hasHeard', target: 'asking' }, { target: 'hearing' }],
      },
    },
  },
})

/**
 * What the instances that live, or did within the last minute, say of their circuits: one that
 * starts would otherwise send all it gets to a processor that is known to fail. Undefined when the
 * cache could not say.
 */
async function readOpenings({ ports, cache }: ProbingContext): Promise<Openings | undefined> {
  const at = ports.clock.now()
  const circuits = await cache.readCircuits().catch((error: unknown) => {
    cacheFailureOf(error)
    return undefined
  })
  if (circuits === undefined) return undefined
  const reports = Object.values(circuits).flat()
  const isOpen = (name: ProcessorName): boolean =>
    reports.some(({ processor, state }) => processor === name && state === 'open')
  return { processors: PROCESSORS.filter(isOpen), at }
}

/** How long nobody may ask the processors after these answers, ms; 0 where one has none. */
function untilNextAnswerMs(
  health: Findings['health'],
  { intervalMs }: Pick<ProbingContext, 'intervalMs'>,
): number {
  const ages = PROCESSORS.map((name) => health[name]?.ageMs ?? Number.POSITIVE_INFINITY)
  return Math.max(0, intervalMs + LEASE_MARGIN_MS - Math.max(...ages))
}

/** A closed circuit does nothing that it has not done when it is told the same again. */
function isAllClosed({ health }: ProbingContext): boolean {
  return PROCESSORS.every((name) => health[name].getSnapshot().value === 'closed')
}

async function askHealth(context: ProbingContext): Promise<Findings> {
  const { ports, cache } = context
  const { clock } = ports
  if (!(await mayProbe(context))) {
    const health = await cache.readHealth().catch(nothingKnown)
    return { probedAt: context.probedAt, health, at: clock.now() }
  }
  const probedAt = clock.now()
  const [first, second] = await Promise.all([probe(context, 'default'), probe(context, 'fallback')])
  return { probedAt, health: { ...first, ...second }, at: clock.now() }
}

/** The probe lease in the cache decides. Without it each instance keeps to the interval alone. */
async function mayProbe({ ports, cache, intervalMs, probedAt }: ProbingContext): Promise<boolean> {
  const isOwnTime = ports.clock.now() - probedAt >= intervalMs
  if (!isOwnTime) return false
  return cache.takeProbeLease(intervalMs + LEASE_MARGIN_MS).catch((error: unknown) => {
    cacheFailureOf(error)
    return true
  })
}

async function probe(
  { processors, cache, ports }: ProbingContext,
  name: ProcessorName,
): Promise<Partial<Record<ProcessorName, ProbedHealth>>> {
  const answer = await processors[name].probe()
  if (answer.kind !== 'answered') {
    const cause = answer.kind === 'limited' ? 'http 429' : answer.detail
    ports.telemetry.emit({ type: 'health.unknown', processor: name, cause })
    return {}
  }
  const { failing, minResponseMs } = answer
  ports.telemetry.emit({ type: 'health.probed', processor: name, failing, minResponseMs })
  await cache.publishHealth(name, { failing, minResponseMs }).catch(cacheFailureOf)
  return { [name]: { failing, minResponseMs, ageMs: 0 } }
}

function nothingKnown(error: unknown): Record<string, never> {
  cacheFailureOf(error)
  return {}
}
