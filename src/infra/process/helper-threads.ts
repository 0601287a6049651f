// Lets the runtime's helper threads step back behind the event loop. V8 compiles hot functions on a
// thread of its own, in turns of milliseconds; on a small machine that thread takes the core on
// which a commit, or nginx with an answer, is waiting to be run.

import { readdirSync } from 'node:fs'
import { constants, getPriority, setPriority } from 'node:os'

export interface ThreadSources {
  /** Ids of all threads of this process; throws where the system does not list them. */
  readonly threads: () => readonly number[]
  /** Id of the thread that runs JavaScript, which on Linux is that of the process. */
  readonly mainThread: number
  /** Its nice value, from -20 to 19. */
  readonly mainPriority: number
  /** Throws when the thread has ended, or may not be changed. */
  readonly setPriority: (thread: number, priority: number) => void
}

/**
 * Gives all threads but the main one a lower priority than it has, which needs no privilege. Not the
 * lowest: an exit waits for what they compile, and beside other busy processes that took 20 s.
 * Returns how many; 0 where threads have no priority of their own (other systems than Linux).
 */
export function lowerHelperThreads(sources: ThreadSources = systemSources): number {
  const { PRIORITY_BELOW_NORMAL, PRIORITY_LOW } = constants.priority
  const lower = Math.min(sources.mainPriority + PRIORITY_BELOW_NORMAL, PRIORITY_LOW)
  const others = listed(sources).filter((thread) => thread !== sources.mainThread)
  return others.filter((thread) => {
    try {
      sources.setPriority(thread, lower)
      return true
    } catch {
      // It has ended since, or a sandbox forbids it: everything works as well, only less evenly.
      return false
    }
  }).length
}

function listed(sources: ThreadSources): readonly number[] {
  try {
    return sources.threads()
  } catch {
    return []
  }
}

const systemSources: ThreadSources = {
  threads: () => readdirSync('/proc/self/task').map(Number),
  mainThread: process.pid,
  mainPriority: getPriority(),
  setPriority,
}
