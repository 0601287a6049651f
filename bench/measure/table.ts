// A report as Markdown. Pure.

import type { Figures } from './figures.ts'
import type { Report, Row } from './report.ts'

/** Title, where and when, the medians by variant, by service, what changed, the machine's noise. */
export function formatReport(report: Report): string {
  const { bench, command, startedAt, machine, settings, rows } = report
  const { processor, cores, memoryMiB, system, node } = machine
  const told = Object.entries(settings).map(([name, value]) => `${name} ${value}`)
  const runs = Math.max(0, ...rows.map((row) => row.runs))
  return [
    `### ${bench}`,
    `\`${command}\`, ${startedAt.slice(0, 16).replace('T', ' ')} UTC, medians of ${runs} runs.`,
    `${processor}, ${cores} cores, ${memoryMiB} MiB, ${system}, Node ${node}; ${told.join(', ')}.`,
    figuresTable(rows),
    ...servicesTable(rows),
    ...seriesTables(report),
    noiseTable(rows),
  ].join('\n\n')
}

/** `cpuUsPerPayment` → `cpu µs per payment`, `p99Ms` → `p99 ms`. */
export function titleOf(name: string): string {
  const words = name.split(/(?=[A-Z])/).map((word) => word.toLowerCase())
  return words
    .map((word) => UNITS[word] ?? word)
    .join(' ')
    .replace('per second', '/s')
}

const UNITS: Readonly<Record<string, string>> = {
  us: 'µs',
  percent: '%',
  mib: 'MiB',
  p999: 'p99.9',
}

function figuresTable(rows: readonly Row[]): string {
  return table(
    '',
    rows.map(({ variant, figures }) => [variant, figures]),
  )
}

/** Nothing when no variant has services. */
function servicesTable(rows: readonly Row[]): readonly string[] {
  const lines = rows.flatMap(({ variant, services }) =>
    Object.entries(services ?? {}).map(
      ([name, figures]) => [`${variant}: ${name}`, figures] as const,
    ),
  )
  return lines.length === 0 ? [] : [`By service:\n\n${table('', lines)}`]
}

/** What changed during each variant's last run, in a bounded number of lines. */
function seriesTables({ rows, runs }: Report): readonly string[] {
  return rows.flatMap(({ variant }) => {
    const last = runs.findLast((run) => run.variant === variant)
    const series = thinned(last?.series ?? [])
    const [corner] = Object.keys(series[0] ?? {})
    if (last === undefined || corner === undefined) return []
    const lines = series.map(({ [corner]: at = Number.NaN, ...others }) => {
      return [formatNumber(at), others] as const
    })
    return [`${variant}, run ${last.run}:\n\n${table(titleOf(corner), lines)}`]
  })
}

/** Evenly chosen, the first and the last among them. */
function thinned(series: readonly Figures[]): readonly Figures[] {
  const every = Math.max(1, Math.ceil((series.length - 1) / (SERIES_LINES_MAX - 1)))
  return series.filter((_, index) => index % every === 0 || index === series.length - 1)
}

const SERIES_LINES_MAX = 24

function noiseTable(rows: readonly Row[]): string {
  const noise = rows.map(({ variant, noise }) => [variant, noise] as const)
  return `The machine beside these runs:\n\n${table('', noise)}`
}

/** A line each of `lines`, a column each of all their figures; `–` where a line has none. */
function table(corner: string, lines: readonly (readonly [string, Figures])[]): string {
  const names = [...new Set(lines.flatMap(([, figures]) => Object.keys(figures)))]
  const head = [corner, ...names.map(titleOf)]
  const rule = ['---', ...names.map(() => '---:')]
  const body = lines.map(([title, figures]) => [
    title,
    ...names.map((name) => {
      const value = figures[name]
      return value === undefined || Number.isNaN(value) ? '–' : formatNumber(value)
    }),
  ])
  return [head, rule, ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** Thousands in groups, as a reader counts them. */
function formatNumber(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 3 })
}
