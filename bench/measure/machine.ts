// What a result was measured on: the machine, and how busy others kept it meanwhile.

import assert from 'node:assert'
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { cpus, release, tmpdir, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { type Figures, median, rounded } from './figures.ts'

export interface Machine {
  readonly processor: string
  readonly cores: number
  readonly memoryMiB: number
  readonly system: string
  readonly node: string
}

export function describeMachine(): Machine {
  const all = cpus()
  return {
    processor: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryMiB: Math.round(totalmem() / 1024 ** 2),
    system: `${type()} ${release()}`,
    node: process.version,
  }
}

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

/** What the loop took, ms. On a quiet machine both are equal and always the same. */
export interface Calibration {
  readonly wallMs: number
  readonly cpuMs: number
}

/** Runs the loop once: some 50 ms on a core of the year 2024. */
export function calibrate(): Calibration {
  const startedAt = performance.now()
  const cpu = process.cpuUsage()
  const checksum = mix(ROUNDS)
  const { user, system } = process.cpuUsage(cpu)
  const wallMs = performance.now() - startedAt
  assert.equal(checksum, CHECKSUM, 'the calibration loop did other work than always')
  return { wallMs, cpuMs: (user + system) / 1000 }
}

/** Integer arithmetic over a table that fits the second-level cache. */
function mix(rounds: number): number {
  let state = 0x9e3779b9
  for (let round = 0; round < rounds; round += 1) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    const cell = state & CELLS_MASK
    TABLE[cell] = ((TABLE[cell] ?? 0) + round) | 0
  }
  const checksum = TABLE.reduce((sum, value) => (Math.imul(sum, 31) + value) | 0, state)
  TABLE.fill(0)
  return checksum
}

const CELLS_MASK = 0xffff
const TABLE = new Int32Array(CELLS_MASK + 1)
const ROUNDS = 30_000_000
/** Result of `mix(ROUNDS)`: proof that each calibration did the same. */
const CHECKSUM = 8_169_952

export interface DiskProbe {
  readonly medianMs: number
  readonly maxMs: number
}

/** A few dozen writes of one page of PostgreSQL's log, each made durable. */
export function probeDisk(): DiskProbe {
  const dir = mkdtempSync(join(tmpdir(), 'pit-disk-'))
  const file = openSync(join(dir, 'log'), 'w')
  try {
    const took = Array.from({ length: WRITES }, () => {
      const startedAt = performance.now()
      writeSync(file, PAGE)
      fdatasyncSync(file)
      return performance.now() - startedAt
    })
    return { medianMs: median(took), maxMs: Math.max(...took) }
  } finally {
    closeSync(file)
    rmSync(dir, { recursive: true })
  }
}

const WRITES = 30
const PAGE = Buffer.alloc(8192, 1)
