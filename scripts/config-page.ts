// The table of settings in docs/CONFIGURATION.md, between its markers.

import type { Variable } from '../src/config/kinds.ts'
import { VARIABLES } from '../src/config/variables.ts'

const OPENING = '<!-- settings -->'
const CLOSING = '<!-- /settings -->'

/** The page with its table written anew and all else as it was; undefined without both markers. */
export function updateTable(page: string): string | undefined {
  const start = page.indexOf(OPENING)
  const end = page.indexOf(CLOSING, start)
  if (start < 0 || end < 0) return undefined
  return `${page.slice(0, start + OPENING.length)}\n\n${settingsTable()}\n\n${page.slice(end)}`
}

/** Every setting as a row of a Markdown table, aligned as Prettier aligns it; no line end behind. */
export function settingsTable(): string {
  const settings = Object.values<Variable<unknown>>(VARIABLES)
  const cells = settings.map(({ name, shown, takes, meaning }) => [
    `\`${name}\``,
    shown,
    takes,
    meaning,
  ])
  const rows = [['setting', 'default', 'takes', 'meaning'], ...cells]
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  const [head = '', ...body] = rows.map((row) => line(row.map((cell, i) => pad(cell, widths[i]))))
  return [head, line(widths.map((width) => '-'.repeat(width))), ...body].join('\n')
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

function pad(cell: string, width = 0): string {
  return cell.padEnd(width)
}
