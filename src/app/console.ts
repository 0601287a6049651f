// The console and the inspector of one instance, put together from their parts.

import type { TemplatedApp } from 'uWebSockets.js'
import type { Telemetry } from '../actors/model/facts.ts'
import type { Read } from '../actors/messages.ts'
import type { ExactSummary, ProcessorName, TimeWindow } from '../actors/model/payment.ts'
import type { SupervisorActor } from '../actors/supervisor/supervisor.ts'
import type { Config } from '../config/config.ts'
import { BEGINNING, type BooksSource } from '../console/compared-books.ts'
import { startConsole } from '../console/live-console.ts'
import type { ActorInspection } from '../console/inspection.ts'
import { createCounters } from '../console/figures.ts'
import type { Adapters, Addresses } from './adapters.ts'
import { subsystemLogger, type Logger } from '../infra/process/logger.ts'
import type { Names } from '../infra/dns/names.ts'
import { ProcessorBooks } from '../infra/processor/books.ts'
import { systemClock } from '../infra/process/system-clock.ts'

export interface PitConsole {
  readonly telemetry: Telemetry
  readonly latency: { record(us: number): void }
  /**
   * Collects figures from now on; to be called once the supervisor runs. No operators’ port, none.
   */
  watch(supervisor: SupervisorActor): Promise<void>
  /** Adds the pages to the operators' port; after `watch`. */
  extend(app: TemplatedApp): void
  stop(): void
}

export interface PitConsoleParts {
  readonly addresses: Addresses
  readonly adapters: Adapters
  readonly logger: Logger
}

/** Bound on a processor's answer about its books, ms. */
const BOOKS_TIMEOUT_MS = 2_000

export function createPitConsole(
  config: Config,
  { addresses, adapters, logger }: PitConsoleParts,
): PitConsole {
  const counters = createCounters()
  let parts: readonly { extend(app: TemplatedApp): void; stop(): void }[] = []
  return {
    telemetry: counters.telemetry,
    latency: counters.latency,
    async watch(supervisor) {
      if (config.opsPort === 0) return
      const inspection = await inspectionOf(config, supervisor, logger)
      const console = startConsole({
        instanceId: config.instanceId,
        clock: systemClock,
        supervisor,
        counters,
        ...(adapters.figures === undefined ? {} : { cache: adapters.figures }),
        countOpen: () => adapters.ledger.countOpen(),
        books: booksOf(config, { addresses, names: adapters.names }, supervisor),
        fees: { default: config.processorDefaultFee, fallback: config.processorFallbackFee },
        ...(inspection === undefined ? {} : { inspection }),
      })
      parts = inspection === undefined ? [console] : [console, inspection]
    },
    extend: (app) => {
      for (const part of parts) part.extend(app)
    },
    stop: () => {
      for (const part of parts) part.stop()
    },
  }
}

/** Loaded only when it is on: Stately's package takes 11 MB. */
async function inspectionOf(
  { inspect, inspectSample: oneIn }: Config,
  supervisor: SupervisorActor,
  logger: Logger,
): Promise<ActorInspection | undefined> {
  if (!inspect) return undefined
  const { createInspection } = await import('../console/inspection.ts')
  const log = subsystemLogger(logger, 'inspection')
  const now = (): number => systemClock.now()
  const onDropped = (messages: number): void => log.warn({ messages }, 'inspection.thinned')
  const onBroken = (error: unknown): void => log.error({ error }, 'inspection.broken')
  return createInspection({ supervisor, oneIn, now, onDropped, onBroken })
}

function booksOf(
  config: Config,
  { addresses, names }: { readonly addresses: Addresses; readonly names: Names },
  supervisor: SupervisorActor,
): BooksSource {
  // Simulators that were started here have forgotten what they recorded before.
  const from = addresses.processorToken === undefined ? BEGINNING : systemClock.wallNow()
  const token = config.processorToken ?? addresses.processorToken
  const urls = { default: addresses.processorDefaultUrl, fallback: addresses.processorFallbackUrl }
  const readOurs = (window: TimeWindow): Promise<ExactSummary | undefined> =>
    new Promise((resolve) => {
      const replyTo = (answer: Read<ExactSummary>): void =>
        resolve(answer.kind === 'found' ? answer.value : undefined)
      supervisor.send({ type: 'summary.requested', window, replyTo })
    })
  if (token === undefined) return { from, readOurs }
  const { lookup } = names
  const open = (name: ProcessorName): ProcessorBooks =>
    new ProcessorBooks({ name, url: urls[name], token, timeoutMs: BOOKS_TIMEOUT_MS, lookup })
  const theirs = { default: open('default'), fallback: open('fallback') }
  return {
    from,
    readOurs,
    readTheirs: async (name, window) => {
      const answer = await theirs[name].total(window)
      return answer.kind === 'answered' ? answer.value : undefined
    },
  }
}
