// The instances' figures in Redis, so that the console of each shows all of them.

import { createAgedHash } from './aged-hash.ts'
import type { RedisConnection } from './redis-connection.ts'

/** Age beyond which an instance counts as dead, ms. */
const FIGURES_KEPT_MS = 5_000

/** The console's `FiguresCache`. It rejects with `CacheUnavailable`. */
export function createRedisFiguresCache(
  connection: RedisConnection,
  { instanceId }: { readonly instanceId: string },
) {
  const figures = createAgedHash(connection, {
    name: 'figures',
    operations: { publish: 'publishFigures', readAll: 'readFigures' },
    keptMs: FIGURES_KEPT_MS,
  })
  return {
    publish: async (text: string) => Object.fromEntries(await figures.publish(instanceId, text)),
  }
}
