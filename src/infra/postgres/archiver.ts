// Archives by and by, while Pit serves: one instance at a time does it, in a session of its own.

import { setTimeout as delay } from 'node:timers/promises'
import { wordsOf } from '../../actors/model/errors.ts'
import type { DroppedPartitions } from './archive-partitions.ts'
import { archiveOnce, type ArchivePass, type ArchiveSettings } from './archive-pass.ts'
import { PostgresReconnector, type ServersConfig } from './reconnector.ts'

export interface ArchiverOptions extends ArchiveSettings {
  /** Told of each pass that has moved any. */
  readonly onArchived: (pass: ArchivePass) => void
  /** Told of what a pass has dropped, for each table, whatever else it did. */
  readonly onDropped: (dropped: DroppedPartitions) => void
  /** Told why a pass was broken off. */
  readonly onWaiting: (reason: string) => void
  /** Before each pass, ms. Default `PASS_PAUSE_MS`; less for specs. */
  readonly pauseMs?: number
}

/** Between two passes, ms: longer than a start takes from looking at the tables to its lease. */
const PASS_PAUSE_MS = 300_000

/**
 * Makes a pass every five minutes, the first one after as long, on a session that it opens for it.
 * Gives what ends it: at once, since whatever is broken off is done anew.
 */
export function startArchiver(
  servers: ServersConfig,
  options: ArchiverOptions,
): () => Promise<void> {
  const { onArchived, onWaiting, pauseMs = PASS_PAUSE_MS } = options
  const ended = new AbortController()
  const { signal } = ended
  const passes = async (): Promise<void> => {
    for (;;) {
      await delay(pauseMs, undefined, { signal })
      const reconnector = new PostgresReconnector(servers)
      const stop = (): void => reconnector.destroy()
      signal.addEventListener('abort', stop)
      try {
        const pass = await archiveOnce(await reconnector.connect(), { ...options, signal })
        if (pass !== undefined && pass.payments > 0) onArchived(pass)
      } catch (cause) {
        if (signal.aborted) return
        onWaiting(wordsOf(cause))
      } finally {
        signal.removeEventListener('abort', stop)
        await reconnector.end()
      }
    }
  }
  const work = passes().catch((cause: unknown) => {
    if (!signal.aborted) onWaiting(wordsOf(cause))
  })
  return () => {
    ended.abort()
    return work
  }
}
