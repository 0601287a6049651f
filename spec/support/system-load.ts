// A steady load of new payments beside what a spec does, and what it was answered.

import type { Test } from 'tap'
import { waitUntil } from '../../bench/layout/wait.ts'
import type { PitClient, Reception } from './system-client.ts'

export interface SteadyLoad {
  /** Answers so far, by status or cause. */
  readonly receptions: ReadonlyMap<Reception, number>
  count(reception: Reception): number
  /** Posts nothing more, and waits for the answers that are still to come. */
  stop(): Promise<void>
}

/** Posts beyond this many unanswered ones are left out. */
const UNANSWERED_MAX = 200

/** Posts a payment each `everyMs`, to one client after the other; stopped at the test's end. */
export function startLoad(t: Test, clients: readonly PitClient[], everyMs: number): SteadyLoad {
  const receptions = new Map<Reception, number>()
  const unanswered = new Set<Promise<void>>()
  let turn = 0
  const post = async (client: PitClient): Promise<void> => {
    const reception = await client.post()
    receptions.set(reception, (receptions.get(reception) ?? 0) + 1)
  }
  const timer = setInterval(() => {
    const client = clients[turn % clients.length]
    turn += 1
    if (client === undefined || unanswered.size >= UNANSWERED_MAX) return
    const posting = post(client).finally(() => unanswered.delete(posting))
    unanswered.add(posting)
  }, everyMs)
  t.teardown(() => clearInterval(timer))
  return {
    receptions,
    count: (reception) => receptions.get(reception) ?? 0,
    stop: async () => {
      clearInterval(timer)
      await Promise.all(unanswered)
    },
  }
}

/** Waits until so many posts of the load were answered with 202. */
export function accepted(load: SteadyLoad, count: number): Promise<void> {
  return answered(load, 202, count)
}

/** Waits until so many posts of the load were answered like this. */
export function answered(load: SteadyLoad, reception: Reception, count: number): Promise<void> {
  const what = `${count} payments answered with ${reception}`
  return waitUntil({ what }, () => load.count(reception) >= count)
}

/** Answers to the load besides a 202 and a 503 to try again. */
export function unexpected(load: SteadyLoad): readonly Reception[] {
  return [...load.receptions.keys()].filter((each) => each !== 202 && each !== 503)
}
