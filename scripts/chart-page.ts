// Puts drawn charts between their markers in a Markdown page.

import type { ListedChart } from './chart-list.ts'
import { drawChart } from './draw-chart.ts'

export interface ChartPage {
  readonly text: string
  /** Charts whose drawing was not, or not yet, what the page showed. */
  readonly stale: readonly string[]
  /** Charts that the page has no markers for. */
  readonly missing: readonly string[]
  /** Names in the page's markers that no chart has. */
  readonly unknown: readonly string[]
}

/** The page with every chart drawn anew; all else is left as it is. */
export function updatePage(text: string, charts: readonly ListedChart[]): ChartPage {
  const names = charts.map(({ name }) => name)
  const marked = [...text.matchAll(/<!-- chart:([\w-]+) -->/g)].map((match) => match[1] ?? '')
  let updated = text
  const stale: string[] = []
  const missing: string[] = []
  for (const chart of charts) {
    const next = updateChart(updated, chart)
    if (next === undefined) missing.push(chart.name)
    else if (next !== updated) stale.push(chart.name)
    updated = next ?? updated
  }
  return { text: updated, stale, missing, unknown: marked.filter((name) => !names.includes(name)) }
}

/** Undefined when either marker is not there. */
function updateChart(text: string, { name, machine }: ListedChart): string | undefined {
  const opening = `<!-- chart:${name} -->`
  const start = text.indexOf(opening)
  const end = start < 0 ? -1 : text.indexOf(`<!-- /chart:${name} -->`, start)
  if (end < 0) return undefined
  const drawing = `\n\n\`\`\`mermaid\n${drawChart(machine)}\n\`\`\`\n\n`
  return text.slice(0, start + opening.length) + drawing + text.slice(end)
}
