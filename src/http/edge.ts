// What the routes of the payment port share.

import type { EdgeRequest } from '../actors/messages.ts'
import type { Connections, Responder } from './responder.ts'
import { UNAVAILABLE } from './problem.ts'

/** The supervisor as the edge knows it. Replies may come within `send`. */
export interface Supervisor {
  send(request: EdgeRequest): void
}

export interface HttpLimits {
  /** Longest request body, bytes. */
  readonly bodyBytesMax: number
  /** Requests that may wait for the supervisor at one time; further ones get 503. */
  readonly inFlightMax: number
}

export interface Edge extends Connections {
  readonly supervisor: Supervisor
  readonly limits: HttpLimits
  /** Whether `POST /purge-payments` may forget everything. */
  readonly allowPurge: boolean
  /** Takes the time from a decoded payment to its written answer, µs. */
  readonly latency: { record(us: number): void }
  /** Requests sent to the supervisor and not yet replied to, vanished clients' ones included. */
  inFlight: number
  /** Posts of payments answered 503 since the start. */
  refused: number
}

/**
 * Whether the supervisor may be asked now: it may unless its table of waiting requests is full,
 * and then the responder has been answered 503.
 */
export function hasRoom(edge: Edge, responder: Responder): boolean {
  if (edge.inFlight < edge.limits.inFlightMax) return true
  responder.answer(UNAVAILABLE)
  return false
}
