// What both versions of cgroups have in common: the handle, the period and the files' formats.

import { existsSync, readFileSync, rmdirSync } from 'node:fs'
import type { Figures } from './figures.ts'

/** One service's cgroup. It outlives its processes, so figures add up over restarts. */
export interface Cgroup {
  /** Files into which a process writes its own id to enter; children inherit the membership. */
  readonly entrances: readonly string[]
  processes(): readonly number[]
  figures(): Figures
  /** Removes the group; its processes must have ended. */
  remove(): void
}

/** CFS period, µs: what Docker uses, and what the challenge is measured with. */
export const CFS_PERIOD_US = 100_000

/** Lines `key value` of a cgroup file as numbers; a missing file has none. */
export function readCounters(path: string): Readonly<Record<string, number>> {
  if (!existsSync(path)) return {}
  const counters: Record<string, number> = {}
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [key, value] = line.split(' ')
    if (key !== undefined && value !== undefined) counters[key] = Number(value)
  }
  return counters
}

/** One number; 0 when the file is missing (older kernels lack some). */
export function readNumber(path: string): number {
  return existsSync(path) ? Number(readFileSync(path, 'utf8').trim()) : 0
}

/** Process ids in a cgroup.procs file. */
export function readProcesses(path: string): readonly number[] {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8').split('\n').filter(Boolean).map(Number)
}

/** A parent goes with its last child; while it has others, the kernel refuses. */
export function removeIfEmpty(path: string): void {
  try {
    rmdirSync(path)
  } catch {
    // Another service's group is still in it.
  }
}
