// A study as Markdown: a line per variant, a column per schedule. Pure.

import type { VariantResult } from './result.ts'

/** More than these have no column of their own. */
const COLUMNS_MAX = 16

/** Further below the best setting of the same schedule than this, in percent, is told. */
const BEHIND_MAX = 1

/** The defaults first; `gain` is what a variant's mean is above theirs. */
export function formatResults(results: readonly VariantResult[]): string {
  const all = [...new Set(results.flatMap(({ percent }) => Object.keys(percent)))]
  const schedules = all.length > COLUMNS_MAX ? [] : all
  const figures = ['mean', 'gain', 'worst', 'unsettled', 'inconsistent', 'avoidable', 'behind']
  const head = ['setting', 'value', ...figures, 'most behind', ...schedules]
  const rule = ['---', '---:', ...head.slice(2).map(() => '---:')]
  const body = results.map((result) => [
    ...wordsOf(result.environment),
    format(result.mean),
    signed(result.mean - (results[0]?.mean ?? result.mean)),
    format(result.worst),
    format(result.unsettledPercent),
    String(result.inconsistent.length),
    String(result.avoidable.length),
    String(Object.values(result.behind).filter((each) => each > BEHIND_MAX).length),
    format(Math.max(...Object.values(result.behind))),
    ...schedules.map((name) => format(result.percent[name] ?? Number.NaN)),
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
