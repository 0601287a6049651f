// Pit as its clients see it, for checks: the load itself goes over the users' own connections.

import type { ProcessorTotal, Summary, TimeWindow } from '../../src/actors/model/payment.ts'
import { HttpClient, readJson } from '../load/client.ts'
import type { ClientOptions } from '../load/client.ts'
import type { Answer } from '../load/connection.ts'

export class PitEndpoint {
  readonly #client: HttpClient
  #beginning: number | undefined

  constructor(options: ClientOptions) {
    this.#client = new HttpClient(options)
  }

  /** Undefined unless it was answered with 200 and a whole summary. */
  async readSummary(window: TimeWindow): Promise<Summary | undefined> {
    const path = `/payments-summary${windowQuery(windowFrom(this.#beginning, window))}`
    const answer = await this.#client.requestOrRepeat({ method: 'GET', path })
    return readSummaryBody(readJson(answer))
  }

  /** Leaves out of all summaries from now on what was requested before this instant, epoch ms. */
  countFrom(beginning: number): void {
    this.#beginning = beginning
  }

  /** Asks for the summary just to see whether Pit is there. */
  ping(): Promise<Answer> {
    return this.#client.request({ method: 'GET', path: '/payments-summary' })
  }

  /** With no body at all, as the load script sends it. */
  purge(): Promise<Answer> {
    return this.#client.request({ method: 'POST', path: '/purge-payments' })
  }

  close(): void {
    this.#client.close()
  }
}

/** `?from=…&to=…`, or nothing for a window without bounds. */
export function windowQuery(window: TimeWindow): string {
  const bounds: string[] = []
  if (window.from !== undefined) bounds.push(`from=${new Date(window.from).toISOString()}`)
  if (window.to !== undefined) bounds.push(`to=${new Date(window.to).toISOString()}`)
  return bounds.length === 0 ? '' : `?${bounds.join('&')}`
}

/**
 * The part of a window from an instant on, epoch ms; with both bounds, since a processor that is
 * given one of them gives all that it has.
 */
export function windowFrom(beginning: number | undefined, window: TimeWindow): TimeWindow {
  if (beginning === undefined) return window
  const from = Math.max(window.from ?? beginning, beginning)
  return { from, to: Math.max(window.to ?? LAST_INSTANT, from) }
}

const LAST_INSTANT = Date.UTC(9999, 11, 31)

/** `{totalRequests, totalAmount}` in whole cents; undefined when it is not that. */
export function readTotal(value: unknown): ProcessorTotal | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { totalRequests, totalAmount } = value as Record<string, unknown>
  if (typeof totalRequests !== 'number' || typeof totalAmount !== 'number') return undefined
  return { payments: totalRequests, cents: Math.round(totalAmount * 100) }
}

function readSummaryBody(value: unknown): Summary | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const body = value as Record<string, unknown>
  const byDefault = readTotal(body['default'])
  const byFallback = readTotal(body['fallback'])
  if (byDefault === undefined || byFallback === undefined) return undefined
  return { default: byDefault, fallback: byFallback }
}
