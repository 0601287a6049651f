// How long a processor lets its charges wait: the age of the oldest one that was sent after the last
// one that it has answered. So a processor that becomes slow is noticed before its first late
// answer, and a single charge that got lost says nothing once a later one is answered.

export interface Silence {
  /** Counts a charge that is sent at this monotonic instant, ms, maybe into a silence; its number. */
  sent(at: number, isTrial?: boolean): number
  /** Whatever the answer is, also that none came in time. */
  answered(number: number): void
  /** ms; 0 while no such charge is out. */
  lengthAt(now: number): number
  /**
   * Whether it is a silence, for a processor that usually answers in `usualMs`, and time to send one
   * more charge into it, to see whether it has ended. The time between two of them grows with it: each
   * may leave a payment in doubt.
   */
  isTrialDue(now: number, usualMs: number): boolean
  /** Charges that are still out of those that were when it was last tried so. */
  hanging(): number
}

/** Between two charges that are sent into a silence, ms. */
const TRIAL_PAUSE_MIN_MS = 1000
const TRIAL_PAUSE_MAX_MS = 2000
/** The same as a share of its length, 0 to 1. */
const TRIAL_PAUSE_SHARE = 0.5

/** `chargesMax`: in flight at once. */
export function createSilence(chargesMax: number): Silence {
  const sentAt = new Float64Array(chargesMax)
  let sent = 0
  /** The highest number that was answered: charges are numbered as they are sent. */
  let answered = 0
  let out = 0
  /** Those up to this number that are out hang. */
  let hangingUpTo = 0
  let hanging = 0
  const sinceSentMs = (index: number, now: number): number =>
    now - (sentAt[index % chargesMax] ?? now)
  const lengthAt = (now: number): number => (answered === sent ? 0 : sinceSentMs(answered, now))
  return {
    sent(at, isTrial = false) {
      if (isTrial) {
        hangingUpTo = sent
        hanging = out
      }
      sentAt[sent % chargesMax] = at
      sent += 1
      out += 1
      return sent
    },
    answered(number) {
      answered = Math.max(answered, number)
      out -= 1
      if (number <= hangingUpTo) hanging -= 1
    },
    lengthAt,
    isTrialDue(now, usualMs) {
      const silentMs = lengthAt(now)
      if (!isSilence(silentMs, usualMs)) return false
      const shareMs = Math.min(TRIAL_PAUSE_MAX_MS, TRIAL_PAUSE_SHARE * silentMs)
      return sinceSentMs(sent - 1, now) >= Math.max(TRIAL_PAUSE_MIN_MS, shareMs)
    },
    hanging: () => hanging,
  }
}

/** Shorter than this, ms, it is no silence: a pause of this process is as long now and then. */
const SILENCE_MIN_MS = 250

/** How many times longer than expected. */
const SILENCE_FACTOR = 3

export function isSilence(silentMs: number, expectedMs: number): boolean {
  return silentMs > Math.max(SILENCE_MIN_MS, SILENCE_FACTOR * expectedMs)
}
