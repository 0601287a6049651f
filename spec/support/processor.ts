// A processor client for specs, and its calls as promises.

import { randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import { GIVE_UP_MS } from '../../bench/layout/wait.ts'
import type { Charge, ChargeAnswer, LookUpAnswer, Processor } from '../../src/actors/model/ports.ts'
import { createProcessorClient } from '../../src/infra/processor/client.ts'
import type { ProcessorClientOptions } from '../../src/infra/processor/client.ts'
import { systemClock } from '../../src/infra/process/system-clock.ts'

export const CHARGE: Charge = {
  correlationId: '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3',
  amountCents: 1_990,
  requestedAt: Date.parse('2025-07-15T12:34:56.789Z'),
}

/** Closed at the test's end. Its timeouts are long unless the test is about them. */
export function openClient(
  t: Test,
  options: Partial<ProcessorClientOptions> & { url: string },
): Processor {
  const client = createProcessorClient({
    name: 'default',
    connections: 8,
    attemptTimeoutMs: GIVE_UP_MS,
    connectTimeoutMs: GIVE_UP_MS,
    lookupTimeoutMs: GIVE_UP_MS,
    probeTimeoutMs: GIVE_UP_MS,
    lease: { id: 1, holds: () => true },
    clock: systemClock,
    ...options,
  })
  t.teardown(() => client.close())
  return client
}

export function charge(client: Processor): Promise<ChargeAnswer> {
  return sendCharge(client, { ...CHARGE, correlationId: randomUUID() })
}

/** Fails when the reply comes within the call, or a second time. */
export function sendCharge(client: Processor, request: Charge): Promise<ChargeAnswer> {
  return once((reply) => client.charge(request, reply))
}

export function lookUp(client: Processor, correlationId: string): Promise<LookUpAnswer> {
  return once((reply) => client.lookUp(correlationId, reply))
}

function once<Answer>(call: (reply: (answer: Answer) => void) => void): Promise<Answer> {
  return new Promise((resolve) => {
    let calling = true
    let replies = 0
    call((answer) => {
      replies += 1
      // Thrown where nothing catches it, so that the spec fails.
      if (calling) throw new Error('replied within the call')
      if (replies > 1) throw new Error('replied twice')
      resolve(answer)
    })
    calling = false
  })
}
