// The end of a chaos run: all books compared, and a sentence for everything that broke.

import { PitEndpoint } from '../../bench/challenge/pit-endpoint.ts'
import type { SelfReport } from '../../bench/load/self-watch.ts'
import { parseTarget } from '../../bench/load/target.ts'
import type { Summary, TimeWindow } from '../../src/actors/model/payment.ts'
import type { Chance } from '../simulation/chance.ts'
import {
  drawWindows,
  findPaymentFaults,
  findStatusFaults,
  isEqual,
  LedgerSums,
  type PaymentFault,
  type WindowCheck,
} from './books.ts'
import type { ClientRecords } from './clients.ts'
import { excuse, type JudgedFaults } from './excuses.ts'
import type { Injector } from './injector.ts'
import { type Ledgers, SETTLE_WITHIN_MS } from './ledgers.ts'
import type { LiveChecks } from './live-checks.ts'
import {
  type JudgedRecovery,
  judgeRecoveries,
  OPENINGS_MAX,
  type Recoveries,
} from './recoveries.ts'
import { makeRows, type ReportRow, TAKEOVER_MS_MAX } from './report.ts'
import type { System } from './system.ts'
import type { Takeover, Takeovers } from './takeovers.ts'

export interface Verdict {
  readonly rows: readonly ReportRow[]
  /** What broke, a sentence each; empty: everything held. */
  readonly broken: readonly string[]
  /** Those of `broken` that say how late or how often something came: a busy machine breaks them. */
  readonly byMeasure: readonly string[]
  readonly payments: readonly PaymentFault[]
  readonly excused: JudgedFaults['excused']
  readonly refusedByBoth: number
  readonly windows: readonly WindowCheck[]
  readonly takeovers: readonly Takeover[]
  readonly recoveries: readonly JudgedRecovery[]
  /** How often clients got which answer. */
  readonly answers: Readonly<Record<string, number>>
  /** From the last fault until nothing was open, ms; null: it did not happen. */
  readonly emptiedMs: number | null
  readonly slowestAnswerMs: number
  readonly memoryPeakBytes: number
  /** Windows compared during the load. */
  readonly windowsWatched: number
  readonly self: SelfReport
}

export interface VerdictInput {
  readonly system: System
  readonly records: ClientRecords
  readonly injector: Pick<Injector, 'injected' | 'failures'>
  readonly liveChecks: LiveChecks
  readonly takeovers: Takeovers
  readonly recoveries: Recoveries
  readonly emptiedMs: number | undefined
  readonly startedAtWall: number
  readonly self: SelfReport
  readonly chance: Chance
}

const WINDOWS = 300
const WINDOWS_AT_ONCE = 8
const SUMMARY_TIMEOUT_MS = 10_000

export async function judge(input: VerdictInput): Promise<Verdict> {
  const { system, records, injector, liveChecks, takeovers } = input
  const recorded = {
    default: await system.ledgers.default.read(),
    fallback: await system.ledgers.fallback.read(),
  }
  const pit = await system.pitLedger.readAll()
  const books = { posted: records.payments, ledgers: recorded, pit }
  const judged = excuse(findPaymentFaults(books), books, system.oracle)
  const { faults: payments, ledgers, excused, refusedByBoth } = judged
  const windows = await compareWindows(input, ledgers)
  const statuses = await findStatusFaults(system.layout.url, ledgers, input.chance)
  const recoveries = judgeRecoveries(input.recoveries.measured, system.layout.pits, system.clocks)
  const byMeasure = [
    ...slowAnswers(records.slowestMs, input.self),
    ...(input.emptiedMs === undefined ? [] : lateBacklog(input.emptiedMs)),
    ...lateTakeovers(takeovers.measured),
    ...shown(floodedRecoveries(recoveries)),
  ]
  const broken = [
    ...injector.failures,
    ...records.violations,
    ...liveChecks.violationsBesides(system.oracle.beyond),
    ...byMeasure,
    ...largeMemory(liveChecks.memoryPeakBytes),
    ...(input.emptiedMs === undefined ? lateBacklog(undefined) : []),
    ...shown(
      payments.map(({ kind, correlationId, detail }) => `${correlationId} ${kind}: ${detail}`),
    ),
    ...shown(windows.filter((check) => !isEqual(check)).map(describeWindow)),
    ...shown(statuses),
  ]
  const rows = makeRows({
    injected: injector.injected,
    posted: records.payments,
    faults: payments,
    windows,
    takeovers: takeovers.measured,
    recoveries,
    startedAtWall: input.startedAtWall,
    brokeOtherwise: broken.length > 0 ? 'yes' : 'no',
  })
  return {
    rows,
    broken,
    byMeasure,
    payments,
    excused,
    refusedByBoth,
    windows: windows.filter((check) => !isEqual(check)),
    takeovers: takeovers.measured,
    recoveries,
    answers: Object.fromEntries(records.answers),
    emptiedMs: input.emptiedMs ?? null,
    slowestAnswerMs: Math.round(records.slowestMs),
    memoryPeakBytes: liveChecks.memoryPeakBytes,
    windowsWatched: liveChecks.windows,
    self: input.self,
  }
}

/** Asks for each window through nginx, which passes it to one instance after the other. */
async function compareWindows(
  { system, chance }: VerdictInput,
  ledgers: Ledgers,
): Promise<readonly WindowCheck[]> {
  const sums = new LedgerSums(ledgers)
  const windows = drawWindows(ledgers, WINDOWS, chance)
  const endpoint = new PitEndpoint({
    target: parseTarget(system.layout.url),
    timeoutMs: SUMMARY_TIMEOUT_MS,
  })
  const ask = async (window: TimeWindow): Promise<WindowCheck> => {
    const summary: Summary | undefined = await endpoint.readSummary(window)
    return sums.compare(window, summary)
  }
  const checks: WindowCheck[] = []
  for (let at = 0; at < windows.length; at += WINDOWS_AT_ONCE) {
    checks.push(...(await Promise.all(windows.slice(at, at + WINDOWS_AT_ONCE).map(ask))))
  }
  endpoint.close()
  return checks
}

/** Longest that a client may wait for an answer, ms, besides what the load itself was late. */
const ANSWER_WITHIN_MS = 2000

/** Sentences of one kind that are shown. */
const SHOWN_MAX = 20

export function slowAnswers(slowestMs: number, self: SelfReport): readonly string[] {
  const bound = ANSWER_WITHIN_MS + self.delayMaxMs
  if (slowestMs <= bound) return []
  return [`an answer took ${Math.round(slowestMs)} ms, the bound is ${Math.round(bound)}`]
}

export function lateBacklog(emptiedMs: number | undefined): readonly string[] {
  if (emptiedMs === undefined) return ['the backlog did not become empty']
  if (emptiedMs <= SETTLE_WITHIN_MS) return []
  return [`the backlog became empty ${emptiedMs} ms after the last fault`]
}

export function lateTakeovers(takeovers: readonly Takeover[]): readonly string[] {
  return takeovers
    .filter(({ tookMs }) => tookMs > TAKEOVER_MS_MAX)
    .map(({ instance, fault, tookMs }) => `takeover of ${instance} after ${fault}: ${tookMs} ms`)
}

export function floodedRecoveries(recoveries: readonly JudgedRecovery[]): readonly string[] {
  return recoveries
    .filter(({ verdict }) => verdict === 'broken')
    .map(({ processor, fault, sends, waiting, accepted, openings, why, fromMs, toMs }) => {
      const payments = `${waiting} payments that waited and ${accepted} that came in`
      const counts = `${sends} charges for ${payments}, ${openings} openings`
      const [from, to] = [fromMs, toMs].map((at) => new Date(at).toISOString())
      const reasons = openings > OPENINGS_MAX ? `: ${why.join('; ')}` : ''
      return `${processor} after ${fault}, ${from} to ${to}: ${counts}${reasons}`
    })
}

/** Resident memory of one instance, bytes. */
export const MEMORY_BYTES_MAX = 166 * 1024 ** 2

export function largeMemory(peakBytes: number): readonly string[] {
  if (peakBytes <= MEMORY_BYTES_MAX) return []
  return [`an instance took ${peakBytes} bytes of memory, the bound is ${MEMORY_BYTES_MAX}`]
}

export function describeWindow({ window, difference }: WindowCheck): string {
  const ends = [window.from, window.to].map((end) =>
    end === undefined ? 'open' : new Date(end).toISOString(),
  )
  const off = difference === undefined ? 'no answer' : JSON.stringify(difference)
  return `window ${ends.join(' to ')}: ${off}`
}

export function shown(sentences: readonly string[]): readonly string[] {
  if (sentences.length <= SHOWN_MAX) return sentences
  return [...sentences.slice(0, SHOWN_MAX), `… ${sentences.length} of these in all`]
}
