// The end of a chaos run: all books side by side, and a sentence for everything that broke.

import type { Summary, TimeWindow } from '../../src/actors/model/payment.ts'
import { PitEndpoint } from '../../bench/challenge/pit-endpoint.ts'
import type { SelfReport } from '../../bench/load/self-watch.ts'
import { parseTarget } from '../../bench/load/target.ts'
import type { Chance } from '../simulation/chance.ts'
import type { Injector } from './injector.ts'
import { findPaymentFaults, type PaymentFault } from './payment-faults.ts'
import type { Ledgers } from './processor-ledger.ts'
import type { Register } from './register.ts'
import { makeRows, type ReportRow } from './report.ts'
import {
  describeWindow,
  floodedRecoveries,
  lateBacklog,
  lateTakeovers,
  shown,
  slowAnswers,
} from './sentences.ts'
import type { Stage } from './stage.ts'
import { findStoryFaults } from './stories.ts'
import { judgeRecoveries, type JudgedRecovery } from './recovery-verdicts.ts'
import type { Recoveries } from './recoveries.ts'
import type { Takeover, Takeovers } from './takeovers.ts'
import type { Watch } from './watch.ts'
import { LedgerSums, drawWindows, isEqual, type WindowCheck } from './windows.ts'

export interface Reckoning {
  readonly rows: readonly ReportRow[]
  /** What broke, a sentence each; empty: everything held. */
  readonly broken: readonly string[]
  readonly payments: readonly PaymentFault[]
  readonly windows: readonly WindowCheck[]
  readonly takeovers: readonly Takeover[]
  readonly recoveries: readonly JudgedRecovery[]
  /** How often clients got which answer. */
  readonly answers: Readonly<Record<string, number>>
  /** From the last fault until nothing was open, ms; null: it did not happen. */
  readonly emptiedMs: number | null
  readonly slowestAnswerMs: number
  readonly memoryPeakBytes: number
  /** Looks at a window during the load. */
  readonly windowsWatched: number
  readonly self: SelfReport
}

export interface ReckoningInput {
  readonly stage: Stage
  readonly register: Register
  readonly injector: Injector
  readonly watch: Watch
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

export async function reckon(input: ReckoningInput): Promise<Reckoning> {
  const { stage, register, injector, watch, takeovers } = input
  const ledgers = {
    default: await stage.ledgers.default.read(),
    fallback: await stage.ledgers.fallback.read(),
  }
  const pit = await stage.pitLedger.readAll()
  const payments = findPaymentFaults({ posted: register.payments, ledgers, pit })
  const windows = await compareWindows(input, ledgers)
  const stories = await findStoryFaults(stage.layout.url, ledgers, input.chance)
  const recoveries = judgeRecoveries(input.recoveries.measured, stage.layout.pits)
  const broken = [
    ...injector.failures,
    ...register.strays,
    ...watch.strays,
    ...slowAnswers(register.slowestMs, input.self),
    ...lateBacklog(input.emptiedMs),
    ...lateTakeovers(takeovers.measured),
    ...shown(floodedRecoveries(recoveries)),
    ...shown(
      payments.map(({ kind, correlationId, detail }) => `${correlationId} ${kind}: ${detail}`),
    ),
    ...shown(windows.filter((check) => !isEqual(check)).map(describeWindow)),
    ...shown(stories),
  ]
  const rows = makeRows({
    doses: injector.doses,
    posted: register.payments,
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
    payments,
    windows: windows.filter((check) => !isEqual(check)),
    takeovers: takeovers.measured,
    recoveries,
    answers: Object.fromEntries(register.answers),
    emptiedMs: input.emptiedMs ?? null,
    slowestAnswerMs: Math.round(register.slowestMs),
    memoryPeakBytes: watch.memoryPeakBytes,
    windowsWatched: watch.windows,
    self: input.self,
  }
}

/** Every window is asked of one instance after the other, through nginx. */
async function compareWindows(
  { stage, chance }: ReckoningInput,
  ledgers: Ledgers,
): Promise<readonly WindowCheck[]> {
  const sums = new LedgerSums(ledgers)
  const windows = drawWindows(ledgers, WINDOWS, chance)
  const endpoint = new PitEndpoint({
    target: parseTarget(stage.layout.url),
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
