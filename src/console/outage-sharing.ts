// Outages of all instances, through Redis: kept over restarts, and read while somebody watches. What
// Redis does not take, which may be its own outage, is written once it is back.

import { cacheFailureOf } from '../actors/model/errors.ts'
import type { Outage, OutageOf, OutageState, PublishedOutage } from './outages.ts'

/** Where instances keep their outages. Rejects with `CacheUnavailable`. */
export interface OutagesCache {
  /** Replaces what was kept under this id; beyond a bound the one with the earliest `from` goes. */
  keep(outage: { readonly id: string; readonly from: number; readonly text: string }): Promise<void>
  readAll(): Promise<readonly string[]>
}

export interface OutageSharing {
  /** Writes what has changed. Rejects with bugs alone. */
  keep(): Promise<void>
  /** Reads the others', and what earlier processes of this instance have met. As `keep`. */
  read(): Promise<void>
  /** Ours as of now, and the others' as they were last read. */
  all(): readonly PublishedOutage[]
}

export interface OutageSharingOptions {
  readonly instanceId: string
  readonly own: () => readonly Outage[]
  /** Epoch ms. */
  readonly now: () => number
  /** Absent: then only what this process has met is known. */
  readonly cache: OutagesCache | undefined
}

export function createOutageSharing(options: OutageSharingOptions): OutageSharing {
  const { instanceId, now, cache } = options
  /** Ids of ours that are over and written. */
  const kept = new Set<string>()
  let others: readonly PublishedOutage[] = []
  const own = (): readonly PublishedOutage[] =>
    options.own().map((outage) => ({ ...outage, instanceId, seenAt: now() }))
  return {
    async keep() {
      if (cache === undefined) return
      const ours = own()
      const ids = new Set(ours.map(idOf))
      for (const id of kept) if (!ids.has(id)) kept.delete(id)
      try {
        for (const outage of ours) {
          const id = idOf(outage)
          if (kept.has(id)) continue
          await cache.keep({ id, from: outage.from, text: JSON.stringify(outage) })
          if (outage.state === 'over') kept.add(id)
        }
      } catch (error) {
        cacheFailureOf(error)
      }
    },
    async read() {
      if (cache === undefined) return
      try {
        others = (await cache.readAll()).flatMap((text) => parseOutage(text) ?? [])
      } catch (error) {
        cacheFailureOf(error)
      }
    },
    all() {
      const ours = own()
      const ids = new Set(ours.map(idOf))
      return [...others.filter((outage) => !ids.has(idOf(outage))), ...ours]
    },
  }
}

function idOf({ instanceId, of, from }: PublishedOutage): string {
  return `${instanceId}:${of}:${from}`
}

/** Undefined for a text of another form, as another version of Pit may write. */
function parseOutage(text: string): PublishedOutage | undefined {
  const value = valueIn(text)
  if (typeof value !== 'object' || value === null) return undefined
  const { of, state, from, to, met, seenAt, instanceId }: Partial<Record<string, unknown>> = {
    ...value,
  }
  const isRead =
    isOutageOf(of) &&
    isState(state) &&
    typeof from === 'number' &&
    typeof to === 'number' &&
    typeof met === 'number' &&
    typeof seenAt === 'number' &&
    typeof instanceId === 'string'
  return isRead ? { of, state, from, to, met, seenAt, instanceId } : undefined
}

function valueIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const ALL: readonly unknown[] = ['default', 'fallback', 'PostgreSQL', 'Redis'] satisfies OutageOf[]
const STATES: readonly unknown[] = ['running', 'untried', 'over'] satisfies OutageState[]

function isOutageOf(value: unknown): value is OutageOf {
  return ALL.includes(value)
}

function isState(value: unknown): value is OutageState {
  return STATES.includes(value)
}
