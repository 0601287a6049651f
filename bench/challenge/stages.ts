// What the processors do to Pit, and when.

import { readFileSync } from 'node:fs'
import { UsageError } from './errors.ts'

/** The two switches of a processor. */
export interface Conditions {
  /** Added to each `POST /payments`, ms; scaling a run leaves it as it is. */
  readonly delayMs: number
  readonly failing: boolean
}

export interface Stage {
  /** From the start of the load, s; in a schedule: of a load of 60 s. */
  readonly atSecond: number
  readonly default: Conditions
  readonly fallback: Conditions
}

/** Length of the load that schedules and intervals are written for, s. */
export const SCHEDULE_SECONDS = 60

/** Undisturbed: what every run starts from. */
export const CALM: Conditions = { delayMs: 0, failing: false }

/** Built-in schedules by name; `challenge` is the load script's own. */
export const SCHEDULES: Readonly<Record<string, readonly Stage[]>> = {
  challenge: [
    { atSecond: 1, default: CALM, fallback: CALM },
    { atSecond: 10, default: up(100), fallback: CALM },
    { atSecond: 20, default: failing(100), fallback: CALM },
    { atSecond: 30, default: failing(2000), fallback: failing(1000) },
    { atSecond: 40, default: up(20), fallback: up(20) },
    { atSecond: 50, default: CALM, fallback: up(5000) },
  ],
  calm: [{ atSecond: 1, default: CALM, fallback: CALM }],
  outage: [
    { atSecond: 1, default: CALM, fallback: CALM },
    { atSecond: 15, default: failing(0), fallback: failing(0) },
    { atSecond: 45, default: CALM, fallback: CALM },
  ],
  flapping: Array.from({ length: 12 }, (_, index) => ({
    atSecond: 5 * index + 1,
    default: index % 2 === 0 ? CALM : failing(50),
    fallback: index % 3 === 2 ? failing(50) : up(20),
  })),
}

/** The same stages for a load of `seconds`. */
export function scaleStages(stages: readonly Stage[], seconds: number): readonly Stage[] {
  return stages.map((stage) => ({
    ...stage,
    atSecond: (stage.atSecond * seconds) / SCHEDULE_SECONDS,
  }))
}

/**
 * A built-in schedule by name, or one from a JSON file: an array of `Stage`, each `atSecond` from
 * 0 to below 60.
 * @throws UsageError when it is neither.
 */
export function findSchedule(nameOrFile: string): readonly Stage[] {
  const builtIn = Object.entries(SCHEDULES).find(([name]) => name === nameOrFile)
  if (builtIn !== undefined) return builtIn[1]
  if (!nameOrFile.endsWith('.json')) {
    const names = Object.keys(SCHEDULES).join(', ')
    throw new UsageError(`no schedule is called ${nameOrFile}: ${names}, or a .json file`)
  }
  return parseSchedule(readJsonFile(nameOrFile))
}

/** @throws UsageError naming the first stage that is not one. */
export function parseSchedule(value: unknown): readonly Stage[] {
  if (!Array.isArray(value)) throw new UsageError('a schedule is an array of stages')
  const stages = value.map((entry: unknown, index) => {
    if (!isStage(entry)) {
      throw new UsageError(
        `stage ${index} is not {"atSecond": 0…60, "default": {"delayMs", "failing"}, …}`,
      )
    }
    return entry
  })
  return stages.toSorted((one, other) => one.atSecond - other.atSecond)
}

function readJsonFile(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as unknown
  } catch (cause) {
    throw new UsageError(`cannot read the schedule ${file}`, { cause })
  }
}

function isStage(value: unknown): value is Stage {
  if (!isRecord(value)) return false
  const second = value['atSecond']
  return (
    typeof second === 'number' &&
    second >= 0 &&
    second < SCHEDULE_SECONDS &&
    isConditions(value['default']) &&
    isConditions(value['fallback'])
  )
}

function isConditions(value: unknown): value is Conditions {
  if (!isRecord(value) || typeof value['failing'] !== 'boolean') return false
  return Number.isInteger(value['delayMs']) && Number(value['delayMs']) >= 0
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function up(delayMs: number): Conditions {
  return { delayMs, failing: false }
}

function failing(delayMs: number): Conditions {
  return { delayMs, failing: true }
}
