// From where on the indexes of open payments are scanned. While somebody holds an old snapshot they keep
// an entry of each payment that was open since, and a scan of all of them goes through those. What is
// below the watermark is scanned as well, as often as is cheap.

import { performance } from 'node:perf_hooks'

/** Epoch ms, by PostgreSQL's clock; null: not known. */
interface Watermark {
  /** No open payment of the lease has come to it before. */
  readonly ownedFrom: number | null
  /** No parked payment is due before. */
  readonly parkedFrom: number | null
}

const UNKNOWN: Watermark = { ownedFrom: null, parkedFrom: null }

/**
 * What scans under the last lease that asked have found. A renewal writes it into the lease's row, where
 * each later scan reads it, also that of another instance once the lease is dead.
 */
export class Watermarks {
  #leaseId = 0
  #found = UNKNOWN

  /** Null where a scan cannot tell: what was found before stays. */
  note(leaseId: number, { ownedFrom, parkedFrom }: Partial<Watermark>): void {
    const before = this.of(leaseId)
    this.#leaseId = leaseId
    this.#found = {
      ownedFrom: ownedFrom ?? before.ownedFrom,
      parkedFrom: parkedFrom ?? before.parkedFrom,
    }
  }

  of(leaseId: number): Watermark {
    return leaseId === this.#leaseId ? this.#found : UNKNOWN
  }
}

/** Whole scans take at most one part in so many of the time. */
const SHARE = 100

/**
 * Which scans of one kind are whole, so that nothing is stranded that was committed late, or written by
 * hand, below a watermark. Without an old snapshot many are: one takes a millisecond or two.
 */
export class WholeScans {
  readonly #now: () => number
  #dueAt = Number.NEGATIVE_INFINITY

  /** @param now monotonic, ms; another one in specs. */
  constructor(now = (): number => performance.now()) {
    this.#now = now
  }

  /** Hands on what `run` gives. */
  async scan<Found>(run: (isWhole: boolean) => Promise<Found>): Promise<Found> {
    const startedAt = this.#now()
    if (startedAt < this.#dueAt) return run(false)
    try {
      return await run(true)
    } finally {
      const endedAt = this.#now()
      this.#dueAt = endedAt + SHARE * (endedAt - startedAt)
    }
  }
}

/** Since when payment `p` has its owner: the index `payments_owned` has exactly these words. */
export const OWNED_SINCE = 'coalesce(p.claimed_at, p.accepted_at)'

/**
 * The watermark `from`, as a lease's row has it, for a scan of an index. There is none where it is not
 * known, where the scan is whole, or where PostgreSQL's clock was set back behind it.
 */
export function fromWatermark(from: string, isWhole = 'false'): string {
  return `CASE WHEN NOT ${isWhole} AND ${from} <= now() THEN ${from} ELSE '-infinity' END`
}

/**
 * The watermark after a scan whose first finding is at `first`, null if it has found none, epoch ms: a
 * transaction that has begun up to `slowestMs` ago may not be visible yet.
 */
export function nextWatermark(first: string, slowestMs: string): string {
  const instant = `least(${first}, now() - ${slowestMs}::float8 * interval '1 ms')`
  const ms = `floor(extract(epoch FROM ${instant}) * 1000)::bigint`
  return `CASE WHEN isfinite(${instant}) THEN ${ms} END`
}
