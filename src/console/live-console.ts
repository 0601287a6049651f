// The console: a page on the operators' port that shows what all instances are doing, live.

import type { WebApp } from '../server/web-server.ts'
import type { PaymentFinder } from '../actors/model/found-payments.ts'
import type { ProcessorName } from '../actors/model/payment.ts'
import type { Clock, Ledger } from '../actors/model/ports.ts'
import { purgesOf, snapshotOf } from '../actors/supervisor/snapshot.ts'
import type { SupervisorActor } from '../actors/supervisor/supervisor.ts'
import type { Access } from './access.ts'
import {
  type BooksSource,
  createBooksComparison,
  type ComparedBooks,
  SETTLING_MS,
} from './compared-books.ts'
import { addDifferingRoute, type DifferingOptions } from './differing-route.ts'
import { addCommandRoutes, type CommandsOptions } from './orders.ts'
import { every, type OnBug } from './contained.ts'
import { type Figures, type FiguresCache, figuresOf, type Counters } from './figures.ts'
import type { ActorInspection } from './inspection.ts'
import { createInstances, createSeconds, frameOf } from './instances.ts'
import { createLedgerCounts, type FinalCount, type LedgerCounts } from './ledger-counts.ts'
import { createOutageSharing, type OutageSharing, type OutagesCache } from './outage-sharing.ts'
import { type SharedOutage, sharedOutages } from './outages.ts'
import { addConsoleRoutes } from './pages.ts'
import { addSignIn } from './sign-in.ts'
import { addPanelRoutes, type DevStackPanel } from './simulators.ts'
import { openStream, type Viewer } from './stream.ts'

export interface ConsoleOptions {
  readonly instanceId: string
  readonly access: Access
  readonly clock: Clock
  readonly supervisor: SupervisorActor
  /** As `/readyz` says it; undefined while this instance is ready. */
  readonly whyNotReady: () => string | undefined
  readonly counters: Counters
  /** Absent without Redis: then only this instance is shown. */
  readonly cache?: FiguresCache
  /** Absent without Redis: then outages are those that this process has met. */
  readonly outagesCache?: OutagesCache
  /** Calls to Redis that failed since the start. */
  readonly countRedisFailures: () => number
  readonly countOpen: Ledger['countOpen']
  /** Rejects as `countOpen` does; asked as seldom as it is slow. */
  readonly countFinal: () => Promise<FinalCount>
  readonly books: BooksSource
  /** Absent without a token for the processors' books. */
  readonly differing?: DifferingOptions['search']
  readonly finder: PaymentFinder
  readonly commands: Pick<CommandsOptions, 'ledger' | 'telemetry' | 'paced'>
  /** Share of the amount that each processor keeps. */
  readonly fees: Readonly<Record<ProcessorName, number>>
  /** Gets each bug, which has ended a part of the console. */
  readonly onBug: OnBug
  /** Gets the parts that a bug keeps from their work, for as long as it does. */
  readonly broken: Set<string>
  /** Absent unless the processors are simulators of this process. */
  readonly panel?: DevStackPanel
  /** Absent when it is off. */
  readonly inspection?: Pick<ActorInspection, 'sequences' | 'consoleWatches'>
}

export interface Console {
  /** Adds the console's routes to the operators' port. */
  extend(app: WebApp): void
  /** Writes outages that have changed since the last second; within a command's bound in Redis. */
  stop(): Promise<void>
}

const FRAME_MS = 500
const SECOND_MS = 1_000
const BOOKS_MS = 3_000

/** Bytes that may wait for one viewer: some seconds of frames. */
const BUFFERED_MAX = 256 * 1024

/** The last second, the last event and the outages that a viewer was sent. */
interface Seen {
  second: number
  event: number
  outages: string
}

/** Collects figures once a second from now on; frames are made only while there are viewers. */
export function startConsole(options: ConsoleOptions): Console {
  const { clock, supervisor, counters, access, onBug, broken } = options
  const instances = createInstances(ownFigures(options), options.cache)
  const seconds = createSeconds()
  const outages = sharingOf(options)
  const viewers = new Map<Viewer, Seen>()
  let books: ComparedBooks | null = null
  let counted: LedgerCounts = { open: null, totals: null, staleSince: null }

  const collect = async (): Promise<void> => {
    counters.outages.noteRedis(options.countRedisFailures())
    await Promise.all([instances.sync(), outages.keep()])
    if (viewers.size > 0) await outages.read()
    seconds.add(clock.wallNow(), instances.all(), counted.open?.parked)
  }
  const purges = (): number => purgesOf(supervisor)
  const countInLedger = anewAfterPurges(() => createLedgerCounts(options), purges)
  const askLedger = async (): Promise<void> => {
    counted = viewers.size > 0 ? await countInLedger() : { ...counted, open: null }
  }
  const show = (): void => {
    if (viewers.size === 0) return
    const shown = {
      all: instances.all(),
      at: clock.wallNow(),
      counters,
      seconds,
      books,
      broken: [...broken],
      outages: sharedOutages(outages.all(), clock.wallNow()),
      ...counted,
    }
    showAll(viewers, shown, onBug)
  }
  const compareBooks = anewAfterPurges(() => createBooksComparison(options.books), purges)
  const compare = async (): Promise<void> => {
    if (viewers.size > 0) books = await compareBooks(clock.wallNow())
  }
  const contained = { onBug, broken }
  const counting = every(SECOND_MS, askLedger, { part: 'count', ...contained })
  const comparing = every(BOOKS_MS, compare, { part: 'compare', ...contained })
  const repeated = [
    counting,
    comparing,
    every(SECOND_MS, collect, { part: 'collect', ...contained }),
    every(FRAME_MS, show, { part: 'show', ...contained }),
    every(SECOND_MS, () => access.sweep(), { part: 'sessions', ...contained }),
  ]
  /** The first viewer waits for what was not asked while there was none. */
  const showFirst = async (): Promise<void> => {
    try {
      await Promise.all([counting.run(), comparing.run(), outages.read()])
      show()
    } catch (error) {
      onBug('first frame', error)
    }
  }
  return {
    extend(app) {
      addRoutes(app, options)
      addDiffering(app, options, () => books?.rows?.hours ?? [])
      openFrames(app, { options, viewers, show, showFirst })
    },
    stop: () => {
      for (const each of repeated) each.stop()
      return outages.keep()
    },
  }
}

/** Those of this instance, which starts now. */
function ownFigures(options: ConsoleOptions): () => Figures {
  const { instanceId, clock, supervisor, counters, whyNotReady } = options
  const identity = { instanceId, startedAt: clock.wallNow() }
  return () => {
    const figures = figuresOf(identity, counters.counted(), snapshotOf(supervisor, clock.now()))
    const notReady = whyNotReady()
    return notReady === undefined ? figures : { ...figures, notReady }
  }
}

/** A read whose memory a purge ends; what one that was under way then has found is dropped. */
function anewAfterPurges<Args extends readonly unknown[], Found>(
  make: () => (...args: Args) => Promise<Found>,
  purges: () => number,
): (...args: Args) => Promise<Found> {
  let read = make()
  let known = 0
  return async (...args) => {
    for (;;) {
      const now = purges()
      if (now !== known) read = make()
      known = now
      const found = await read(...args)
      if (purges() === now) return found
    }
  }
}

function sharingOf({ instanceId, counters, clock, outagesCache }: ConsoleOptions): OutageSharing {
  const now = (): number => clock.wallNow()
  return createOutageSharing({
    instanceId,
    own: () => counters.outages.all(),
    now,
    cache: outagesCache,
  })
}

function addDiffering(
  app: WebApp,
  { books: { from }, differing: search, clock, access, onBug }: ConsoleOptions,
  hours: () => readonly number[],
): void {
  const to = (): number => Math.max(from, clock.wallNow() - SETTLING_MS)
  const compared = () => ({ from, to: to(), hours: hours() })
  addDifferingRoute(app, { search, compared, now: () => clock.now(), access, onBug })
}

function addRoutes(app: WebApp, options: ConsoleOptions): void {
  const { supervisor, counters, finder, access, onBug, panel, inspection } = options
  addSignIn(app, access, onBug)
  addCommandRoutes(app, { ...options.commands, finder, access, onBug })
  addConsoleRoutes(app, {
    supervisor,
    counters,
    sequences: inspection?.sequences,
    finder,
    access,
    onBug,
  })
  if (panel !== undefined) addPanelRoutes(app, panel, { access, onBug })
}

interface FrameStream {
  readonly options: ConsoleOptions
  readonly viewers: Map<Viewer, Seen>
  readonly show: () => void
  readonly showFirst: () => Promise<void>
}

function openFrames(app: WebApp, { options, viewers, show, showFirst }: FrameStream): void {
  openStream(app, {
    path: '/console/ws',
    access: options.access,
    bufferedBytesMax: BUFFERED_MAX,
    onBug: options.onBug,
    onJoin: (viewer) => {
      viewer.send(JSON.stringify(helloOf(options)))
      viewers.set(viewer, { second: 0, event: 0, outages: '' })
      options.inspection?.consoleWatches(viewers.size)
      // It tells its own bugs.
      if (viewers.size === 1) void showFirst()
      else show()
    },
    onLeave: (viewer) => {
      viewers.delete(viewer)
      options.inspection?.consoleWatches(viewers.size)
    },
  })
}

/** What all viewers are shown at one moment. */
interface Shown extends LedgerCounts {
  readonly all: Parameters<typeof frameOf>[0]
  readonly at: number
  readonly counters: Counters
  readonly seconds: ReturnType<typeof createSeconds>
  readonly outages: readonly SharedOutage[]
  readonly books: ComparedBooks | null
  readonly broken: readonly string[]
}

/** A bug ends the viewer whose frame met it. */
function showAll(viewers: Map<Viewer, Seen>, shown: Shown, onBug: OnBug): void {
  for (const [viewer, seen] of viewers) {
    try {
      sendFrame(viewer, seen, shown)
    } catch (error) {
      onBug('frame', error)
      viewers.delete(viewer)
      viewer.end()
    }
  }
}

/** Sends what this viewer has not seen, unless it is behind. */
function sendFrame(viewer: Viewer, seen: Seen, shown: Shown): void {
  const { all, at, counters, seconds, outages: _, ...rest } = shown
  const events = counters.recentEvents.since(seen.event)
  const fresh = seconds.since(seen.second)
  const outages = JSON.stringify(shown.outages)
  const changed = outages === seen.outages ? {} : { outages: shown.outages }
  const frame = frameOf(all, { at, seconds: fresh, events, ...changed, ...rest })
  if (!viewer.send(JSON.stringify(frame))) return
  seen.outages = outages
  seen.event = events.at(-1)?.number ?? seen.event
  seen.second = fresh.at(-1)?.at ?? seen.second
}

function helloOf({ instanceId, fees, inspection, books, panel }: ConsoleOptions): object {
  const hasProcessorBooks = books.readTheirs !== undefined
  const inspected = inspection === undefined ? 'off' : 'on'
  const simulators = panel === undefined ? 'off' : 'on'
  return { type: 'hello', instanceId, fees, inspected, hasProcessorBooks, simulators }
}
