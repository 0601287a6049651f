// The charges of one processor in the order of sending: what the answers to them say of now, when one
// more is due to see whether it works again, and for how long it lets them wait. So one that becomes
// slow or hangs is noticed before its first late answer, or time-out: it is silent while the oldest
// charge that was sent after the last one that was heard of has waited for long, and timed out if need
// be (one that got lost says nothing once a later one is heard of), or while so many wait for long that
// the circuit would open if they failed.

import assert from 'node:assert'
import { OVERTAKEN_MAX, smoothingOf, type ChargeOrder } from './context.ts'

/** Between two charges that are sent into a silence, ms. */
const TRIAL_PAUSE_MIN_MS = 1000
const TRIAL_PAUSE_MAX_MS = 2000
/** The same as a share of its length, 0 to 1. */
const TRIAL_PAUSE_SHARE = 0.5

/** Between two that see whether a processor is quicker than it is thought to be, at most, ms. */
const LATE_TRIAL_PAUSE_MAX_MS = 2000

/** Below this share of the time that it is thought to take one that was charged is quicker. */
const QUICK_SHARE = 0.5

/** Charges to the other processor between two that see whether this one is quicker by now. */
const LATE_TRIAL_ELSEWHERE = 4

/** After this time without a charge one that has failed gets another, ms, however few go elsewhere. */
const TURN_MAX_MS = 30_000

/** Charges to the other processor between two trials, at most. */
const ELSEWHERE_MAX = 16

/** How many that are after so many trials without good news. */
function chargesElsewhere(trials: number): number {
  return trials === 0 ? 0 : Math.min(ELSEWHERE_MAX, 2 ** trials)
}

export class SentCharges {
  readonly #times: SendTimes
  /** The highest number that was heard of: charges are numbered as they are sent, from 1 on. */
  #heard = 0
  #out = 0
  /** Charges up to this number say nothing of what is now. */
  #pastUpTo = 0
  /** Those above it that are out. */
  #counted = 0
  /** The number of the first trial; one that is past: none was sent since. */
  #firstTrial = 0
  /** Monotonic, ms: what was sent before is past. */
  #forgottenBefore = 0
  /** Those up to this number that are out hang. */
  #hangingUpTo = 0
  #hanging = 0
  /** Smoothed time of good answers, ms. */
  #usualMs = 0
  /** The highest numbers of charges that were settled, the highest first. */
  readonly #settled: number[] = []
  /** Time in which the charge that was sent last was settled, ms; infinite while it was not. */
  #lastTookMs = Number.POSITIVE_INFINITY
  /** Trials since something was heard last. */
  #trials = 0
  /** Charges that had been sent to the other processor when one was sent here last. */
  #elsewhere = 0

  /** `chargesMax`: in flight at once. */
  constructor(chargesMax: number) {
    this.#times = createSendTimes(chargesMax)
  }

  /** Charges so far. */
  get count(): number {
    return this.#times.count
  }

  /** Charges that are still out of those that were at the last trial, or before the circuit was open. */
  get hanging(): number {
    return this.#hanging
  }

  /** How long charges usually take that are settled, ms. */
  get usualMs(): number {
    return this.#usualMs
  }

  /**
   * Counts a charge that is sent at this monotonic instant, ms, when so many had been sent to the other
   * processor; its number.
   */
  sent(at: number, sentElsewhere: number): number {
    this.#lastTookMs = Number.POSITIVE_INFINITY
    this.#elsewhere = sentElsewhere
    this.#out += 1
    this.#counted += 1
    this.#times.push(at, this.#out - this.#hanging)
    return this.count
  }

  /** The same, into a silence. */
  tried(at: number, sentElsewhere: number): number {
    if (this.#isPast(this.#firstTrial)) this.#firstTrial = this.count + 1
    this.#leaveHanging()
    this.#trials += 1
    return this.sent(at, sentElsewhere)
  }

  /**
   * What a charge says of now, by the order of sending; before its answer is counted. Those that are out
   * for longer than `longMs` are not ahead of it.
   */
  orderOf(number: number, now: number, longMs = 0): ChargeOrder {
    const place = this.#placeOf(number)
    const overtakenBy = place > 0 && this.#times.isSlowLately(now) ? 0 : place
    const among = this.#times.amongOf(number)
    return {
      isPast: this.#isPast(number),
      overtakenBy,
      among,
      ahead: this.#times.countAhead(number, now, { after: this.#pastUpTo, longMs }),
    }
  }

  /** Takes the time in which a charge was settled, ms. */
  settled(number: number, tookMs: number, { isPast, overtakenBy }: ChargeOrder): void {
    if (!isPast) this.#usualMs += smoothingOf(overtakenBy) * (tookMs - this.#usualMs)
    if (number === this.count) this.#lastTookMs = tookMs
    this.#settled.splice(this.#placeOf(number), 0, number)
    if (this.#settled.length > OVERTAKEN_MAX) this.#settled.pop()
  }

  /** Whatever the answer is, also that none came in time: `isHeard` false. */
  answered(number: number, isHeard: boolean): void {
    this.#out -= 1
    this.#times.end(number)
    if (number <= this.#hangingUpTo) this.#hanging -= 1
    if (isHeard) {
      this.#heard = Math.max(this.#heard, number)
      this.#trials = 0
    }
    if (this.#isPast(number)) return
    this.#counted -= 1
    if (isHeard && !this.#isPast(this.#firstTrial) && number >= this.#firstTrial) this.#begin()
  }

  /** What was sent before that instant says nothing any more: the circuit has been open since. */
  forget(before: number): void {
    if (before <= this.#forgottenBefore) return
    this.#forgottenBefore = before
    this.#leaveHanging()
    this.#begin()
  }

  /** Age of the oldest charge sent after the last one that was heard of, ms; 0 while there is none. */
  lengthAt(now: number): number {
    const last = Math.max(this.#heard, this.#pastUpTo)
    return last === this.count ? 0 : this.#times.ageOf(last + 1, now)
  }

  /**
   * Charges, at least so many, that have waited for longer than `ms`. Those that were out when a trial
   * was heard of do not count: it works again, whatever becomes of them.
   */
  overdueAt(now: number, ms: number): number {
    // Those that were sent since may have been answered, so it is at least what is beyond them.
    return this.#counted - this.#times.countWithin(ms, now, this.#counted)
  }

  /**
   * Whether it is time for a trial: to send one more charge into a silence, to see whether it has ended.
   * Each may leave a payment in doubt. So the time between two of them grows with it, and with each
   * the number of payments that the other processor has to get first: where few come, most would be
   * trials else.
   */
  isTrialDue(now: number, sentElsewhere: number): boolean {
    const shareMs = Math.min(TRIAL_PAUSE_MAX_MS, TRIAL_PAUSE_SHARE * this.lengthAt(now))
    if (this.#times.ageOf(this.count, now) < Math.max(TRIAL_PAUSE_MIN_MS, shareMs)) return false
    return this.#hasLeftOut(chargesElsewhere(this.#trials), sentElsewhere)
  }

  /**
   * Whether it is time for one more charge to a processor that is thought to take so long, ms, to see
   * whether it is quicker by now: after a pause, or as soon as the last one was. So few get into one
   * that takes long for half of them.
   */
  isLateTrialDue(now: number, expectedMs: number, sentElsewhere: number): boolean {
    if (this.#lastTookMs < QUICK_SHARE * expectedMs) return true
    const pauseMs = this.count === 0 ? Infinity : this.#times.ageOf(this.count, now)
    const leastMs = Math.min(LATE_TRIAL_PAUSE_MAX_MS, expectedMs)
    if (pauseMs < Math.max(TRIAL_PAUSE_MIN_MS, leastMs)) return false
    return this.#hasLeftOut(LATE_TRIAL_ELSEWHERE, sentElsewhere)
  }

  /**
   * Whether it is time to send a charge to a processor that has failed so many trials: since the last
   * one here the other one has got its share of charges, or this one has said that it works (at
   * `usableAt`, monotonic, ms), or much time has passed.
   */
  isTurn(now: number, { failedTrials, usableAt }: TrialNews, sentElsewhere: number): boolean {
    if (this.#hasLeftOut(chargesElsewhere(failedTrials), sentElsewhere)) return true
    const pausedMs = this.#times.ageOf(this.count, now)
    return pausedMs >= TURN_MAX_MS || usableAt > now - pausedMs
  }

  /** Among those that were settled, after the ones that were sent later. */
  #placeOf(number: number): number {
    const place = this.#settled.findIndex((settled) => settled < number)
    return place === -1 ? this.#settled.length : place
  }

  #hasLeftOut(least: number, sentElsewhere: number): boolean {
    return sentElsewhere - this.#elsewhere >= least
  }

  #isPast(number: number): boolean {
    return number <= this.#pastUpTo
  }

  #leaveHanging(): void {
    this.#hangingUpTo = this.count
    this.#hanging = this.#out
  }

  #begin(): void {
    this.#pastUpTo = this.count
    this.#counted = 0
    this.#trials = 0
  }
}

/** Charges sent so long ago, ms, and at most so many, show whether some take long at the moment. */
const LATELY_MIN_MS = 250
const LATELY_MAX_MS = 1250
const LATELY_CHARGES = 16
/** Share of them, 0 to 1. */
const SLOW_SHARE = 1 / 8

interface TrialNews {
  readonly failedTrials: number
  readonly usableAt: number
}

/** When the last charges were sent, by their numbers. */
interface SendTimes {
  readonly count: number
  /** `among`: as in `ChargeOrder`. */
  push(at: number, among: number): void
  /** 0 where it is not known any more. */
  amongOf(number: number): number
  /** How long ago it was sent, ms; one that is not known any more at least so long ago. */
  ageOf(number: number, now: number): number
  /** That one is out no more. */
  end(number: number): void
  /** Those before it and after another one that are out for not longer than `longMs`. */
  countAhead(number: number, now: number, others: { after: number; longMs: number }): number
  /** Whether of the latest that had time to be answered some are out. */
  isSlowLately(now: number): boolean
  /** How many of the last `max` are not older than `ms`. */
  countWithin(ms: number, now: number, max: number): number
}

function createSendTimes(kept: number): SendTimes {
  const times = new Float64Array(kept)
  const outs = new Uint8Array(kept)
  const crowds = new Uint32Array(kept)
  let count = 0
  const ageOf = (number: number, now: number): number => {
    const at = times[(Math.max(number, count - kept + 1) - 1) % kept]
    assert(at !== undefined, 'a charge that was sent has its place')
    return now - at
  }
  const countWithin = (ms: number, now: number, max: number): number => {
    let [within, beyond] = [0, Math.min(max, kept)]
    while (within < beyond) {
      const middle = Math.floor((within + beyond) / 2)
      if (ageOf(count - middle, now) > ms) beyond = middle
      else within = middle + 1
    }
    return within
  }
  /** One of the last `kept`. */
  const isOut = (number: number): boolean => outs[(number - 1) % kept] === 1
  return {
    get count() {
      return count
    },
    push(at, among) {
      times[count % kept] = at
      outs[count % kept] = 1
      crowds[count % kept] = among
      count += 1
    },
    amongOf: (number) => (number > count - kept ? (crowds[(number - 1) % kept] ?? 0) : 0),
    ageOf,
    end(number) {
      if (number > count - kept) outs[(number - 1) % kept] = 0
    },
    countAhead(number, now, { after, longMs }) {
      const first = Math.max(after, count - kept) + 1
      let ahead = 0
      for (let each = number - 1; each >= first && ageOf(each, now) <= longMs; each -= 1) {
        if (isOut(each)) ahead += 1
      }
      return ahead
    },
    isSlowLately(now) {
      const latest = count - countWithin(LATELY_MIN_MS, now, count)
      const first = Math.max(0, count - kept, latest - LATELY_CHARGES) + 1
      let [out, all] = [0, 0]
      for (
        let number = latest;
        number >= first && ageOf(number, now) <= LATELY_MAX_MS;
        number -= 1
      ) {
        if (isOut(number)) out += 1
        all += 1
      }
      return all > 0 && out >= SLOW_SHARE * all
    },
    countWithin,
  }
}

/** Shorter than this, ms, it is no silence: a pause of this process is as long now and then. */
const SILENCE_MIN_MS = 250

/** How many times longer than expected. */
const SILENCE_FACTOR = 3

/** How long charges may wait, ms, at a processor that is expected to answer within this time, ms. */
export function patienceMs(expectedMs: number): number {
  return Math.max(SILENCE_MIN_MS, SILENCE_FACTOR * expectedMs)
}
