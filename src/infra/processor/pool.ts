// A bounded number of connections to a processor, with the requests in flight on them.

import type { LookupFunction, Socket } from 'node:net'
import { buildConnector, Client, Pool } from 'undici'
import type { Dispatcher } from 'undici'
import type { Clock } from '../../actors/model/ports.ts'
import { InFlightRequest, InFlightRequests } from './in-flight-requests.ts'
import type { RequestPlan } from './in-flight-requests.ts'
import { NOT_FROM_A_CACHE } from './wire.ts'

export interface ProcessorPoolOptions {
  /** `http://host:port`, with a path in front of `/payments` where there is one. */
  readonly url: string
  readonly connections: number
  readonly connectTimeoutMs: number
  /** Resolves the host's name; absent: Node's own. */
  readonly lookup?: LookupFunction | undefined
  readonly clock: Clock
}

export interface ProcessorRequest extends Pick<RequestPlan, 'mayWrite' | 'isOwn' | 'report'> {
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
  /** Ends all requests in flight at once. */
  close(): Promise<void>
}

export function openProcessorPool({
  url,
  connections,
  connectTimeoutMs,
  lookup,
  clock,
}: ProcessorPoolOptions): ProcessorPool {
  const { origin, pathname } = new URL(url)
  const prefix = pathname.replace(/\/$/, '')
  const bounds = { timeout: connectTimeoutMs, ...(lookup === undefined ? {} : { lookup }) }
  const connect = buildConnector(bounds)
  const factory = (to: URL, options: Client.Options): Client =>
    new RenewedClient(to, options, connect)
  const pool = new Pool(origin, { ...POOL, connections, factory })
  const inFlight = new InFlightRequests(connections, clock)
  const onReleased = (request: InFlightRequest): void => inFlight.remove(request)

  return {
    send({ method, path, body, traceparent, timeoutMs, mayWrite, isOwn, report }) {
      if (inFlight.isFull()) return queueMicrotask(() => report(NO_CONNECTION))
      const now = clock.now()
      const answerBy = now + timeoutMs
      const sendBy = Math.min(answerBy, now + connectTimeoutMs)
      const plan = { mayWrite, isOwn, report, onReleased, sendBy, answerBy }
      const request = new InFlightRequest(plan)
      inFlight.add(request)
      const plain = body === null ? ASKING : CHARGING
      const headers = traceparent === undefined ? plain : [...plain, 'traceparent', traceparent]
      dispatch(pool, { method, path: prefix + path, headers, body, request })
    },

    async close() {
      await pool.destroy()
      inFlight.close()
    },
  }
}

/**
 * undici's own timers tick every 499 ms, too coarse for deadlines. They are off, except the one
 * that frees a socket which cannot connect, after its request has been answered. A connection
 * carries one request at a time: undici would send a second one again when the first one fails.
 */
const POOL = { pipelining: 1, headersTimeout: 0, bodyTimeout: 0 }
const ACCEPTING = ['accept', 'application/json']
const ASKING = [...ACCEPTING, ...Object.entries(NOT_FROM_A_CACHE).flat()]
const CHARGING = ['content-type', 'application/json', ...ACCEPTING]
const NO_CONNECTION = { kind: 'unsent', detail: 'no connection' } as const

/**
 * Resets a connection that is destroyed while a request is under way on it. Closed in order, what a
 * processor's machine has not taken yet is sent to it again and again for a minute, also when this
 * process has ended, and a charge is recorded after it was certain that it would not be.
 */
function resetWhile(isUnderWay: () => boolean, socket: Socket): void {
  const destroy = socket.destroy.bind(socket)
  socket.destroy = (error) => {
    // What `resetAndDestroy` sets, which would first end the connection in order.
    if (isUnderWay()) Object.assign(socket, { resetAndClosing: true })
    return destroy(error)
  }
}

/** undici hands these on to the client as they are. */
interface Dispatched extends Dispatcher.DispatchOptions {
  readonly request: InFlightRequest
}

/**
 * One connection at a time, closed once its answer was not the processor's own: a balancer that keeps
 * each connection at one of several servers would hand all later requests to the one that is broken.
 */
class RenewedClient extends Client {
  readonly #renew: () => void

  constructor(origin: URL, options: Client.Options, connect: buildConnector.connector) {
    let current: Socket | undefined
    let isUnderWay = (): boolean => false
    // A closed one has its error, and that up to 64 KiB of an answer that was not HTTP.
    const keep = (socket: Socket): void => {
      current = socket
      resetWhile(() => isUnderWay(), socket)
      socket.once('close', () => {
        if (current === socket) current = undefined
      })
    }
    super(origin, {
      ...options,
      connect: (target, callback) => {
        connect(target, (...opened) => {
          if (opened[0] === null) keep(opened[1])
          callback(...opened)
        })
      },
    })
    isUnderWay = () => this.stats.running > 0
    this.#renew = () => current?.destroy()
  }

  override dispatch(options: Dispatched, handler: Dispatcher.DispatchHandler): boolean {
    options.request.goesOver(this.#renew)
    return super.dispatch(options, handler)
  }
}

function dispatch(pool: Pool, options: Dispatched): void {
  const { request } = options
  try {
    pool.dispatch(options, request)
  } catch (error) {
    request.fail(error)
  }
  request.dispatched()
}
