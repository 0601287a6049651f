// The result of a chaos run as a table: a row per fault and a row for all.

import { isEqual, type PaymentFault, type PaymentFaultKind, type WindowCheck } from './books.ts'
import type { Posted } from './clients.ts'
import type { FaultName } from './fault-kinds.ts'
import type { InjectedFault } from './injector.ts'
import { type JudgedRecovery, sendsPerPayment } from './recoveries.ts'
import type { Takeover } from './takeovers.ts'

/** Payments count to a fault when they were posted while it lasted or this long after, ms. */
const AFTERMATH_MS = 2000

export interface ReportRow {
  readonly fault: FaultName | 'all'
  readonly injected: number
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
  readonly injected: readonly InjectedFault[]
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
  const names = [...new Set(input.injected.map((fault) => fault.name))].toSorted()
  const rows = names.map((name) => makeRow(name, input))
  return [...rows, makeTotal(input)]
}

interface Share {
  readonly fault: ReportRow['fault']
  readonly injected: readonly InjectedFault[]
  readonly payments: number
  readonly faults: readonly PaymentFault[]
  readonly windows: readonly WindowCheck[]
  readonly takeovers: readonly Takeover[]
  readonly recoveries: readonly JudgedRecovery[]
}

function makeRow(name: FaultName, input: ReportInput): ReportRow {
  const injected = input.injected.filter((fault) => fault.name === name)
  const isDuring = (atMs: number): boolean =>
    injected.some((fault) => atMs >= fault.beganMs && atMs <= fault.endedMs + AFTERMATH_MS)
  const overlaps = ({ window }: WindowCheck): boolean =>
    injected.some(
      (fault) =>
        (window.from ?? -Infinity) <= input.startedAtWall + fault.endedMs + AFTERMATH_MS &&
        (window.to ?? Infinity) >= input.startedAtWall + fault.beganMs,
    )
  return summarize({
    fault: name,
    injected,
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
  const { injected, faults, windows, takeovers, recoveries } = share
  const count = (kind: PaymentFaultKind): number =>
    faults.filter((fault) => fault.kind === kind).length
  const seconds = injected.reduce((sum, fault) => sum + fault.endedMs - fault.beganMs, 0) / 1000
  const longest = most(takeovers.map((one) => one.tookMs))
  const isBroken =
    faults.length > 0 ||
    windows.some((check) => !isEqual(check)) ||
    recoveries.some(({ verdict }) => verdict === 'broken') ||
    (longest ?? 0) > TAKEOVER_MS_MAX
  return {
    fault: share.fault,
    injected: injected.length,
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

const COLUMNS: readonly (readonly [title: string, cell: (row: ReportRow) => string | number])[] = [
  ['fault', (row) => row.fault],
  ['injected', (row) => `${row.injected} in ${row.seconds} s`],
  ['payments', (row) => row.payments],
  ['lost', (row) => row.lost],
  ['paid twice', (row) => row.paidTwice],
  ['misattributed', (row) => row.misattributed],
  ['cents off', (row) => row.centsOff],
  ['windows compared', (row) => row.windows],
  ['longest takeover', (row) => takeover(row.longestTakeoverMs)],
  ['sends per payment', (row) => row.mostSends?.toFixed(2) ?? ''],
  ['openings', (row) => row.mostOpenings?.toString() ?? ''],
  ['verdict', (row) => row.verdict],
]

/** One line per row, columns aligned, numbers to the right. */
export function formatTable(rows: readonly ReportRow[]): string {
  const body = rows.map((row) => COLUMNS.map(([, cell]) => cell(row)))
  const lines = [COLUMNS.map(([title]) => title), ...body]
  const widths = COLUMNS.map((_, column) =>
    Math.max(...lines.map((line) => String(line[column]).length)),
  )
  const format = (cells: readonly (string | number)[]): string => {
    const padded = cells.map((cell, column) => {
      const width = widths[column] ?? 0
      return typeof cell === 'number' ? String(cell).padStart(width) : cell.padEnd(width)
    })
    return `| ${padded.join(' | ')} |`
  }
  const rule = widths.map((width, column) => {
    const isNumber = typeof body[0]?.[column] === 'number'
    return isNumber ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)
  })
  const [titles = [], ...rest] = lines
  const isNumber = (column: number): boolean => typeof body[0]?.[column] === 'number'
  const head = titles.map((title, column) =>
    isNumber(column) ? String(title).padStart(widths[column] ?? 0) : title,
  )
  return [format(head), `| ${rule.join(' | ')} |`, ...rest.map(format)].join('\n')
}

function takeover(tookMs: number | null): string {
  return tookMs === null ? '' : `${(tookMs / 1000).toFixed(1)} s`
}
