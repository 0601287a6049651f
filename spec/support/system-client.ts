// Pit as its clients see it, with a register of all that was posted, for comparing the books.

import { randomInt, randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import type {
  PaymentState,
  ProcessorName,
  Summary,
  TimeWindow,
} from '../../src/actors/model/payment.ts'
import { PitEndpoint } from '../../bench/challenge/pit-endpoint.ts'
import { HttpClient, readJson } from '../../bench/load/client.ts'
import type { FailureCause } from '../../bench/load/connection.ts'
import { parseTarget } from '../../bench/load/target.ts'

export interface Posted {
  /** Of the first post; later ones with another amount change nothing. */
  readonly amountCents: number
  /** Whether any post of it was answered with 202. */
  accepted: boolean
}

/** All payments that a spec posted, by id, whatever came of it. */
export type Register = Map<string, Posted>

/** What a post was answered with: a status, or why there is none. */
export type Reception = number | FailureCause

/** As `GET /payments/{id}` tells it. */
export interface Story {
  readonly state: PaymentState
  readonly amount: number
  readonly processor?: ProcessorName
  readonly requestedAt?: string
  readonly attempts: readonly {
    readonly processor: ProcessorName
    readonly requestedAt: string
    readonly outcome: string
  }[]
}

export interface PitClient {
  readonly register: Register
  /** Posts a payment, by default a new one of a random amount; never rejects. */
  post(payment?: { correlationId?: string; amountCents?: number }): Promise<Reception>
  /** Posts so many new payments at once and gives their ids, all of which were answered 202. */
  postAll(count: number): Promise<readonly string[]>
  /** `missing` when Pit says 404, undefined when it says neither. */
  paymentStatus(correlationId: string): Promise<Story | 'missing' | undefined>
  summary(window: TimeWindow): Promise<Summary | undefined>
  /** The status of any other request. */
  status(method: 'GET' | 'POST', path: string, body?: string): Promise<Reception>
}

/** Longer than Pit may take to answer anything. */
const TIMEOUT_MS = 2_500

/** A client of `http://host:port` or `unix:/path`, closed at the test's end. */
export function openPitClient(t: Test, url: string, register: Register = new Map()): PitClient {
  const options = { target: parseTarget(url), timeoutMs: TIMEOUT_MS }
  const http = new HttpClient(options)
  const endpoint = new PitEndpoint(options)
  t.teardown(() => {
    http.close()
    endpoint.close()
  })
  const client: PitClient = {
    register,
    async post({ correlationId = randomUUID(), amountCents = randomInt(1, 100_000) } = {}) {
      const posted = register.get(correlationId) ?? { amountCents, accepted: false }
      register.set(correlationId, posted)
      const body = JSON.stringify({ correlationId, amount: amountCents / 100 })
      const status = await client.status('POST', '/payments', body)
      if (status === 202) posted.accepted = true
      return status
    },
    async postAll(count) {
      const ids = Array.from({ length: count }, () => randomUUID())
      const receptions = await Promise.all(
        ids.map((correlationId) => client.post({ correlationId })),
      )
      const odd = receptions.find((reception) => reception !== 202)
      if (odd !== undefined) throw new Error(`a payment was answered with ${odd}`)
      return ids
    },
    async paymentStatus(correlationId) {
      const answer = await http.request({ method: 'GET', path: `/payments/${correlationId}` })
      if (answer.kind === 'answered' && answer.status === 404) return 'missing'
      return readJson(answer) as Story | undefined
    },
    summary: (window) => endpoint.readSummary(window),
    async status(method, path, body) {
      const answer = await http.request({ method, path, ...(body === undefined ? {} : { body }) })
      return answer.kind === 'answered' ? answer.status : answer.cause
    },
  }
  return client
}
