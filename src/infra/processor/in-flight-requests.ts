// The requests that are in flight at one processor, each of which ends exactly once, and the one
// timer that ends those that are late.

import type { Dispatcher } from 'undici'
import type { Clock } from '../../actors/model/ports.ts'

/** Between two looks at the deadlines at least, ms: how late a timeout may be noticed. */
const SWEEP_MS = 10

/**
 * A fixed number of slots with a free list: a Map or Set with this much coming and going would make
 * the young garbage survive. One timer for all, since one per request costs as much as a request; it
 * is set to the earliest deadline, since looking every 10 ms would be a hundred wakeups a second.
 */
export class Flights {
  readonly #clock: Clock
  readonly #slots: (Flight | undefined)[]
  readonly #free: Int32Array
  #freeCount: number
  #timer: unknown = undefined
  /** Monotonic instant for which the timer is set, ms. */
  #timerDueAt = Number.POSITIVE_INFINITY

  constructor(capacity: number, clock: Clock) {
    this.#clock = clock
    this.#slots = new Array<Flight | undefined>(capacity).fill(undefined)
    this.#free = Int32Array.from({ length: capacity }, (_, slot) => slot)
    this.#freeCount = capacity
  }

  isFull(): boolean {
    return this.#freeCount === 0
  }

  /** The caller has asked `isFull` before. */
  add(flight: Flight): void {
    this.#freeCount -= 1
    flight.slot = this.#free[this.#freeCount] ?? -1
    this.#slots[flight.slot] = flight
    this.#arm(flight.dueAt, this.#clock.now())
  }

  remove(flight: Flight): void {
    this.#slots[flight.slot] = undefined
    this.#free[this.#freeCount] = flight.slot
    this.#freeCount += 1
  }

  /** Stops the timer; to be called when nothing is under way any more. */
  close(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#timerDueAt = Number.POSITIVE_INFINITY
  }

  /** Sees to a look at that instant or soon after. */
  #arm(dueAt: number, now: number): void {
    if (dueAt >= this.#timerDueAt) return
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
    this.#timerDueAt = Math.max(dueAt, now + SWEEP_MS)
    this.#timer = this.#clock.setTimeout(this.#sweep, Math.ceil(this.#timerDueAt - now))
  }

  readonly #sweep = (): void => {
    this.#timer = undefined
    this.#timerDueAt = Number.POSITIVE_INFINITY
    const now = this.#clock.now()
    let next = Number.POSITIVE_INFINITY
    for (let slot = 0; slot < this.#slots.length; slot += 1) {
      this.#slots[slot]?.expire(now)
      // What has just ended may be gone from its slot, or may not be let go yet by undici.
      next = Math.min(next, this.#slots[slot]?.dueAt ?? next)
    }
    this.#arm(next, now)
  }
}

/** Longest answer that is read, bytes; a processor's own are below 300. */
export const ANSWER_BYTES_MAX = 64 * 1024

/**
 * How a request ended:
 * - `answered`: the whole answer is here;
 * - `unsent`: not a byte of it was written, and none will be;
 * - `lost`: it was written, at least in part, and no whole answer came.
 */
export type RequestEnd =
  | { readonly kind: 'answered'; readonly status: number; readonly text: string }
  | { readonly kind: 'unsent'; readonly detail: string }
  | { readonly kind: 'lost'; readonly detail: string }

export interface FlightPlan {
  /** Asked at the very moment of writing; false keeps the request from being written. */
  readonly mayWrite: () => boolean
  /** Latest start of writing, monotonic ms. */
  readonly sendBy: number
  /** Latest end of the answer, monotonic ms. */
  readonly answerBy: number
  /** Told once, never while the request is being dispatched. */
  readonly report: (end: RequestEnd) => void
  /** Told once, when undici has let go of the request: its connection is free or gone. */
  readonly land: (flight: Flight) => void
}

/**
 * A new one for each request, on purpose: a late callback for an old request must never be able to
 * speak for a newer one.
 */
export class Flight implements Dispatcher.DispatchHandler {
  /** Place in the table of flights; written by the table. */
  slot = -1
  readonly #plan: FlightPlan
  #controller: Dispatcher.DispatchController | undefined
  #dispatching = true
  #concluded = false
  #landed = false
  #status = 0
  #bytes = 0
  #text = ''

  constructor(plan: FlightPlan) {
    this.#plan = plan
  }

  /** To be called once `dispatch` has returned: from then on answers may be reported at once. */
  dispatched(): void {
    this.#dispatching = false
  }

  /** When it is late unless something comes, monotonic ms. */
  get dueAt(): number {
    const { sendBy, answerBy } = this.#plan
    if (this.#controller !== undefined) return answerBy
    return this.#concluded ? Number.POSITIVE_INFINITY : sendBy
  }

  /** Gives up when it is late. What was not written yet will not be, whatever undici does later. */
  expire(now: number): void {
    if (this.#controller === undefined) {
      if (now >= this.#plan.sendBy) this.#conclude({ kind: 'unsent', detail: 'connect timeout' })
    } else if (now >= this.#plan.answerBy) {
      this.#controller.abort(TIMED_OUT)
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // undici puts a running request back into its queue in a few corners of closing a socket.
    if (this.#controller !== undefined) return controller.abort(SENT_TWICE)
    if (this.#concluded) return controller.abort(TIMED_OUT)
    if (!this.#plan.mayWrite()) return controller.abort(LEASE_LOST)
    this.#controller = controller
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes > ANSWER_BYTES_MAX) return controller.abort(TOO_LARGE)
    // Latin-1 survives chunks that split a character; the fields that are read are ASCII.
    this.#text += chunk.toString('latin1')
  }

  onResponseEnd(): void {
    this.#land()
    this.#conclude({ kind: 'answered', status: this.#status, text: this.#text })
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(error)
  }

  /** Nothing more will come. Without a start there was no byte: undici starts, then writes. */
  fail(error: unknown): void {
    this.#land()
    const kind = this.#controller === undefined ? 'unsent' : 'lost'
    this.#conclude({ kind, detail: detailOf(error) })
  }

  #land(): void {
    if (this.#landed) return
    this.#landed = true
    this.#plan.land(this)
  }

  #conclude(end: RequestEnd): void {
    if (this.#concluded) return
    this.#concluded = true
    if (this.#dispatching) queueMicrotask(() => this.#plan.report(end))
    else reportLoudly(this.#plan.report, end)
  }
}

const TIMED_OUT = failure('timeout')
const LEASE_LOST = failure('lease lost')
const SENT_TWICE = failure('sent twice')
const TOO_LARGE = failure('answer too large')

function failure(code: string): Error & { code: string } {
  return Object.assign(new Error(code), { code })
}

/** undici would swallow what a callback throws; a bug there must crash as any other does. */
function reportLoudly(report: (end: RequestEnd) => void, end: RequestEnd): void {
  try {
    report(end)
  } catch (bug) {
    queueMicrotask(() => {
      throw bug
    })
  }
}

function detailOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
