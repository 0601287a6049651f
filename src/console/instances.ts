// All instances' figures, this one's own included: through Redis, or alone without it.

import type { Figures, FiguresCache } from './figures.ts'
import { parseFigures } from './figures.ts'

export interface Instances {
  /** Publishes our figures and reads the others'. Never rejects: without the cache we are alone. */
  sync(): Promise<void>
  /** Ours as of now, first; the others' as of the last sync, by id. */
  all(): readonly Figures[]
}

/** Syncs that fail in a row before we count as alone; there is one a second. */
const FAILURES_MAX = 3

export function createInstances(own: () => Figures, cache: FiguresCache | undefined): Instances {
  let others: readonly Figures[] = []
  let failures = 0
  return {
    async sync() {
      if (cache === undefined) return
      const figures = own()
      try {
        await cache.publish(JSON.stringify(figures))
        const texts = Object.values(await cache.readAll())
        others = texts
          .flatMap((text) => parseFigures(text) ?? [])
          .filter(({ instanceId }) => instanceId !== figures.instanceId)
          .sort((a, b) => (a.instanceId < b.instanceId ? -1 : 1))
        failures = 0
      } catch {
        // Redis only helps. The connection has said in the log that it is gone. A single late
        // answer must not make every sum of the page jump down and up again.
        failures += 1
        if (failures >= FAILURES_MAX) others = []
      }
    },
    all: () => [own(), ...others],
  }
}
