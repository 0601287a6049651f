// A fixed piece of work: when it takes longer than usual, the machine is slower or busier than usual.

import assert from 'node:assert'

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
/** Of `mix(ROUNDS)`: proof that each calibration did the same. */
const CHECKSUM = 8_169_952
