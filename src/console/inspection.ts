// Inspection of the actor system: attached while somebody watches, and not there at all otherwise.

import type { WebApp } from '../server/web-server.ts'
import type { SupervisorActor } from '../actors/supervisor/supervisor.ts'
import type { Reply } from '../http/problem.ts'
import { type OnBug, untilItThrows } from './contained.ts'
import type { Access } from './access.ts'
import { pageReply, route } from './pages.ts'
import {
  type InspectedActor,
  type Inspection,
  isPayment,
  hookInto,
  type HookedSystem,
} from './inspector-hook.ts'
import { createStatelyStream, plainSnapshot } from './stately-stream.ts'
import { createSample } from './sample.ts'
import { createSequences, type Sequences } from './sequences.ts'
import { openStream, type Viewer } from './stream.ts'

export interface InspectionOptions {
  readonly supervisor: SupervisorActor
  readonly access: Access
  /** One payment in so many. */
  readonly oneIn: number
  /** Monotonic, ms. */
  readonly now: () => number
  /** Gets how many messages slow viewers have missed. */
  readonly onDropped: (messages: number) => void
  /** Gets each bug, which has ended inspection or one of its viewers; the actors go on. */
  readonly onBug: OnBug
  /** Gets the part that has ended for good. */
  readonly broken: Set<string>
}

export interface ActorInspection {
  readonly sequences: Sequences
  /** Adds `/inspect` and its stream. */
  extend(app: WebApp): void
  /** The console records sequences while it has viewers. */
  consoleWatches(viewers: number): void
  stop(): void
}

/** Bytes that may wait for one viewer: a second or two of everything. */
const BUFFERED_MAX = 4 * 1024 * 1024

/** Origin of Stately's inspector. */
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
  const { supervisor, oneIn, now, access, onBug, broken } = options
  const system = supervisor.system as unknown as HookedSystem & Register
  const sample = createSample({ oneIn, now })
  const stream = createStatelyStream(options)
  const sequences = createSequences(now)
  const known = createKnownActors()
  let detach: (() => void) | undefined
  let consoles = 0

  const report = (inspection: Inspection): void => {
    const verdict = sample.judge(inspection)
    if (verdict === 'hidden') return
    if (consoles > 0) sequences.note(inspection)
    if (stream.viewers === 0) return
    const isNew = known.add(inspection.actorRef)
    if (verdict !== 'shown' || isNew) stream.actor(inspection.actorRef)
    stream.report(inspection)
  }
  // What a listener throws would fail the actor that reports, so the first bug ends it.
  const listener = untilItThrows(report, { part: 'inspection', onBug, broken })
  const adjust = (): void => {
    const isWatched = consoles + stream.viewers > 0
    if (isWatched) detach ??= hookInto(system, listener)
    else {
      detach?.()
      detach = undefined
      sample.forget()
      known.forget()
    }
  }
  const join = (viewer: Viewer): void => {
    for (const actor of longLived(system)) known.add(actor)
    stream.join(viewer, [...known.living(), ...sample.living()])
    adjust()
  }
  const leave = (viewer: Viewer): void => {
    stream.leave(viewer)
    adjust()
  }
  return {
    sequences,
    extend(app) {
      const read = (): Promise<Reply> => pageReply('inspect.html', { frames: STATELY })
      route(app, { path: '/inspect', read, access, onBug })
      openStream(app, {
        path: '/inspect/ws',
        access,
        bufferedBytesMax: BUFFERED_MAX,
        onJoin: join,
        onLeave: leave,
        onBug,
      })
    },
    consoleWatches(viewers) {
      consoles = viewers
      adjust()
    },
    stop: () => detach?.(),
  }
}

/** Actors other than payments that are kept for later viewers: more than there are. */
const KNOWN_MAX = 64

/** The actors other than payments that viewers were shown, for later viewers. */
function createKnownActors() {
  const known = new Set<InspectedActor>()
  return {
    /** Whether this one is new, that is, no viewer was shown it yet. */
    add(actor: InspectedActor): boolean {
      if (isPayment(actor) || known.has(actor)) return false
      const [oldest] = known
      if (known.size >= KNOWN_MAX && oldest !== undefined) known.delete(oldest)
      known.add(actor)
      return true
    },
    living: () =>
      [...known].filter((actor) => plainSnapshot(actor.getSnapshot()).status === 'active'),
    forget: () => known.clear(),
  }
}

interface Register {
  get(name: string): InspectedActor | undefined
}

function longLived(system: Register): readonly InspectedActor[] {
  return LONG_LIVED.flatMap((name) => system.get(name) ?? [])
}
