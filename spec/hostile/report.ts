// What came of the hostile requests by kind, as a table and as sentences about what broke.

import type { Part } from '../../bench/layout/part.ts'
import type { Figures } from '../../bench/limits/figures.ts'
import type { SelfReport } from '../../bench/load/self-watch.ts'
import { MEMORY_BYTES_MAX } from '../chaos/verdict.ts'
import type { SendResult } from './connection.ts'
import type { HonestReport } from './honest.ts'

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

const GIVEN_UP: readonly SendResult['end'][] = ['stuck', 'unheard']

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
   * Counts one payload and judges it.
   * @param right statuses that are right, and whether closing is.
   */
  count(
    kind: string,
    sent: SendResult,
    payload: { readonly bytes: Buffer; readonly requests: number },
    right: { readonly statuses: readonly number[]; readonly closing: 'right' | 'wrong' },
  ): void {
    const count = this.#of(kind)
    count.requests += payload.requests
    if (sent.end === 'closed') count.closed += 1
    for (const status of sent.statuses) {
      count.answers.set(status, (count.answers.get(status) ?? 0) + 1)
    }
    const wrong = sent.statuses.find((status) => !right.statuses.includes(status))
    const isClosedWrongly = sent.end === 'closed' && right.closing === 'wrong'
    if (wrong === undefined && !isClosedWrongly && !GIVEN_UP.includes(sent.end)) return
    count.broken += 1
    if (count.faults.length >= FAULTS_MAX) return
    const excerpt = JSON.stringify(payload.bytes.toString('latin1', 0, EXCERPT_LENGTH))
    count.faults.push(`${kind}: ${wrong ?? sent.end} to ${excerpt}`)
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

/** Longest wait for an answer of an honest client, ms, besides what the load itself was late. */
const ANSWER_WITHIN_MS = 2000

export function formatRows(rows: readonly KindRow[]): string {
  const head = ['kind', 'requests', 'answers', 'closed', 'asked again', 'verdict']
  const lines = [...rows, total(rows)].map((row) => [
    row.kind,
    String(row.requests),
    Object.entries(row.answers)
      .map(([status, count]) => `${count} × ${status}`)
      .join(', '),
    String(row.closed),
    String(row.postponed),
    row.verdict,
  ])
  const widths = head.map((title, column) =>
    Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)),
  )
  const format = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => pad(cell, column, widths[column] ?? 0)).join(' | ')} |`
  const rule = widths.map((width, column) =>
    isNumeric(column) ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width),
  )
  return [format(head), `| ${rule.join(' | ')} |`, ...lines.map(format)].join('\n')
}

function isNumeric(column: number): boolean {
  return column === 1 || column === 3 || column === 4
}

function pad(cell: string, column: number, width: number): string {
  return isNumeric(column) ? cell.padStart(width) : cell.padEnd(width)
}

function total(rows: readonly KindRow[]): KindRow {
  const answers: Record<string, number> = {}
  for (const row of rows) {
    for (const [status, count] of Object.entries(row.answers)) {
      answers[status] = (answers[status] ?? 0) + count
    }
  }
  return {
    kind: 'all',
    requests: rows.reduce((sum, { requests }) => sum + requests, 0),
    answers,
    closed: rows.reduce((sum, { closed }) => sum + closed, 0),
    postponed: rows.reduce((sum, { postponed }) => sum + postponed, 0),
    verdict: rows.every(({ verdict }) => verdict === 'held') ? 'held' : 'broken',
  }
}

/** Sentences about honest clients that were not served; one told 503 or cut off may be served later. */
export function findServingFaults(report: HonestReport, self: SelfReport): readonly string[] {
  const { answers, latency, unserved } = report
  const others = Object.entries(answers).filter(([answer]) => !/^(202|503|reset.*)$/.test(answer))
  const bound = ANSWER_WITHIN_MS + self.delayMaxMs
  return [
    ...others.map(([answer, count]) => `honest clients were answered ${answer} ${count} times`),
    ...(unserved > 0 ? [`${unserved} payments of honest clients were not taken`] : []),
    ...(latency.maxMs > bound
      ? [`an honest client waited ${Math.round(latency.maxMs)} ms, the bound is ${bound}`]
      : []),
  ]
}

/** Sentences about processes that are not those of the start, or took too much memory. */
export function findProcessFaults(
  parts: readonly (Pick<Part, 'name' | 'pid' | 'logs'> & { stat(): Figures })[],
  pidsBefore: ReadonlyMap<string, number | undefined>,
): readonly string[] {
  return parts.flatMap((part) => {
    const isSame = part.pid !== undefined && part.pid === pidsBefore.get(part.name)
    if (!isSame) return [`${part.name} ended by itself`]
    // The master of nginx stays when a worker dies.
    if (/exited on signal/.test(part.logs())) return [`a worker of ${part.name} died`]
    const { memoryPeakBytes } = part.stat()
    if (!part.name.startsWith('pit') || memoryPeakBytes <= MEMORY_BYTES_MAX) return []
    return [`${part.name} took ${memoryPeakBytes} bytes of memory`]
  })
}
