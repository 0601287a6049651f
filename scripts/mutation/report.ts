// What a run has found, as text: a table, and each slip that no spec has noticed.

import type { ModuleResult } from './module-run.ts'

/** Share of the slips, in percent, that specs have to notice. */
export const SCORE_MIN = 90

export interface Score {
  readonly module: string
  readonly mutants: number
  readonly killed: number
  /** Killed by a spec that took too long. */
  readonly timedOut: number
  readonly survived: number
  readonly equivalent: number
  /** Percent of what is not equivalent. */
  readonly percent: number
}

export function scoreOf({ module, mutants, equivalent, killedBy }: ModuleResult): Score {
  const killed = killedBy.size
  return {
    module,
    mutants: mutants.length + equivalent,
    killed,
    timedOut: [...killedBy.values()].filter(({ timedOut }) => timedOut).length,
    survived: mutants.length - killed,
    equivalent,
    percent: mutants.length === 0 ? 100 : Math.floor((killed / mutants.length) * 1_000) / 10,
  }
}

/** A line for each slip that was not noticed. */
export function survivorLines({
  module,
  mutants,
  killedBy,
  unreached,
}: ModuleResult): readonly string[] {
  return mutants
    .filter(({ id }) => !killedBy.has(id))
    .map(({ id, line, within, from, to }) => {
      const where = [`${module}:${line}`, within].filter(Boolean).join(' ')
      return `${where}: ${from}  →  ${to}${unreached.has(id) ? '  (no spec gets there)' : ''}`
    })
}

export function tableOf(scores: readonly Score[]): string {
  const rows = scores.map(({ module, percent, ...counts }) => [
    module,
    ...[counts.mutants, counts.killed, counts.timedOut, counts.survived, counts.equivalent].map(
      String,
    ),
    `${percent.toFixed(1)} %`,
  ])
  const heads = ['module', 'mutants', 'killed', 'by time', 'survived', 'equivalent', 'score']
  const all = [heads, heads.map(() => '-'), ...rows]
  const widths = heads.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  return all
    .map((row, index) => {
      const cells = row.map((cell, column) => {
        const width = widths[column] ?? 0
        if (index === 1) return '-'.repeat(width)
        return column === 0 ? cell.padEnd(width) : cell.padStart(width)
      })
      return `| ${cells.join(' | ')} |`
    })
    .join('\n')
}
