// The instances' figures in Redis, so that the console of each shows all of them.

import { createAgedHash } from './aged-hash.ts'
import type { RedisConnection } from './redis-connection.ts'

export interface FiguresCache {
  /** Replaces what this instance published before. Rejects with `CacheUnavailable`. */
  publish(text: string): Promise<void>
  /** By instance id; those older than the bound are left out. Rejects with `CacheUnavailable`. */
  readAll(): Promise<Readonly<Record<string, string>>>
}

/** Age beyond which an instance counts as dead, ms. */
const FIGURES_KEPT_MS = 5_000

export function createRedisFiguresCache(
  connection: RedisConnection,
  { instanceId }: { readonly instanceId: string },
): FiguresCache {
  const figures = createAgedHash(connection, {
    key: 'pit:figures',
    operations: { publish: 'publishFigures', readAll: 'readFigures' },
    keptMs: FIGURES_KEPT_MS,
  })
  return {
    publish: (text) => figures.publish(instanceId, text),
    readAll: async () => Object.fromEntries(await figures.readAll()),
  }
}
