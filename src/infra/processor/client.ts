// One processor over HTTP, on undici's dispatch: no promise, no timer and no AbortController for a
// charge. It never sends a request twice by itself.

import type { LookupFunction } from 'node:net'
import type { ProcessorName } from '../../actors/model/payment.ts'
import type { Clock, Lease, Processor } from '../../actors/model/ports.ts'
import type { RequestEnd } from './in-flight-requests.ts'
import { openProcessorPool } from './pool.ts'
import {
  chargeAnswer,
  chargeBody,
  createLookUpPaths,
  isOwnToCharge,
  isOwnToQuestion,
  lookUpAnswer,
  probeAnswer,
} from './wire.ts'

export interface ProcessorClientOptions {
  readonly name: ProcessorName
  /** `http://host:port`, with a path in front of `/payments` where there is one. */
  readonly url: string
  /** Charges at a time, and as many look-ups; above it the answer is `no connection`. */
  readonly connections: number
  /** From the call to the last byte of the answer, ms. */
  readonly attemptTimeoutMs: number
  /** From the call to the first byte written, ms; it bounds look-ups and probes too. */
  readonly connectTimeoutMs: number
  /** Resolves the host's name; absent: Node's own. */
  readonly lookup?: LookupFunction | undefined
  readonly lookupTimeoutMs: number
  readonly probeTimeoutMs: number
  /** Asked at the moment of writing: without it a charge is refused as `lease lost`. */
  readonly lease: Lease
  readonly clock: Clock
  /** W3C trace context for a charge of this payment; undefined when it is not traced. */
  readonly traceparent?: (correlationId: string) => string | undefined
}

interface Question {
  readonly path: string
  /** The payment that is looked up; absent for a probe. */
  readonly id?: string
  readonly timeoutMs: number
  readonly report: (end: RequestEnd) => void
}

/**
 * Opens no connection until the first request. Charges have a pool of their own, so that slow ones
 * cannot delay the look-ups about them. `close` answers all requests in flight at once: in doubt
 * where they were written, refused where they were not.
 */
export function createProcessorClient(options: ProcessorClientOptions): Processor {
  const { lease, clock, traceparent } = options
  const mayCharge = (): boolean => lease.holds(clock.now())
  const charging = openProcessorPool(options)
  // Two connections more than there are look-ups, for the probe and for a control.
  const asking = openProcessorPool({ ...options, connections: options.connections + 2 })
  const lookUpPath = createLookUpPaths()
  const ask = (question: Question): void =>
    asking.send({
      ...question,
      method: 'GET',
      body: null,
      mayWrite: always,
      isOwn: (answer) => isOwnToQuestion(answer, question.id),
    })

  return {
    name: options.name,

    charge(charge, reply) {
      charging.send({
        method: 'POST',
        path: '/payments',
        body: chargeBody(charge),
        traceparent: traceparent?.(charge.correlationId),
        timeoutMs: options.attemptTimeoutMs,
        mayWrite: mayCharge,
        isOwn: isOwnToCharge,
        report: (end) => reply(chargeAnswer(end)),
      })
    },

    lookUp(correlationId, reply) {
      ask({
        path: lookUpPath(correlationId),
        id: correlationId,
        timeoutMs: options.lookupTimeoutMs,
        report: (end) => reply(lookUpAnswer(end, correlationId)),
      })
    },

    probe: () =>
      new Promise((resolve) => {
        ask({
          path: '/payments/service-health',
          timeoutMs: options.probeTimeoutMs,
          report: (end) => resolve(probeAnswer(end)),
        })
      }),

    async close() {
      await Promise.all([charging.close(), asking.close()])
    },
  }
}

function always(): boolean {
  return true
}
