// Inspection of the actor system: attached while somebody watches, and not there at all otherwise.

import type { TemplatedApp } from 'uWebSockets.js'
import type { SupervisorActor } from '../actors/supervisor/supervisor.ts'
import { pageReply } from './assets.ts'
import { isPayment, type InspectedActor, type Inspection } from './inspected.ts'
import { createStatelyStream } from './inspector.ts'
import { plainSnapshot } from './plain-data.ts'
import { route } from './routes.ts'
import { createSample } from './sample.ts'
import { createSequences, type Sequences } from './sequences.ts'
import { openStream, type Viewer } from './stream.ts'
import { listenIn, type Tapped } from './inspector-hook.ts'

export interface InspectionOptions {
  readonly supervisor: SupervisorActor
  /** One payment in so many. */
  readonly oneIn: number
  /** Monotonic, ms. */
  readonly now: () => number
  /** Told how many messages slow viewers have missed. */
  readonly onDropped: (messages: number) => void
  /** Told why inspection has ended by itself; the actors go on. */
  readonly onBroken: (error: unknown) => void
}

export interface ActorInspection {
  readonly sequences: Sequences
  /** Adds `/inspect` and its stream. */
  extend(app: TemplatedApp): void
  /** The console records sequences while it has viewers. */
  consoleWatches(viewers: number): void
  stop(): void
}

/** Bytes that may wait for one viewer: a second or two of everything. */
const BUFFERED_MAX = 4 * 1024 * 1024

/** Where Stately's inspector lives. */
const STATELY = 'https://stately.ai'

/** The long-lived actors, by their names in the system, parents first. */
const LONG_LIVED = [
  'supervisor',
  'persistence',
  'acceptBatcher',
  'outcomeBatcher',
  'payments',
  'retryQueue',
  'takeover',
  'lease',
].concat(['probing', 'processorHealth.default', 'processorHealth.fallback'])

export function createInspection(options: InspectionOptions): ActorInspection {
  const { supervisor, oneIn, now } = options
  const system = supervisor.system as unknown as Tapped & Register
  const sample = createSample({ oneIn, now })
  const stream = createStatelyStream(options)
  const sequences = createSequences(now)
  const met = createAcquaintance()
  let detach: (() => void) | undefined
  let consoles = 0

  const tell = (told: Inspection): void => {
    const verdict = sample.judge(told)
    if (verdict === 'hidden') return
    if (consoles > 0) sequences.note(told)
    if (stream.viewers === 0) return
    const isNew = met.meets(told.actorRef)
    if (verdict !== 'shown' || isNew) stream.actor(told.actorRef)
    stream.tell(told)
  }
  const hear = harmless(tell, options.onBroken)
  const adjust = (): void => {
    const isWatched = consoles + stream.viewers > 0
    if (isWatched) detach ??= listenIn(system, hear)
    else {
      detach?.()
      detach = undefined
      sample.forget()
      met.forget()
    }
  }
  const join = (viewer: Viewer): void => {
    for (const actor of longLived(system)) met.meets(actor)
    stream.join(viewer, [...met.living(), ...sample.living()])
    adjust()
  }
  const leave = (viewer: Viewer): void => {
    stream.leave(viewer)
    adjust()
  }
  return {
    sequences,
    extend(app) {
      route(app, '/inspect', () => pageReply('inspect.html', { frames: STATELY }))
      const bufferedBytesMax = BUFFERED_MAX
      openStream(app, { path: '/inspect/ws', bufferedBytesMax, onJoin: join, onLeave: leave })
    },
    consoleWatches(viewers) {
      consoles = viewers
      adjust()
    },
    stop: () => detach?.(),
  }
}

/** What a listener throws would fail the actor that it hears: the first time is the last. */
function harmless(
  tell: (told: Inspection) => void,
  onBroken: (error: unknown) => void,
): (told: Inspection) => void {
  let isBroken = false
  return (told) => {
    if (isBroken) return
    try {
      tell(told)
    } catch (error) {
      isBroken = true
      onBroken(error)
    }
  }
}

/** Actors other than payments that are remembered for later viewers: all of them, and some more. */
const MET_MAX = 64

/** The actors other than payments that viewers were shown, for those who come later. */
function createAcquaintance() {
  const met = new Set<InspectedActor>()
  return {
    /** Whether nobody was shown this one yet. */
    meets(actor: InspectedActor): boolean {
      if (isPayment(actor) || met.has(actor)) return false
      const [oldest] = met
      if (met.size >= MET_MAX && oldest !== undefined) met.delete(oldest)
      met.add(actor)
      return true
    },
    living: () =>
      [...met].filter((actor) => plainSnapshot(actor.getSnapshot()).status === 'active'),
    forget: () => met.clear(),
  }
}

interface Register {
  get(name: string): InspectedActor | undefined
}

function longLived(system: Register): readonly InspectedActor[] {
  return LONG_LIVED.flatMap((name) => system.get(name) ?? [])
}
