// Schedules drawn from a seed: each processor is up, slow or failing alternately, without
// regard to the other one.

import { SCHEDULE_SECONDS, type Conditions, type Stage } from '../challenge/stages.ts'
import { Chance } from '../../spec/simulation/chance.ts'

interface Turn {
  readonly share: number
  /** Mean of its exponentially distributed length, s. */
  readonly meanSeconds: number
  readonly delaysMs: readonly number[]
  readonly failing: boolean
}

const UP: Turn = { share: 0.5, meanSeconds: 12, delaysMs: [0, 0, 20, 100], failing: false }

/** What follows a turn is drawn by these shares; one may follow itself. */
const TURNS: readonly Turn[] = [
  UP,
  { share: 0.2, meanSeconds: 6, delaysMs: [300, 1000, 2000, 5000], failing: false },
  { share: 0.3, meanSeconds: 7, delaysMs: [0, 50, 1000], failing: true },
]

/** Shortest turn, s. */
const TURN_SECONDS_MIN = 0.5

interface Change {
  readonly atSecond: number
  readonly conditions: Conditions
}

export function drawSchedule(seed: number): readonly Stage[] {
  const chance = new Chance(seed)
  const changes = { default: draw(chance.branch(1)), fallback: draw(chance.branch(2)) }
  const seconds = [...changes.default, ...changes.fallback].map(({ atSecond }) => atSecond)
  return [...new Set(seconds)]
    .toSorted((one, other) => one - other)
    .map((atSecond) => ({
      atSecond,
      default: conditionsAt(changes.default, atSecond),
      fallback: conditionsAt(changes.fallback, atSecond),
    }))
}

function draw(chance: Chance): readonly Change[] {
  const changes: Change[] = []
  let atSecond = 0
  while (atSecond < SCHEDULE_SECONDS) {
    const { meanSeconds, delaysMs, failing } = pickTurn(chance.next())
    changes.push({ atSecond, conditions: { delayMs: chance.pick(delaysMs), failing } })
    atSecond += Math.max(TURN_SECONDS_MIN, -meanSeconds * Math.log(1 - chance.next()))
  }
  return changes
}

function pickTurn(drawn: number): Turn {
  let left = drawn
  for (const turn of TURNS) {
    left -= turn.share
    if (left < 0) return turn
  }
  return UP
}

function conditionsAt(changes: readonly Change[], second: number): Conditions {
  const change = changes.findLast(({ atSecond }) => atSecond <= second)
  return change?.conditions ?? { delayMs: 0, failing: false }
}
