// The result of a hostile run, as a table and as sentences about what broke.

import type { Figures } from '../../bench/limits/figures.ts'
import type { Part } from '../../bench/layout/part.ts'
import { MEMORY_BYTES_MAX } from '../chaos/watch.ts'
import type { SelfReport } from '../../bench/load/self-watch.ts'
import type { HonestReport } from './honest.ts'
import type { KindRow } from './tally.ts'

/** Longest wait for an answer of an honest client, ms, besides what the load itself was late. */
const ANSWER_WITHIN_MS = 2000

export function formatRows(rows: readonly KindRow[]): string {
  const head = ['kind', 'requests', 'answers', 'closed', 'asked again', 'verdict']
  const lines = [...rows, total(rows)].map((row) => [
    row.kind,
    String(row.requests),
    Object.entries(row.answers)
      .map(([status, count]) => `${count} × ${status}`)
      .join(', '),
    String(row.closed),
    String(row.postponed),
    row.verdict,
  ])
  const widths = head.map((title, column) =>
    Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)),
  )
  const format = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => pad(cell, column, widths[column] ?? 0)).join(' | ')} |`
  const rule = widths.map((width, column) =>
    isNumeric(column) ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width),
  )
  return [format(head), `| ${rule.join(' | ')} |`, ...lines.map(format)].join('\n')
}

function isNumeric(column: number): boolean {
  return column === 1 || column === 3 || column === 4
}

function pad(cell: string, column: number, width: number): string {
  return isNumeric(column) ? cell.padStart(width) : cell.padEnd(width)
}

function total(rows: readonly KindRow[]): KindRow {
  const answers: Record<string, number> = {}
  for (const row of rows) {
    for (const [status, count] of Object.entries(row.answers)) {
      answers[status] = (answers[status] ?? 0) + count
    }
  }
  return {
    kind: 'all',
    requests: rows.reduce((sum, { requests }) => sum + requests, 0),
    answers,
    closed: rows.reduce((sum, { closed }) => sum + closed, 0),
    postponed: rows.reduce((sum, { postponed }) => sum + postponed, 0),
    verdict: rows.every(({ verdict }) => verdict === 'held') ? 'held' : 'broken',
  }
}

/** Sentences about honest clients that were not served; one told 503 or cut off may be served later. */
export function badlyServed(report: HonestReport, self: SelfReport): readonly string[] {
  const { answers, latency, unserved } = report
  const others = Object.entries(answers).filter(([answer]) => !/^(202|503|reset.*)$/.test(answer))
  const bound = ANSWER_WITHIN_MS + self.delayMaxMs
  return [
    ...others.map(([answer, count]) => `honest clients were answered ${answer} ${count} times`),
    ...(unserved > 0 ? [`${unserved} payments of honest clients were not taken`] : []),
    ...(latency.maxMs > bound
      ? [`an honest client waited ${Math.round(latency.maxMs)} ms, the bound is ${bound}`]
      : []),
  ]
}

/** Sentences about processes that are not those of the start, or took too much memory. */
export function unwell(
  parts: readonly (Pick<Part, 'name' | 'pid' | 'logs'> & { stat(): Figures })[],
  pidsBefore: ReadonlyMap<string, number | undefined>,
): readonly string[] {
  return parts.flatMap((part) => {
    const isSame = part.pid !== undefined && part.pid === pidsBefore.get(part.name)
    if (!isSame) return [`${part.name} ended by itself`]
    // Of nginx the master stays when a worker dies.
    if (/exited on signal/.test(part.logs())) return [`a worker of ${part.name} died`]
    const { memoryPeakBytes } = part.stat()
    if (!part.name.startsWith('pit') || memoryPeakBytes <= MEMORY_BYTES_MAX) return []
    return [`${part.name} took ${memoryPeakBytes} bytes of memory`]
  })
}
