// The schedules that a study plays: what the two processors do during a load and keep of it, and how
// far back the books are compared; named, some drawn.

import { CALM, SCHEDULES, SCHEDULE_SECONDS, type Stage } from '../challenge/stages.ts'
import { drawSchedule, type DrawnSchedule } from './random-schedule.ts'

export interface Schedule extends DrawnSchedule {
  readonly name: string
}

const FAILING = { delayMs: 0, failing: true }
const FALLBACK = { delayMs: 20, failing: false }

/** The challenge's own. */
const FEES = { default: 0.05, fallback: 0.15 }
const LAG_MS = 1500

/** Known beforehand; the first is the load script's own. */
const NAMED_STAGES: readonly { readonly name: string; readonly stages: readonly Stage[] }[] = [
  { name: 'challenge', stages: SCHEDULES['challenge'] ?? [] },
  {
    name: 'mostly-down',
    stages: alternate({
      seconds: [5, 15, 2, 15, 3, 20],
      default: [CALM, FAILING],
      fallback: [FALLBACK, FALLBACK],
    }),
  },
  {
    name: 'flapping',
    stages: alternate({
      seconds: Array.from({ length: SCHEDULE_SECONDS }, () => 1),
      default: [CALM, FAILING],
      fallback: [FAILING, FALLBACK],
    }),
  },
  { name: 'slow-default', stages: [{ atSecond: 0, default: slow(1000), fallback: FALLBACK }] },
  {
    name: 'slow-and-down',
    stages: alternate({
      seconds: [10, 15, 10, 15, 10],
      default: [CALM, slow(1500)],
      fallback: [FALLBACK, FAILING],
    }),
  },
  {
    name: 'default-first',
    stages: [
      { atSecond: 0, default: CALM, fallback: FALLBACK },
      { atSecond: 10, default: FAILING, fallback: FAILING },
      { atSecond: 30, default: CALM, fallback: FAILING },
      { atSecond: 45, default: CALM, fallback: FALLBACK },
    ],
  },
  {
    name: 'fallback-first',
    stages: [
      { atSecond: 0, default: CALM, fallback: FALLBACK },
      { atSecond: 10, default: FAILING, fallback: FAILING },
      { atSecond: 20, default: FAILING, fallback: FALLBACK },
      { atSecond: 40, default: CALM, fallback: FALLBACK },
    ],
  },
  {
    name: 'down-at-end',
    stages: [
      { atSecond: 0, default: CALM, fallback: FALLBACK },
      { atSecond: 45, default: FAILING, fallback: FALLBACK },
    ],
  },
]

export const NAMED: readonly Schedule[] = NAMED_STAGES.map((named) => ({
  ...named,
  fees: FEES,
  lagMs: LAG_MS,
}))

/** The named schedules and so many drawn ones, from seed `from` on. */
export function listSchedules(drawn: { from: number; count: number }): readonly Schedule[] {
  return [
    ...NAMED,
    ...Array.from({ length: drawn.count }, (_, index) => {
      const seed = drawn.from + index
      return { name: `random-${seed}`, ...drawSchedule(seed) }
    }),
  ]
}

/** One pair of conditions and the other in turn, each for as many seconds as `seconds` says. */
function alternate(turns: {
  readonly seconds: readonly number[]
  readonly default: readonly [Stage['default'], Stage['default']]
  readonly fallback: readonly [Stage['fallback'], Stage['fallback']]
}): readonly Stage[] {
  let atSecond = 0
  return turns.seconds.map((lasts, index) => {
    const [one, other] = [turns.default, turns.fallback]
    const stage = { atSecond, default: one[even(index)], fallback: other[even(index)] }
    atSecond += lasts
    return stage
  })
}

function even(index: number): 0 | 1 {
  return index % 2 === 0 ? 0 : 1
}

function slow(delayMs: number): Stage['default'] {
  return { delayMs, failing: false }
}
