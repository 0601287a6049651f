// What came of the hostile requests, by kind.

import type { Played } from './wire.ts'

export interface KindRow {
  readonly kind: string
  readonly requests: number
  /** Answers by status. */
  readonly answers: Readonly<Record<string, number>>
  /** Connections that were closed before all answers were there. */
  readonly closed: number
  /** Answers of 503 besides these, and connections not there: the same was asked again. */
  readonly postponed: number
  readonly verdict: 'held' | 'broken'
}

/** Sentences that are kept of one kind. */
const FAULTS_MAX = 5
const EXCERPT_LENGTH = 200

const GIVEN_UP: readonly Played['end'][] = ['stuck', 'unheard']

interface Count {
  requests: number
  closed: number
  postponed: number
  broken: number
  readonly answers: Map<number, number>
  readonly faults: string[]
}

export class HostileTally {
  readonly #kinds = new Map<string, Count>()

  get requests(): number {
    return [...this.#kinds.values()].reduce((sum, { requests }) => sum + requests, 0)
  }

  /** A sentence each about the first that went wrong. */
  get faults(): readonly string[] {
    return [...this.#kinds].flatMap(([kind, { broken, faults }]) =>
      broken === 0 ? [] : [`${kind}: ${broken} went wrong`, ...faults],
    )
  }

  /**
   * Counts one script and judges it.
   * @param right statuses that are right, and whether closing is.
   */
  count(
    kind: string,
    played: Played,
    script: { readonly bytes: Buffer; readonly requests: number },
    right: { readonly statuses: readonly number[]; readonly closing: 'right' | 'wrong' },
  ): void {
    const count = this.#of(kind)
    count.requests += script.requests
    if (played.end === 'closed') count.closed += 1
    for (const status of played.statuses) {
      count.answers.set(status, (count.answers.get(status) ?? 0) + 1)
    }
    const wrong = played.statuses.find((status) => !right.statuses.includes(status))
    const isClosedWrongly = played.end === 'closed' && right.closing === 'wrong'
    if (wrong === undefined && !isClosedWrongly && !GIVEN_UP.includes(played.end)) return
    count.broken += 1
    if (count.faults.length >= FAULTS_MAX) return
    const excerpt = JSON.stringify(script.bytes.toString('latin1', 0, EXCERPT_LENGTH))
    count.faults.push(`${kind}: ${wrong ?? played.end} to ${excerpt}`)
  }

  /** Counts a 503, or a connection that was not there, after which the same is asked again. */
  postpone(kind: string): void {
    this.#of(kind).postponed += 1
  }

  /** In the order in which kinds came first. */
  rows(): readonly KindRow[] {
    return [...this.#kinds].map(([kind, { requests, answers, closed, postponed, broken }]) => ({
      kind,
      requests,
      answers: Object.fromEntries([...answers].toSorted(([one], [other]) => one - other)),
      closed,
      postponed,
      verdict: broken === 0 ? 'held' : 'broken',
    }))
  }

  #of(kind: string): Count {
    const known = this.#kinds.get(kind)
    if (known !== undefined) return known
    const fresh = {
      requests: 0,
      closed: 0,
      postponed: 0,
      broken: 0,
      answers: new Map(),
      faults: [],
    }
    this.#kinds.set(kind, fresh)
    return fresh
  }
}
