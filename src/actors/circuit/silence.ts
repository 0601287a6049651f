// How long a processor lets its charges wait: the age of the oldest one that was sent after the last
// one that it has answered. So a processor that becomes slow is noticed before its first late
// answer, and a single charge that got lost says nothing once a later one is answered.

export interface Silence {
  /** Counts a charge that is sent at this monotonic instant, ms; its number. */
  sent(at: number): number
  /** Whatever the answer is, also that none came in time. */
  answered(number: number): void
  /** ms; 0 while no such charge is out. */
  lengthAt(now: number): number
}

/** `chargesMax`: in flight at once. */
export function createSilence(chargesMax: number): Silence {
  const sentAt = new Float64Array(chargesMax)
  let sent = 0
  /** The highest number that was answered: charges are numbered as they are sent. */
  let answered = 0
  return {
    sent(at) {
      sentAt[sent % chargesMax] = at
      sent += 1
      return sent
    },
    answered(number) {
      answered = Math.max(answered, number)
    },
    lengthAt(now) {
      if (answered === sent) return 0
      return now - (sentAt[answered % chargesMax] ?? now)
    },
  }
}

/** Shorter than this, ms, it is no silence: a pause of this process is as long now and then. */
const SILENCE_MIN_MS = 250

/** How many times longer than expected. */
const SILENCE_FACTOR = 3

export function isSilence(silentMs: number, expectedMs: number): boolean {
  return silentMs > Math.max(SILENCE_MIN_MS, SILENCE_FACTOR * expectedMs)
}
