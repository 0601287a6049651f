// Why Redis did not do what it was asked, as a few kinds that are counted and warned about.

/**
 * `readonly`: it is a replica; `cluster`: it is one node of several; `permission`, `login`: its
 * user may not; `memory`: it is full; `refused`: anything else that it says itself; `unreadable`:
 * it holds what is not Pit's; `unavailable`: it is not connected, or does not answer.
 */
export type RedisFailureKind =
  | 'readonly'
  | 'cluster'
  | 'permission'
  | 'login'
  | 'memory'
  | 'refused'
  | 'unreadable'
  | 'unavailable'

export interface RedisFailure {
  readonly kind: RedisFailureKind
  /** Redis' own words, or those of the connection. */
  readonly cause: string
}

/** A reply of another form than Pit's own: the key is somebody else's. */
export class UnreadableReply extends Error {
  override readonly name = 'UnreadableReply'
}

// Redis has no other code than words, and puts words of its own before those that a script met.
const KINDS: readonly (readonly [RegExp, RedisFailureKind])[] = [
  [/\bREADONLY\b/, 'readonly'],
  [/\b(MOVED|ASK|CROSSSLOT|CLUSTERDOWN|TRYAGAIN)\b/, 'cluster'],
  [/\bNOPERM\b|\bACL failure\b|^ERR The user executing the script can.t\b/, 'permission'],
  [/\b(NOAUTH|WRONGPASS)\b|\binvalid password\b/, 'login'],
  [/\bOOM\b|^FULL\b/, 'memory'],
]

/** The failure behind the error of a call or of a connection. */
export function failureOf(error: unknown): RedisFailure {
  const { name, message: cause } = error instanceof Error ? error : new Error(String(error))
  if (name === 'UnreadableReply') return { kind: 'unreadable', cause }
  if (name !== 'ReplyError') return { kind: 'unavailable', cause }
  const [, kind = 'refused'] = KINDS.find(([words]) => words.test(cause)) ?? []
  return { kind, cause }
}

/** Shortest time between two warnings of one kind, ms. */
export const WARN_AGAIN_MS = 60_000

export interface RedisFailureCounts {
  /** Since the start; each kind is there. */
  readonly counts: ReadonlyMap<RedisFailureKind, number>
  readonly record: (failure: RedisFailure) => void
}

export interface RedisFailureCountsOptions {
  /** Monotonic, ms. */
  readonly now: () => number
  /** Called for the first failure of a kind, then at most once a minute; `failures` so far. */
  readonly warn: (failure: RedisFailure & { readonly failures: number }) => void
}

export function createRedisFailureCounts({
  now,
  warn,
}: RedisFailureCountsOptions): RedisFailureCounts {
  const kinds = [...KINDS.map(([, kind]) => kind), 'refused', 'unreadable', 'unavailable'] as const
  const counts = new Map<RedisFailureKind, number>(kinds.map((kind) => [kind, 0]))
  const warnedAt = new Map<RedisFailureKind, number>()
  return {
    counts,
    record(failure) {
      const { kind } = failure
      const failures = (counts.get(kind) ?? 0) + 1
      counts.set(kind, failures)
      if (now() - (warnedAt.get(kind) ?? Number.NEGATIVE_INFINITY) < WARN_AGAIN_MS) return
      warnedAt.set(kind, now())
      warn({ ...failure, failures })
    },
  }
}
