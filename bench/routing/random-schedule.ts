// Schedules drawn from a seed, each with its fees and with how far back others compare the books.

import type { ProcessorName } from '../../src/actors/model/payment.ts'
import { SCHEDULE_SECONDS, type Conditions, type Stage } from '../challenge/stages.ts'
import { Chance } from '../../spec/simulation/chance.ts'

export interface DrawnSchedule {
  readonly stages: readonly Stage[]
  readonly fees: Readonly<Record<ProcessorName, number>>
  readonly lagMs: number
}

/** How processors may behave over a load; each is as likely as the others. */
const SHAPES = [drawTurns, drawGrid, drawLateRecovery] as const

export function drawSchedule(seed: number): DrawnSchedule {
  const chance = new Chance(seed)
  const stages = chance.pick(SHAPES)(chance.branch(1))
  const money = chance.branch(2)
  const percent = money.pick([2, 5, 8])
  const cheaper = percent / 100
  const dearer = (percent + money.pick([2, 5, 10, 15])) / 100
  const isUsual = money.happens(0.75)
  return {
    stages,
    fees: isUsual ? { default: cheaper, fallback: dearer } : { default: dearer, fallback: cheaper },
    lagMs: money.pick([500, 1000, 1500, 1500, 2000, 3000]),
  }
}

const QUICK_MS = [0, 0, 20, 100] as const
const SLOW_MS = [300, 700, 1000, 1400, 2000, 3000, 4000, 5000] as const
const FAILING_MS = [0, 50, 1000, 2000] as const

function up(chance: Chance): Conditions {
  return { delayMs: chance.pick(QUICK_MS), failing: false }
}

function slow(chance: Chance): Conditions {
  return { delayMs: chance.pick(SLOW_MS), failing: false }
}

function failing(chance: Chance): Conditions {
  return { delayMs: chance.pick(FAILING_MS), failing: true }
}

/** Each processor is up, slow or failing in turn, without regard to the other one. */
function drawTurns(chance: Chance): readonly Stage[] {
  const changes = {
    default: drawChanges(chance.branch(1)),
    fallback: drawChanges(chance.branch(2)),
  }
  const seconds = [...changes.default, ...changes.fallback].map(({ atSecond }) => atSecond)
  return [...new Set(seconds)]
    .toSorted((one, other) => one - other)
    .map((atSecond) => ({
      atSecond,
      default: conditionsAt(changes.default, atSecond),
      fallback: conditionsAt(changes.fallback, atSecond),
    }))
}

interface Change {
  readonly atSecond: number
  readonly conditions: Conditions
}

interface Shared<Value> {
  /** How often it is drawn, 0 to 1. */
  readonly share: number
  readonly draw: (chance: Chance) => Value
}

interface Turn extends Shared<Conditions> {
  /** Its length is exponentially distributed, with this mean, s. */
  readonly meanSeconds: number
}

/** What follows a turn is drawn by these shares; one may follow itself. */
const TURNS: readonly [Turn, ...Turn[]] = [
  { share: 0.5, meanSeconds: 12, draw: up },
  { share: 0.2, meanSeconds: 6, draw: slow },
  { share: 0.3, meanSeconds: 7, draw: failing },
]

/** Shortest turn, s. */
const TURN_SECONDS_MIN = 0.5

function drawChanges(chance: Chance): readonly Change[] {
  const changes: Change[] = []
  let atSecond = 0
  while (atSecond < SCHEDULE_SECONDS) {
    const { meanSeconds, draw } = pickByShare(chance, TURNS)
    changes.push({ atSecond, conditions: draw(chance) })
    atSecond += Math.max(TURN_SECONDS_MIN, -meanSeconds * Math.log(1 - chance.next()))
  }
  return changes
}

function conditionsAt(changes: readonly Change[], second: number): Conditions {
  const change = changes.findLast(({ atSecond }) => atSecond <= second)
  return change?.conditions ?? { delayMs: 0, failing: false }
}

type Pair = readonly [byDefault: Conditions, fallback: Conditions]

/** What may be in a stage of the challenge. */
const PAIRS: readonly [Shared<Pair>, ...Shared<Pair>[]] = [
  { share: 0.3, draw: (chance) => [up(chance), up(chance)] },
  { share: 0.15, draw: (chance) => [slow(chance), up(chance)] },
  { share: 0.1, draw: (chance) => [up(chance), slow(chance)] },
  { share: 0.15, draw: (chance) => [failing(chance), up(chance)] },
  { share: 0.1, draw: (chance) => [failing(chance), slow(chance)] },
  { share: 0.1, draw: (chance) => [slow(chance), failing(chance)] },
  { share: 0.1, draw: (chance) => [failing(chance), failing(chance)] },
]

/** As the challenge's: six stages of about 10 s, the first of them calm. */
function drawGrid(chance: Chance): readonly Stage[] {
  const calm = { delayMs: 0, failing: false }
  const drawn = Array.from({ length: 5 }, (_, index): Stage => {
    const [byDefault, fallback] = pickByShare(chance, PAIRS).draw(chance)
    const atSecond = 10 * (index + 1) + chance.pick([0, 0, 0, -3, 2])
    return { atSecond, default: byDefault, fallback }
  })
  return [{ atSecond: 0, default: calm, fallback: calm }, ...drawn]
}

/** Both fail, one of them comes back and is slow, the other one comes back near the end or never. */
function drawLateRecovery(chance: Chance): readonly Stage[] {
  const failsAt = chance.between([8, 25])
  const backAt = failsAt + chance.between([8, 20])
  const otherBackAt = chance.between([backAt + 5, 70])
  const isFirst = chance.happens(0.5)
  const [down, other] = [failing(chance), failing(chance)]
  const pair = (one: Conditions, second: Conditions) =>
    isFirst ? { default: one, fallback: second } : { default: second, fallback: one }
  const back = slow(chance)
  const stages: readonly Stage[] = [
    { atSecond: 0, ...pair(up(chance), up(chance)) },
    { atSecond: failsAt, ...pair(down, other) },
    { atSecond: backAt, ...pair(back, other) },
    { atSecond: otherBackAt, ...pair(back, up(chance)) },
  ]
  return stages.filter(({ atSecond }) => atSecond < SCHEDULE_SECONDS)
}

function pickByShare<Item extends { readonly share: number }>(
  chance: Chance,
  items: readonly [Item, ...Item[]],
): Item {
  let left = chance.next()
  for (const item of items) {
    left -= item.share
    if (left < 0) return item
  }
  return items[0]
}
