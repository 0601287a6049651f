// What docs/CONFIGURATION.md has of the declarations, between markers: the table of settings, and
// the rules over several of them.

import { CROSS_RULES } from '../src/config/cross-rules.ts'
import type { Variable } from '../src/config/kinds.ts'
import { VARIABLES } from '../src/config/variables.ts'

/** The page with its table and rules written anew, the rest as it was; undefined without markers. */
export function updatePage(page: string): string | undefined {
  const withTable = between(page, 'settings', settingsTable())
  return withTable === undefined ? undefined : between(withTable, 'rules', rulesList())
}

function between(page: string, name: string, text: string): string | undefined {
  const opening = `<!-- ${name} -->`
  const start = page.indexOf(opening)
  const end = page.indexOf(`<!-- /${name} -->`, start)
  if (start < 0 || end < 0) return undefined
  return `${page.slice(0, start + opening.length)}\n\n${text}\n\n${page.slice(end)}`
}

/** What a start says where a rule is broken, as a list. */
export function rulesList(): string {
  return CROSS_RULES.map(({ fault }) => `- ${fault.replace(/\b[A-Z][A-Z_]{3,}\b/g, '`$&`')}`).join(
    '\n',
  )
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
