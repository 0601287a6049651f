// A study as Markdown: a line per variant, a column per schedule. Pure.

import type { VariantResult } from './result.ts'

/** The defaults first; `gain` is what a variant's mean is above theirs. */
export function formatResults(results: readonly VariantResult[]): string {
  const schedules = [...new Set(results.flatMap(({ percent }) => Object.keys(percent)))]
  const head = ['setting', 'value', 'mean', 'gain', 'worst', 'unsettled', ...schedules]
  const rule = ['---', '---:', ...head.slice(2).map(() => '---:')]
  const body = results.map(({ environment, mean, worst, unsettledPercent, percent }) => [
    ...wordsOf(environment),
    format(mean),
    signed(mean - (results[0]?.mean ?? mean)),
    format(worst),
    format(unsettledPercent),
    ...schedules.map((name) => format(percent[name] ?? Number.NaN)),
  ])
  return [head, rule, ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function wordsOf(environment: VariantResult['environment']): readonly [string, string] {
  const entries = Object.entries(environment)
  const [first, ...others] = entries
  if (first === undefined) return ['defaults', '']
  if (others.length === 0) return [first[0], first[1] ?? '']
  return [entries.map(([name, value]) => `${name}=${value}`).join(' '), '']
}

function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`
}

function format(value: number): string {
  return value.toFixed(1)
}
