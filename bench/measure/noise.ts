// How noisy the machine was during a run, told beside the run's own figures.

import { existsSync, readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { calibrate } from './calibration.ts'
import { probeDisk } from './disk-probe.ts'
import { rounded, type Figures } from './figures.ts'

/** What the machine has done since its start, by its own clocks. */
interface MachineTimes {
  /** Monotonic, ms. */
  readonly at: number
  /** CPU time of all cores and all programs, ms. */
  readonly busyMs: number
  /** Time that the cores were taken away by the host of a virtual machine, ms. */
  readonly stolenMs: number
}

/**
 * Starts to watch; the answer ends the watch. Its figures:
 * - `calibrationCpuMs`, `calibrationWallMs`: the fixed loop, mean of before and after the run;
 * - `fsyncMs`, `fsyncMaxMs`: a small write made durable, what a commit waits for at least;
 * - `wallSeconds`, `cpuSeconds`: how long the run was, and what all programs used of the cores in it;
 * - `busyCpus`: cores in use on average over the run by all programs, these benchmarks included;
 * - `stolenPercent`: time that the cores were taken away by the host, of all their time.
 */
export function watchNoise(): () => Figures {
  const before = { ...calibrate(), ...probeDisk() }
  const start = readTimes()
  return () => {
    const end = readTimes()
    const after = { ...calibrate(), ...probeDisk() }
    const elapsedMs = Math.max(1, end.at - start.at)
    const stolen = (end.stolenMs - start.stolenMs) / (elapsedMs * cpus().length)
    return {
      calibrationCpuMs: rounded((before.cpuMs + after.cpuMs) / 2),
      calibrationWallMs: rounded((before.wallMs + after.wallMs) / 2),
      fsyncMs: rounded((before.medianMs + after.medianMs) / 2),
      fsyncMaxMs: rounded(Math.max(before.maxMs, after.maxMs)),
      wallSeconds: rounded(elapsedMs / 1000),
      cpuSeconds: rounded((end.busyMs - start.busyMs) / 1000),
      busyCpus: rounded((end.busyMs - start.busyMs) / elapsedMs),
      stolenPercent: rounded(stolen * 100),
    }
  }
}

/** One line for a terminal. */
export function describeNoise(noise: Figures): string {
  const told = Object.entries(noise).map(([name, value]) => `${name} ${value}`)
  return `machine of ${cpus().length} cores: ${told.join(', ')}`
}

function readTimes(): MachineTimes {
  let busyMs = 0
  for (const { times } of cpus()) busyMs += times.user + times.nice + times.sys + times.irq
  return { at: performance.now(), busyMs, stolenMs: readStolenMs() }
}

/** The eighth figure of the first line of /proc/stat, in ticks of 10 ms; 0 where there is none. */
function readStolenMs(): number {
  if (!existsSync(STAT)) return 0
  const [line = ''] = readFileSync(STAT, 'utf8').split('\n')
  return Number(line.trim().split(/\s+/)[8] ?? 0) * 10
}

const STAT = '/proc/stat'
