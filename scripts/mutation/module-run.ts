// One module's slips against the specs that import it: the nearest specs first, and those further
// away only for what the nearest have not noticed.

import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { isSame, type Equivalent } from './deciding.ts'
import { importingSpecs, type ImportingSpec } from './importing-specs.ts'
import { instrument, type Mutant } from './instrument.ts'
import { measureSpec, runWithMutant, type MeasuredSpec } from './spec-runs.ts'

/** What is asked of a module. */
export interface Target {
  /** Its source, relative to the folder of package.json. */
  readonly module: string
  /** First and last line in which slips are made. */
  readonly fromLine: number
  readonly toLine: number
  readonly equivalents: readonly Equivalent[]
}

export interface ModuleResult {
  readonly module: string
  /** Those that were tried. */
  readonly mutants: readonly Mutant[]
  /** Slips that were not tried because they are equivalent. */
  readonly equivalent: number
  /** Entries that are no slip of the module any more. */
  readonly stale: readonly Equivalent[]
  /** By the id of the slip, for those that were noticed. */
  readonly killedBy: ReadonlyMap<number, Killed>
  /** Ids of slips that no spec passes. */
  readonly unreached: ReadonlySet<number>
  /** Specs that fail without any slip. */
  readonly failing: readonly string[]
}

export interface Killed {
  readonly spec: string
  readonly timedOut: boolean
}

export interface RunOptions {
  /** Folder of package.json. */
  readonly root: string
  /** A copy of the build, which is written to. */
  readonly build: string
  /** Specs that run at once. */
  readonly atOnce: number
}

/** Specs beyond those that stand beside the module and import it, at most: the nearest ones. */
const FURTHER_MAX = 12

/** Not asked: they take long, and what a drawn history notices it notices by luck. */
const DRAWN = /^spec\/(bench|chaos|hostile|simulation|system)\//

export async function runModule(target: Target, options: RunOptions): Promise<ModuleResult> {
  const { module, fromLine, toLine, equivalents } = target
  const { root, build } = options
  const compiled = module.replace(/\.ts$/, '.js')
  const file = join(build, compiled)
  const switchPath = relative(dirname(file), join(build, SWITCH))
  const text = readFileSync(join(root, module), 'utf8')
  const { mutants: all, code } = instrument({ path: module, text }, asImport(switchPath))
  const isEquivalent = (mutant: Mutant): boolean => equivalents.some((one) => isSame(mutant, one))
  const inLines = all.filter(({ line }) => line >= fromLine && line <= toLine)
  const mutants = inLines.filter((mutant) => !isEquivalent(mutant))
  const stale = equivalents.filter((one) => !all.some((mutant) => isSame(mutant, one)))
  const before = readFileSync(file)
  writeFileSync(file, code)
  try {
    const found = await runSpecs(mutants, importingSpecs(build, compiled), options)
    return { module, mutants, equivalent: inLines.length - mutants.length, stale, ...found }
  } finally {
    writeFileSync(file, before)
  }
}

const SWITCH = 'scripts/mutation/switch.js'

async function runSpecs(
  mutants: readonly Mutant[],
  specs: readonly ImportingSpec[],
  options: RunOptions,
): Promise<Pick<ModuleResult, 'killedBy' | 'unreached' | 'failing'>> {
  const asked = specs.filter(({ path }) => !DRAWN.test(path))
  const near = asked.filter(({ isBeside, distance }) => isBeside && distance === 1)
  const further = asked.filter((each) => !near.includes(each)).slice(0, FURTHER_MAX)
  const state: State = { mutants, killedBy: new Map(), failing: [] }
  const reached = new Set<number>()
  for (const group of [near, further]) {
    const paths = group.map(({ path }) => path)
    for (const spec of await runGroup(paths, state, options)) {
      for (const id of spec.reached) reached.add(id)
    }
  }
  const unreached = new Set(mutants.map(({ id }) => id).filter((id) => !reached.has(id)))
  return { killedBy: state.killedBy, failing: state.failing, unreached }
}

interface State {
  readonly mutants: readonly Mutant[]
  readonly killedBy: Map<number, Killed>
  readonly failing: string[]
}

/** Runs specs for what is left; the quickest spec that passes a slip is the first to be asked. */
async function runGroup(
  paths: readonly string[],
  { mutants, killedBy, failing }: State,
  { build, atOnce }: RunOptions,
): Promise<readonly MeasuredSpec[]> {
  const left = mutants.filter(({ id }) => !killedBy.has(id))
  if (left.length === 0) return []
  const measured: MeasuredSpec[] = []
  await inParallel(paths, atOnce, async (path) => {
    const spec = await measureSpec(build, path)
    if (spec === undefined) failing.push(path)
    else measured.push(spec)
  })
  const quickestFirst = measured.toSorted((one, other) => one.tookMs - other.tookMs)
  await inParallel(left, atOnce, async ({ id }) => {
    for (const spec of quickestFirst.filter(({ reached }) => reached.has(id))) {
      const verdict = await runWithMutant(build, spec, id)
      if (verdict === 'passed') continue
      killedBy.set(id, { spec: spec.path, timedOut: verdict === 'timedOut' })
      return
    }
  })
  return measured
}

async function inParallel<T>(
  items: readonly T[],
  atOnce: number,
  run: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items.values()
  const worker = async (): Promise<void> => {
    for (const item of waiting) await run(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

function asImport(path: string): string {
  return path.startsWith('.') ? path : `./${path}`
}
