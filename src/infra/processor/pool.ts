// A bounded number of connections to a processor, with the requests under way on them.

import { Pool } from 'undici'
import type { Dispatcher } from 'undici'
import type { Clock } from '../../actors/model/ports.ts'
import { Flight } from './in-flight-requests.ts'
import type { FlightPlan } from './in-flight-requests.ts'
import { Flights } from './in-flight-requests.ts'

export interface ProcessorPoolOptions {
  /** `http://host:port`, with a path in front of `/payments` where there is one. */
  readonly url: string
  readonly connections: number
  readonly connectTimeoutMs: number
  readonly clock: Clock
}

export interface ProcessorRequest extends Pick<FlightPlan, 'mayWrite' | 'report'> {
  readonly method: 'GET' | 'POST'
  /** Begins with a slash. */
  readonly path: string
  readonly body: string | null
  /** W3C trace context of a charge that is traced. */
  readonly traceparent?: string | undefined
  /** From now to the last byte of the answer, ms. */
  readonly timeoutMs: number
}

export interface ProcessorPool {
  /** Reports exactly once, after this has returned; `no connection` when all are taken. */
  send(request: ProcessorRequest): void
  /** Ends everything under way at once. */
  close(): Promise<void>
}

export function openProcessorPool({
  url,
  connections,
  connectTimeoutMs,
  clock,
}: ProcessorPoolOptions): ProcessorPool {
  const { origin, pathname } = new URL(url)
  const prefix = pathname.replace(/\/$/, '')
  const pool = new Pool(origin, { ...POOL, connections, connectTimeout: connectTimeoutMs })
  const flights = new Flights(connections, clock)
  const land = (flight: Flight): void => flights.remove(flight)

  return {
    send({ method, path, body, traceparent, timeoutMs, mayWrite, report }) {
      if (flights.isFull()) return queueMicrotask(() => report(NO_CONNECTION))
      const now = clock.now()
      const answerBy = now + timeoutMs
      const sendBy = Math.min(answerBy, now + connectTimeoutMs)
      const flight = new Flight({ mayWrite, report, land, sendBy, answerBy })
      flights.add(flight)
      const plain = body === null ? ASKING : CHARGING
      const headers = traceparent === undefined ? plain : [...plain, 'traceparent', traceparent]
      launch(pool, { method, path: prefix + path, headers, body }, flight)
    },

    async close() {
      await pool.destroy()
      flights.close()
    },
  }
}

/**
 * undici's own timers tick every 499 ms, too coarse for deadlines; they stay off but for the one
 * that frees a socket which cannot connect, after its request has been answered. One request a
 * connection at a time: a second one would be sent again when the first one fails.
 */
const POOL = { pipelining: 1, headersTimeout: 0, bodyTimeout: 0 }
const ASKING = ['accept', 'application/json']
const CHARGING = ['content-type', 'application/json', ...ASKING]
const NO_CONNECTION = { kind: 'unsent', detail: 'no connection' } as const

function launch(pool: Pool, request: Dispatcher.DispatchOptions, flight: Flight): void {
  try {
    pool.dispatch(request, flight)
  } catch (error) {
    flight.fail(error)
  }
  flight.dispatched()
}
