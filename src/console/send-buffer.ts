// Messages on their way to viewers. They are sent together, some times a second, because a packet
// for each would cost more than the message.

import type { OnBug } from './contained.ts'
import { createRateLimit } from './rate-limit.ts'
import type { Viewer } from './stream.ts'

export interface SendBuffer {
  readonly viewers: number
  /** False while no viewer would be sent anything: then messages need not be made. */
  readonly isOpen: boolean
  /** Sends a text to every viewer, within `HELD_MAX_MS`. */
  put(text: string): void
  /** Counts a message that was not made, because no viewer would have been sent it. */
  miss(): void
  /** Messages that viewers have missed since the last answer above 0; at most one such a second. */
  missed(): number
  join(viewer: Viewer): void
  leave(viewer: Viewer): void
}

/** Longest delay of a message, ms. */
const HELD_MAX_MS = 200

/** Messages held at once, at most; some hundred KiB. */
const HELD_MAX = 256

export interface SendBufferOptions {
  /** Monotonic, ms. */
  readonly now: () => number
  /** Gets a bug in sending; what was held is then lost. */
  readonly onBug: OnBug
}

export function createSendBuffer({ now, onBug }: SendBufferOptions): SendBuffer {
  const viewers = new Set<Viewer>()
  const limit = createRateLimit(1, now)
  let held: string[] = []
  let missed = 0
  let timer: NodeJS.Timeout | undefined

  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    const texts = held
    held = []
    for (const viewer of viewers) missed += viewer.sendAll(texts)
  }
  const flushLater = (): void => {
    try {
      flush()
    } catch (error) {
      onBug('send buffer', error)
      for (const viewer of viewers) viewer.end()
    }
  }
  return {
    get viewers() {
      return viewers.size
    },
    get isOpen() {
      for (const viewer of viewers) if (!viewer.isBehind) return true
      return false
    },
    put(text) {
      held.push(text)
      if (held.length >= HELD_MAX) flush()
      else timer ??= setTimeout(flushLater, HELD_MAX_MS).unref()
    },
    miss: () => void (missed += 1),
    missed() {
      if (missed === 0 || !limit.take('missed')) return 0
      const count = missed
      missed = 0
      return count
    },
    join(viewer) {
      // A new viewer has been sent everything as it is now; what is held is older.
      flush()
      viewers.add(viewer)
    },
    leave(viewer) {
      viewers.delete(viewer)
      if (viewers.size === 0) flush()
    },
  }
}
