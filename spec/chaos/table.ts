// The rows of a report as a table of Markdown, which a terminal shows well enough.

import type { ReportRow } from './report.ts'

const COLUMNS: readonly (readonly [title: string, cell: (row: ReportRow) => string | number])[] = [
  ['fault', (row) => row.fault],
  ['dose', (row) => `${row.doses} in ${row.seconds} s`],
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
