// One processor over HTTP, on undici's dispatch: no promise, no timer and no AbortController for a
// charge. It never sends a request twice by itself.

import type { LookupFunction } from 'node:net'
import type { ProcessorName } from '../../actors/model/payment.ts'
import type { Clock, Lease, Processor } from '../../actors/model/ports.ts'
import { chargeAnswer, createLookUpPaths, lookUpAnswer, probeAnswer } from './wire.ts'
import type { RequestEnd } from './in-flight-requests.ts'
import { openProcessorPool } from './pool.ts'
import { chargeBody } from './wire.ts'

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
  const ask = (path: string, timeoutMs: number, report: (end: RequestEnd) => void): void =>
    asking.send({ method: 'GET', path, body: null, timeoutMs, mayWrite: always, report })

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
        report: (end) => reply(chargeAnswer(end)),
      })
    },

    lookUp(correlationId, reply) {
      ask(lookUpPath(correlationId), options.lookupTimeoutMs, (end) =>
        reply(lookUpAnswer(end, correlationId)),
      )
    },

    probe: () =>
      new Promise((resolve) => {
        ask('/payments/service-health', options.probeTimeoutMs, (end) => resolve(probeAnswer(end)))
      }),

    async close() {
      await Promise.all([charging.close(), asking.close()])
    },
  }
}

function always(): boolean {
  return true
}
