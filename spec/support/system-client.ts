// Pit as its clients see it: single requests and a steady load, with a register of all that was
// posted, for comparing the books.

import { randomInt, randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import { PitEndpoint } from '../../bench/challenge/pit-endpoint.ts'
import { GIVE_UP_MS, waitUntil } from '../../bench/layout/wait.ts'
import { HttpClient, readJson } from '../../bench/load/client.ts'
import type { FailureCause } from '../../bench/load/connection.ts'
import { parseTarget } from '../../bench/load/target.ts'
import type {
  PaymentState,
  ProcessorName,
  Summary,
  TimeWindow,
} from '../../src/actors/model/payment.ts'

export interface Posted {
  /** Amount of the first post; later ones with another amount change nothing. */
  readonly amountCents: number
  /** Whether any post of it was answered with 202. */
  accepted: boolean
}

/** All payments that a spec posted, by id, whatever came of it. */
export type Register = Map<string, Posted>

/** What a post was answered with: a status, or why there is none. */
export type Reception = number | FailureCause

/** As `GET /payments/{id}` answers it. */
export interface PaymentStatus {
  readonly correlationId: string
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
  /** Posts a payment, by default a new one, or again as it was posted; never rejects. */
  post(payment?: { correlationId?: string; amountCents?: number }): Promise<Reception>
  /** Posts so many new payments at once, and gives their ids when all were answered with 202. */
  postAll(count: number): Promise<readonly string[]>
  /** `missing` for a 404, undefined for any other answer without a status. */
  paymentStatus(correlationId: string): Promise<PaymentStatus | 'missing' | undefined>
  summary(window: TimeWindow): Promise<Summary | undefined>
  /** The status of any other request. */
  status(method: 'GET' | 'POST', path: string, body?: string): Promise<Reception>
}

/** Only a Pit that never answers takes as long, however slow the machine is. */
const TIMEOUT_MS = GIVE_UP_MS

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
    async post({ correlationId = randomUUID(), amountCents: given } = {}) {
      const earlier = register.get(correlationId)
      const amountCents = given ?? earlier?.amountCents ?? randomInt(1, 100_000)
      const posted = earlier ?? { amountCents, accepted: false }
      register.set(correlationId, posted)
      const body = JSON.stringify({ correlationId, amount: amountCents / 100 })
      const status = await client.status('POST', '/payments', body)
      if (status === 202) posted.accepted = true
      return status
    },
    async postAll(count) {
      const ids = Array.from({ length: count }, () => randomUUID())
      const receptions = await Promise.all(
        ids.map((correlationId) => whileRefused(() => client.post({ correlationId }))),
      )
      const odd = receptions.find((reception) => reception !== 202)
      if (odd !== undefined) throw new Error(`a payment was answered with ${odd}`)
      return ids
    },
    async paymentStatus(correlationId) {
      const answer = await http.request({ method: 'GET', path: `/payments/${correlationId}` })
      if (answer.kind === 'answered' && answer.status === 404) return 'missing'
      return readJson(answer) as PaymentStatus | undefined
    },
    summary: (window) => endpoint.readSummary(window),
    async status(method, path, body) {
      const answer = await http.request({ method, path, ...(body === undefined ? {} : { body }) })
      return answer.kind === 'answered' ? answer.status : answer.cause
    },
  }
  return client
}

/**
 * Asks again while the answer is 503, as clients do: on a slow machine a commit may take longer than
 * Pit lets a client wait for it.
 */
export async function whileRefused(ask: () => Promise<Reception>): Promise<Reception> {
  let reception: Reception = 503
  await waitUntil({ what: 'an answer other than 503' }, async () => {
    reception = await ask()
    return reception !== 503
  })
  return reception
}

export interface SteadyLoad {
  /** Answers so far, by status or cause. */
  readonly receptions: ReadonlyMap<Reception, number>
  count(reception: Reception): number
  /** Posts nothing more, and waits for the answers that are still to come. */
  stop(): Promise<void>
}

/** Posts beyond this many unanswered ones are left out. */
const UNANSWERED_MAX = 200

/** Posts a payment each `everyMs`, to one client after the other; stopped at the test's end. */
export function startLoad(t: Test, clients: readonly PitClient[], everyMs: number): SteadyLoad {
  const receptions = new Map<Reception, number>()
  const unanswered = new Set<Promise<void>>()
  let turn = 0
  const post = async (client: PitClient): Promise<void> => {
    const reception = await client.post()
    receptions.set(reception, (receptions.get(reception) ?? 0) + 1)
  }
  const timer = setInterval(() => {
    const client = clients[turn % clients.length]
    turn += 1
    if (client === undefined || unanswered.size >= UNANSWERED_MAX) return
    const posting = post(client).finally(() => unanswered.delete(posting))
    unanswered.add(posting)
  }, everyMs)
  t.teardown(() => clearInterval(timer))
  return {
    receptions,
    count: (reception) => receptions.get(reception) ?? 0,
    stop: async () => {
      clearInterval(timer)
      await Promise.all(unanswered)
    },
  }
}

/** Waits until so many posts of the load were answered with 202. */
export function accepted(load: SteadyLoad, count: number): Promise<void> {
  return answered(load, 202, count)
}

/** Waits until so many posts of the load were answered like this. */
export function answered(load: SteadyLoad, reception: Reception, count: number): Promise<void> {
  const what = `${count} payments answered with ${reception}`
  return waitUntil({ what }, () => load.count(reception) >= count)
}

/** Answers to the load besides a 202 and a 503 to try again. */
export function unexpected(load: SteadyLoad): readonly Reception[] {
  return [...load.receptions.keys()].filter((each) => each !== 202 && each !== 503)
}
