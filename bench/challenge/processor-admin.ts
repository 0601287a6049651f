// A processor's admin endpoints: the challenge uses them, Pit never does.

import type { ProcessorName, ProcessorTotal, TimeWindow } from '../../src/actors/model/payment.ts'
import { HttpClient, describeAnswer, readJson } from '../load/client.ts'
import type { ClientOptions } from '../load/client.ts'
import type { HttpRequest } from '../load/request.ts'
import { TargetUnreachable } from './errors.ts'
import { readTotal, windowFrom, windowQuery } from './pit-endpoint.ts'
import type { Conditions } from './stages.ts'

/** What a processor has recorded, and its price. */
export interface ProcessorBooks extends ProcessorTotal {
  /** Share of the amount: 0.05 is 5 %. */
  readonly feeRate: number
}

export interface ProcessorAdminOptions extends ClientOptions {
  readonly name: ProcessorName
  /** The token that the processor has from the start on, or is given by `claimToken`. */
  readonly token: string
}

export class ProcessorAdmin {
  readonly name: ProcessorName
  readonly #client: HttpClient
  readonly #token: string
  #beginning: number | undefined

  constructor(options: ProcessorAdminOptions) {
    this.name = options.name
    this.#client = new HttpClient(options)
    this.#token = options.token
  }

  /**
   * Gives the processor this run's token, using the one that processors start with, or the run's
   * own when an earlier run has given it already.
   * @throws TargetUnreachable
   */
  async claimToken(): Promise<void> {
    const request = {
      method: 'PUT',
      path: '/admin/configurations/token',
      body: JSON.stringify({ token: this.#token }),
    } as const
    const answer = await this.#ask(request, INITIAL_TOKEN)
    const isUnknown = answer.kind === 'answered' && answer.status === 401
    if (isUnknown) await this.#demand(request, 204)
    else this.#expect(answer, { request, status: 204 })
  }

  /** Sets both switches, delay first. @throws TargetUnreachable */
  async setConditions(conditions: Conditions): Promise<void> {
    await this.#configure('delay', { delay: conditions.delayMs })
    await this.#configure('failure', { failure: conditions.failing })
  }

  /** Forgets all payments. @throws TargetUnreachable */
  async purge(): Promise<void> {
    await this.#demand({ method: 'POST', path: '/admin/purge-payments' }, 200)
  }

  /** Leaves out of all books from now on what was requested before this instant, epoch ms. */
  countFrom(beginning: number): void {
    this.#beginning = beginning
  }

  /** Undefined unless it was answered with 200 and whole totals. */
  async readBooks(window: TimeWindow): Promise<ProcessorBooks | undefined> {
    const path = `/admin/payments-summary${windowQuery(windowFrom(this.#beginning, window))}`
    const body = readJson(await this.#ask({ method: 'GET', path }, this.#token))
    const total = readTotal(body)
    if (total === undefined) return undefined
    const feeRate = (body as Record<string, unknown>)['feePerTransaction']
    return typeof feeRate === 'number' ? { ...total, feeRate } : undefined
  }

  close(): void {
    this.#client.close()
  }

  async #configure(what: 'delay' | 'failure', value: object): Promise<void> {
    const path = `/admin/configurations/${what}`
    await this.#demand({ method: 'PUT', path, body: JSON.stringify(value) }, 200)
  }

  async #demand(request: HttpRequest, status: number): Promise<void> {
    this.#expect(await this.#ask(request, this.#token), { request, status })
  }

  #ask(request: HttpRequest, token: string): ReturnType<HttpClient['request']> {
    return this.#client.requestOrRepeat({ ...request, headers: { 'X-Rinha-Token': token } })
  }

  #expect(
    answer: Awaited<ReturnType<HttpClient['request']>>,
    expected: { readonly request: HttpRequest; readonly status: number },
  ): void {
    if (answer.kind === 'answered' && answer.status === expected.status) return
    const { method, path } = expected.request
    throw new TargetUnreachable(
      `processor ${this.name}: ${method} ${path} gave ${describeAnswer(answer)}`,
    )
  }
}

/** What processors start with. */
export const INITIAL_TOKEN = '123'
