// What every benchmark's command has in common: options, runs in turn, noise, report.

import { writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import {
  type Flag,
  type Flags,
  UsageError,
  type Values,
  flagsHelp,
  readFlags,
  text,
  whole,
} from './flags.ts'
import { calibrate, describeMachine, describeNoise, watchNoise } from './machine.ts'
import {
  type Measured,
  type Report,
  type Run,
  type Settings,
  csvOf,
  rowsOf,
  tidied,
} from './report.ts'
import { formatReport } from './table.ts'

/** One thing to be measured, several times. */
export interface Variant {
  readonly name: string
  /** Starts what it needs, measures, and stops all of it, within a bound of its own. */
  measure(note: Note): Promise<Measured>
}

/** Reports its progress on the terminal. */
export type Note = (text: string) => void

export interface Bench<Declared extends Flags> {
  /** As in `npm run bench:NAME`. */
  readonly name: string
  readonly purpose: string
  readonly flags: Declared
  /** Runs of each variant unless --runs says otherwise. */
  readonly runs: number
  /** Variants take turns: what the machine does meanwhile touches all of them. */
  variants(options: Values<Declared>): readonly Variant[]
  /** What follows from all runs together, as Markdown; stands below the report. */
  conclude?(runs: readonly Run[]): string
}

/** Exit codes: 0 measured, 1 failed, 2 options not understood. */
export async function runBench<Declared extends Flags>(bench: Bench<Declared>): Promise<void> {
  try {
    const flags = { ...bench.flags, ...commonFlags(bench.runs) }
    const options = readFlags(flags, process.argv.slice(2))
    if (options === 'help') process.stdout.write(usage(bench, flags))
    // `options` has every declaration of the bench and the common ones besides.
    else await measure(bench, options as Values<Declared> & Common)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`${error.message}; --help tells more\n`)
    process.exitCode = 2
  }
}

interface Common {
  readonly runs: number
  readonly only: string
  readonly json: string
  readonly csv: string
}

function commonFlags(runs: number): Readonly<Record<keyof Common, Flag<unknown>>> {
  return {
    runs: whole({ fallback: runs, min: 1, max: 100, meaning: 'runs of each variant' }),
    only: text('TEXT', 'only the variants with this in their name'),
    json: text('FILE', 'where the result goes as JSON too'),
    csv: text('FILE', 'where what changed during the runs goes as CSV'),
  }
}

function usage<Declared extends Flags>(bench: Bench<Declared>, flags: Flags): string {
  return `npm run bench:${bench.name} -- [options]\n\n${bench.purpose}\n\n${flagsHelp(flags)}\n`
}

async function measure<Declared extends Flags>(
  bench: Bench<Declared>,
  options: Values<Declared> & Common,
): Promise<void> {
  const variants = bench.variants(options).filter(({ name }) => name.includes(options.only))
  if (variants.length === 0) throw new UsageError(`no variant has '${options.only}' in its name`)
  const startedAt = new Date().toISOString()
  const runs: Run[] = []
  const report = (): Report => ({
    bench: bench.name,
    command: ['npm run', `bench:${bench.name}`, ...typed()].join(' '),
    startedAt,
    machine: describeMachine(),
    settings: settingsOf(options),
    rows: rowsOf(runs),
    runs,
  })
  // The first pass of the loop is not yet compiled.
  calibrate()
  for (let run = 1; run <= options.runs; run += 1) {
    for (const variant of variants) {
      runs.push(await measureOnce(variant, { run, of: options.runs }))
      // After each run, so that an interrupted benchmark has not measured in vain.
      if (options.json !== '') writeFileSync(options.json, `${JSON.stringify(report(), null, 2)}\n`)
      if (options.csv !== '') writeFileSync(options.csv, csvOf(runs))
    }
  }
  process.stdout.write(`${formatReport(report())}\n`)
  if (bench.conclude !== undefined) process.stdout.write(`\n${bench.conclude(runs)}\n`)
}

async function measureOnce(
  variant: Variant,
  turn: { readonly run: number; readonly of: number },
): Promise<Run> {
  const note: Note = (line) => process.stderr.write(`  ${line}\n`)
  process.stderr.write(`${variant.name}, run ${turn.run} of ${turn.of}\n`)
  const endWatch = watchNoise()
  const measured = tidied(await variant.measure(note))
  const noise = endWatch()
  const told = Object.entries(measured.figures).map(([name, value]) => `${name} ${value}`)
  note(told.join(', '))
  note(describeNoise(noise))
  return { variant: variant.name, run: turn.run, ...measured, noise }
}

/** Without the names of the files for the result, which say nothing about it. */
function typed(): readonly string[] {
  const words = process.argv.slice(2).filter((word, index, all) => {
    return !/^--(json|csv)\b/.test(word) && !/^--(json|csv)$/.test(all[index - 1] ?? '')
  })
  return words.length === 0 ? [] : ['--', ...words.map((word) => basename(word))]
}

function settingsOf(options: Readonly<Record<string, unknown>>): Settings {
  const told = Object.entries(options)
    .filter(([name, value]) => !['json', 'csv', 'only', 'runs'].includes(name) && value !== '')
    .map(([name, value]) => {
      const list = Array.isArray(value) ? value.join(',') : value
      return [name, typeof list === 'string' ? basename(list) : list] as const
    })
  return Object.fromEntries(told) as Settings
}
