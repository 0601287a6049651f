// What a benchmark found, as it is written in JSON.

import { medians, roundedAll, type Figures } from './figures.ts'
import type { Machine } from './machine.ts'

/** What one run of one variant measured. */
export interface Measured {
  readonly figures: Figures
  /** By service: what each used during the run. */
  readonly services?: Readonly<Record<string, Figures>>
  /** What changed during the run, in order of time. */
  readonly series?: readonly Figures[]
  /** Each second of the run. Too many to be printed: they go to --json and --csv. */
  readonly bySecond?: readonly Figures[]
}

export interface Run extends Measured {
  readonly variant: string
  /** Counted from 1. */
  readonly run: number
  readonly noise: Figures
}

/** The medians of a variant's runs. */
export interface Row extends Omit<Measured, 'series' | 'bySecond'> {
  readonly variant: string
  readonly runs: number
  readonly noise: Figures
}

export type Settings = Readonly<Record<string, string | number | boolean>>

export interface Report {
  readonly bench: string
  /** What was typed, without the place of the project. */
  readonly command: string
  /** ISO instant. */
  readonly startedAt: string
  readonly machine: Machine
  readonly settings: Settings
  readonly rows: readonly Row[]
  readonly runs: readonly Run[]
}

/** A row per variant, in the order of their first runs. */
export function rowsOf(runs: readonly Run[]): readonly Row[] {
  const variants = [...new Set(runs.map((run) => run.variant))]
  return variants.map((variant) => rowOf(runs.filter((run) => run.variant === variant)))
}

function rowOf(runs: readonly Run[]): Row {
  const services = new Set(runs.flatMap((run) => Object.keys(run.services ?? {})))
  const row = {
    variant: runs[0]?.variant ?? '',
    runs: runs.length,
    figures: medians(runs.map((run) => run.figures)),
    noise: medians(runs.map((run) => run.noise)),
  }
  if (services.size === 0) return row
  const byPart = [...services].map((name) => {
    return [name, medians(runs.flatMap((run) => figuresOf(run, name)))] as const
  })
  return { ...row, services: Object.fromEntries(byPart) }
}

function figuresOf(run: Run, service: string): readonly Figures[] {
  const figures = run.services?.[service]
  return figures === undefined ? [] : [figures]
}

/** What changed during each run as CSV: a line each, a column for every figure that any line has. */
export function csvOf(runs: readonly Run[]): string {
  const lines = runs.flatMap(({ variant, run, bySecond, series }) => {
    return (bySecond ?? series ?? []).map((figures) => ({ variant, run, figures }))
  })
  const names = [...new Set(lines.flatMap(({ figures }) => Object.keys(figures)))]
  const cells = lines.map(({ variant, run, figures }) => {
    return [JSON.stringify(variant), run, ...names.map((name) => figures[name] ?? '')]
  })
  return [['variant', 'run', ...names], ...cells].map((line) => `${line.join(',')}\n`).join('')
}

/** A measurement with its figures rounded to what they are worth. */
export function tidied(measured: Measured): Measured {
  const { figures, services, series, bySecond } = measured
  return {
    figures: roundedAll(figures),
    ...(services === undefined ? {} : { services: roundedServices(services) }),
    ...(series === undefined ? {} : { series: series.map(roundedAll) }),
    ...(bySecond === undefined ? {} : { bySecond: bySecond.map(roundedAll) }),
  }
}

function roundedServices(
  services: Readonly<Record<string, Figures>>,
): Readonly<Record<string, Figures>> {
  return Object.fromEntries(
    Object.entries(services).map(([name, figures]) => [name, roundedAll(figures)]),
  )
}
