// The result of a chaos run: a row per fault, a row for all, and what broke.

import type { FaultName } from './fault-kinds.ts'
import type { Dose } from './injector.ts'
import type { PaymentFault, PaymentFaultKind } from './payment-faults.ts'
import type { Posted } from './register.ts'
import { sendsPerPayment } from './recoveries.ts'
import type { JudgedRecovery } from './recovery-verdicts.ts'
import type { Takeover } from './takeovers.ts'
import { isEqual, type WindowCheck } from './windows.ts'

/** Payments count to a fault when they were posted while it lasted or this long after, ms. */
const AFTERMATH_MS = 2000

export interface ReportRow {
  readonly fault: FaultName | 'all'
  readonly doses: number
  /** Time that it lasted in all, starts of processes included, s. */
  readonly seconds: number
  /** Answered 202. */
  readonly payments: number
  readonly lost: number
  readonly paidTwice: number
  readonly misattributed: number
  /** Largest difference of a window, cents. */
  readonly centsOff: number
  readonly windows: number
  /** ms; null where none was measured. */
  readonly longestTakeoverMs: number | null
  /** Most charges per payment that waited or came in, of all recoveries; null: none measured. */
  readonly mostSends: number | null
  /** Most openings of one circuit in a recovery; null: none measured. */
  readonly mostOpenings: number | null
  readonly verdict: 'held' | 'broken'
}

export interface ReportInput {
  readonly doses: readonly Dose[]
  readonly posted: ReadonlyMap<string, Posted>
  readonly faults: readonly PaymentFault[]
  readonly windows: readonly WindowCheck[]
  readonly takeovers: readonly Takeover[]
  readonly recoveries: readonly JudgedRecovery[]
  /** Wall clock at the start of the load, epoch ms. */
  readonly startedAtWall: number
  /** Whether something else broke, which belongs to no single fault. */
  readonly brokeOtherwise: 'yes' | 'no'
}

/** Bound on a takeover, ms. */
export const TAKEOVER_MS_MAX = 5000

/** In order of the faults' names, the row for all last. */
export function makeRows(input: ReportInput): readonly ReportRow[] {
  const names = [...new Set(input.doses.map((dose) => dose.name))].toSorted()
  const rows = names.map((name) => makeRow(name, input))
  return [...rows, makeTotal(input)]
}

interface Share {
  readonly fault: ReportRow['fault']
  readonly doses: readonly Dose[]
  readonly payments: number
  readonly faults: readonly PaymentFault[]
  readonly windows: readonly WindowCheck[]
  readonly takeovers: readonly Takeover[]
  readonly recoveries: readonly JudgedRecovery[]
}

function makeRow(name: FaultName, input: ReportInput): ReportRow {
  const doses = input.doses.filter((dose) => dose.name === name)
  const isDuring = (atMs: number): boolean =>
    doses.some((dose) => atMs >= dose.beganMs && atMs <= dose.endedMs + AFTERMATH_MS)
  const overlaps = ({ window }: WindowCheck): boolean =>
    doses.some(
      (dose) =>
        (window.from ?? -Infinity) <= input.startedAtWall + dose.endedMs + AFTERMATH_MS &&
        (window.to ?? Infinity) >= input.startedAtWall + dose.beganMs,
    )
  return summarize({
    fault: name,
    doses,
    payments: countAccepted(input.posted, isDuring),
    faults: input.faults.filter(({ atMs }) => atMs !== undefined && isDuring(atMs)),
    windows: input.windows.filter(overlaps),
    takeovers: input.takeovers.filter(({ fault }) => fault === name),
    recoveries: input.recoveries.filter(({ fault }) => fault === name),
  })
}

function makeTotal(input: ReportInput): ReportRow {
  const payments = countAccepted(input.posted, () => true)
  const row = summarize({ ...input, fault: 'all', payments })
  return input.brokeOtherwise === 'yes' ? { ...row, verdict: 'broken' } : row
}

function summarize(share: Share): ReportRow {
  const { doses, faults, windows, takeovers, recoveries } = share
  const count = (kind: PaymentFaultKind): number =>
    faults.filter((fault) => fault.kind === kind).length
  const seconds = doses.reduce((sum, dose) => sum + dose.endedMs - dose.beganMs, 0) / 1000
  const longest = most(takeovers.map((one) => one.tookMs))
  const isBroken =
    faults.length > 0 ||
    windows.some((check) => !isEqual(check)) ||
    recoveries.some(({ verdict }) => verdict === 'broken') ||
    (longest ?? 0) > TAKEOVER_MS_MAX
  return {
    fault: share.fault,
    doses: doses.length,
    seconds: Number(seconds.toFixed(1)),
    payments: share.payments,
    lost: count('lost'),
    paidTwice: count('paidTwice'),
    misattributed: count('misattributed'),
    centsOff: Math.max(0, ...windows.map((check) => check.centsOff)),
    windows: windows.length,
    longestTakeoverMs: longest,
    mostSends: most(recoveries.map((one) => Number(sendsPerPayment(one).toFixed(2)))),
    mostOpenings: most(recoveries.map((one) => one.openings)),
    verdict: isBroken ? 'broken' : 'held',
  }
}

function most(numbers: readonly number[]): number | null {
  return numbers.length === 0 ? null : Math.max(...numbers)
}

function countAccepted(
  posted: ReadonlyMap<string, Posted>,
  isDuring: (atMs: number) => boolean,
): number {
  let count = 0
  for (const { accepted, atMs } of posted.values()) if (accepted && isDuring(atMs)) count += 1
  return count
}
