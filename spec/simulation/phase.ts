// How a simulated processor behaves for a while.

import type { Chance, Span } from './chance.ts'

/** Shares are 0 to 1, of the requests that arrive. */
export interface Phase {
  readonly name: string
  /** Time between a request's arrival and its recording, ms. */
  readonly delayMs: Span
  /** Answers 500 instead of recording. */
  readonly isFailing: boolean
  /** Connections refused. */
  readonly refused: number
  /** 429. */
  readonly limited: number
  /** Connections reset before the request was read, and after it was recorded. */
  readonly resetBefore: number
  readonly resetAfter: number
  /** 500 though it was recorded. */
  readonly failedAfter: number
  /** 400 though nothing is wrong. */
  readonly rejected: number
  /** Requests that the network holds up on their way, and how long, ms. */
  readonly loitering: number
  readonly loiterMs: Span
  /** Look-ups without a usable answer, and how late the others are, ms. */
  readonly lookUpFailed: number
  readonly lookUpDelayMs: Span
}

/** Bounds that a phase keeps, all ms: what Pit is configured to expect. */
export interface PhaseBounds {
  readonly attemptTimeoutMs: number
  readonly lookUpTimeoutMs: number
  /** From its sending, a request is recorded within this time or never. */
  readonly landingMaxMs: number
}

export const HEALTHY: Phase = {
  name: 'healthy',
  delayMs: [0, 4],
  isFailing: false,
  refused: 0,
  limited: 0,
  resetBefore: 0,
  resetAfter: 0,
  failedAfter: 0,
  rejected: 0,
  loitering: 0,
  loiterMs: [0, 0],
  lookUpFailed: 0,
  lookUpDelayMs: [0, 3],
}

/** One of the ways to go wrong; the worst of them mixes several. */
export function drawPhase(chance: Chance, bounds: PhaseBounds): Phase {
  const kind = chance.pick(KINDS)
  const phase = { ...HEALTHY, name: kind, ...changeFor(kind, chance, bounds) }
  return chance.happens(0.3) ? { ...phase, ...troubledLookUps(chance, bounds) } : phase
}

/** Answers nothing before a caller gives up; what was sent is recorded all the same. */
export function hangingPhase({ attemptTimeoutMs, landingMaxMs }: PhaseBounds): Phase {
  return { ...HEALTHY, name: 'hanging', delayMs: [attemptTimeoutMs, landingMaxMs * 0.9] }
}

const KINDS = [
  'healthy',
  'failing',
  'slow',
  'tooSlow',
  'refusing',
  'limiting',
  'resetting',
  'lying',
  'loitering',
  'rejecting',
  'mixed',
] as const

function changeFor(
  kind: (typeof KINDS)[number],
  chance: Chance,
  { attemptTimeoutMs, landingMaxMs }: PhaseBounds,
): Partial<Phase> {
  const share = chance.between([0.1, 0.9])
  const late: Span = [attemptTimeoutMs * 0.5, landingMaxMs * 0.9]
  switch (kind) {
    case 'healthy':
      return {}
    case 'failing':
      return { isFailing: true, delayMs: [0, chance.pick([2, 50])] }
    case 'slow':
      return { delayMs: [5, attemptTimeoutMs * 0.9] }
    case 'tooSlow':
      return { delayMs: late }
    case 'refusing':
      return { refused: chance.pick([share, 1]) }
    case 'limiting':
      return { limited: share }
    case 'resetting':
      return { resetBefore: share / 2, resetAfter: share / 2 }
    case 'lying':
      return { failedAfter: share }
    case 'loitering':
      return { loitering: share, loiterMs: late }
    case 'rejecting':
      return { rejected: share / 4, resetAfter: share / 4 }
    case 'mixed':
      return {
        delayMs: [0, attemptTimeoutMs * 0.6],
        refused: share / 6,
        limited: share / 6,
        resetBefore: share / 6,
        resetAfter: share / 6,
        failedAfter: share / 6,
        loitering: share / 6,
        loiterMs: [0, landingMaxMs * 0.4],
      }
  }
}

function troubledLookUps(chance: Chance, { lookUpTimeoutMs }: PhaseBounds): Partial<Phase> {
  return {
    lookUpFailed: chance.between([0, 0.8]),
    lookUpDelayMs: [0, chance.pick([3, lookUpTimeoutMs * 1.5])],
  }
}
