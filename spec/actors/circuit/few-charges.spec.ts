// Circuits of processors that get few charges.

import t from 'tap'
import type { HealthEvent } from '../../../src/actors/circuit/context.ts'
import { circuitAfter } from '../../support/circuit-after.ts'
import { SETTINGS } from '../../support/circuit-settings.ts'

const MINUTE_MS = 60_000

function attempt(at: number, failed: boolean): HealthEvent {
  return { type: 'attempt.reported', failed, detail: 'said', tookMs: 1, at }
}

/** One attempt a minute: `x` fails, `o` does not. */
function eachMinute(attempts: string, fromMinute = 0): readonly HealthEvent[] {
  return Array.from(attempts, (end, index) =>
    attempt((fromMinute + index + 1) * MINUTE_MS, end === 'x'),
  )
}

t.test('as many failures in a row as a rate needs open a circuit, however rare', async (t) => {
  const { callsMin } = SETTINGS
  const row = 'x'.repeat(callsMin)
  const almost = 'x'.repeat(callsMin - 1)

  for (const [attempts, state] of [
    [row, 'open'],
    [almost, 'closed'],
    [`${almost}o${almost}`, 'closed'],
    [`ooooo${row}`, 'open'],
    [`${almost}o`, 'closed'],
  ] as const) {
    t.equal(circuitAfter(...eachMinute(attempts)).value, state, attempts)
  }
})

/** Opened by the processor's word, then half-open; the openings count from 1. */
function trial(opening: number): readonly HealthEvent[] {
  const at = opening * MINUTE_MS
  return [{ type: 'cooldown.elapsed', opening, at }, attempt(at + 10, true)]
}

const SAID_FAILING: HealthEvent = {
  type: 'probe.answered',
  failing: true,
  minResponseMs: 5,
  at: 1,
}

t.test('trials that fail are counted until one is answered well', async (t) => {
  const failedOften = [SAID_FAILING, ...trial(1), ...trial(2), ...trial(3)]
  const halfOpened: HealthEvent = { type: 'cooldown.elapsed', opening: 4, at: 4 * MINUTE_MS }
  const at = 4 * MINUTE_MS + 10
  const count = (...then: readonly HealthEvent[]) => circuitAfter(...failedOften, ...then).context

  t.equal(count().failedTrials, 3)
  t.equal(count(halfOpened).failedTrials, 3)
  t.equal(count(halfOpened, { ...SAID_FAILING, at }).failedTrials, 3, 'that was no trial')
  t.equal(count(halfOpened, attempt(at, false)).failedTrials, 0)
  const usable: HealthEvent = { ...SAID_FAILING, failing: false, at }
  t.match(count(halfOpened, usable), { failedTrials: 3, usableAt: at }, 'it says that it works')
  t.match(count(usable), { failedTrials: 3, usableAt: at }, 'also while open')
  const later = { ...SAID_FAILING, at: at + 1 }
  t.match(count(usable, later), { usableAt: at, probedAt: at + 1 }, 'as long as it did')
  const held = (by: 'open' | null): HealthEvent => ({
    type: 'hold.changed',
    held: by && { to: by, cause: 'ordered' },
    at,
  })
  t.equal(count(held('open'), held(null)).failedTrials, 0)
})

t.test('a circuit that closes has no failures in a row', async (t) => {
  const held = (by: 'closed' | null): HealthEvent => ({
    type: 'hold.changed',
    held: by && { to: by, cause: 'ordered' },
    at: 1,
  })
  const closed = circuitAfter(held('closed'), ...eachMinute('xxxxxxxx'), held(null))

  t.same([closed.value, closed.context.failedInARow], ['closed', 0])
})
