// CPU of services second by second while a load lasts.

import type { Part } from '../layout/part.ts'
import type { SecondReport } from '../load/tally.ts'
import type { Figures } from './figures.ts'

/** What was used so far. */
export interface CpuReading {
  /** Since the start of the load, ms. */
  readonly atMs: number
  /** Counters that only grow, by the name of their figure: CPU seconds, throttled periods. */
  readonly counters: Figures
}

/**
 * Reads the counters once a second. Its figures: of each service `NAMECpus`, the cores that it used,
 * and of all of them together `throttledPeriods`, in which one was frozen since its quota had run out.
 */
export class CpuWatch {
  readonly #services: readonly Part[]
  readonly #others: () => Figures
  readonly #readings: CpuReading[] = []
  #startedAt = 0
  #timer: NodeJS.Timeout | undefined

  /** @param others CPU seconds so far of what is no service, by name. */
  constructor(services: readonly Part[], others: () => Figures) {
    this.#services = services
    this.#others = others
  }

  /** @param startedAt of the load, monotonic ms. */
  begin(startedAt: number): void {
    this.#startedAt = startedAt
    this.#read()
  }

  /** Ends the watch: a line for each second that was whole. */
  stop(): readonly Figures[] {
    clearTimeout(this.#timer)
    return growthBySecond(this.#readings)
  }

  #read(): void {
    const counters: Record<string, number> = {}
    let throttledPeriods = 0
    for (const part of this.#services) {
      const figures = part.stat()
      counters[`${part.name}Cpus`] = figures.cpuSeconds
      throttledPeriods += figures.throttledPeriods
    }
    for (const [name, seconds] of Object.entries(this.#others())) counters[`${name}Cpus`] = seconds
    const atMs = performance.now() - this.#startedAt
    this.#readings.push({ atMs, counters: { ...counters, throttledPeriods } })
    // At the next whole second of the load, however late this reading is.
    this.#timer = setTimeout(() => this.#read(), 1000 - (atMs % 1000))
  }
}

/**
 * What each counter grew by in each second. A busy machine reads late: between two readings a
 * counter is taken to have grown evenly, so that a late one moves little into the wrong second.
 */
export function growthBySecond(readings: readonly CpuReading[]): readonly Figures[] {
  const seconds = Math.floor((readings.at(-1)?.atMs ?? 0) / 1000)
  const names = Object.keys(readings[0]?.counters ?? {})
  return Array.from({ length: seconds }, (_, second) => {
    const [from, to] = [
      countersAt(readings, second * 1000),
      countersAt(readings, second * 1000 + 1000),
    ]
    return Object.fromEntries(names.map((name) => [name, (to[name] ?? 0) - (from[name] ?? 0)]))
  })
}

/** Joins what clients saw of each second with what the services used in it. */
export function joinSeconds(
  answers: readonly SecondReport[],
  used: readonly Figures[],
): readonly Figures[] {
  return answers.map((report) => ({ ...report, ...used[report.second] }))
}

/** Before the first reading as at it. */
function countersAt(readings: readonly CpuReading[], atMs: number): Figures {
  const next = readings.findIndex((reading) => reading.atMs >= atMs)
  const [before, after] = [readings[next - 1], readings[next]]
  if (after === undefined) return readings.at(-1)?.counters ?? {}
  if (before === undefined) return after.counters
  const share = (atMs - before.atMs) / (after.atMs - before.atMs)
  const between = Object.entries(after.counters).map(([name, value]) => {
    const earlier = before.counters[name] ?? value
    return [name, earlier + (value - earlier) * share] as const
  })
  return Object.fromEntries(between)
}
