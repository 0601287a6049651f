// The requests that are in flight at one processor, each of which ends exactly once, and the one
// timer that ends those that are late.

import assert from 'node:assert'
import { errors, type Dispatcher } from 'undici'
import { isBug } from '../../actors/model/errors.ts'
import type { Clock } from '../../actors/model/ports.ts'

/**
 * Longest 200 that is read, bytes; a processor's own are below 300. All connections together may
 * hold so much each, and an instance has 40 MB for everything in the challenge.
 */
const ANSWER_BYTES_MAX = 8 * 1024

/** Longest answer of another status, bytes: a page of a proxy, of which next to nothing is kept. */
const PAGE_BYTES_MAX = 64 * 1024
const PAGE_BYTES_KEPT = 64

/** Most interim answers (1xx) to one request: without a bound an endless stream keeps a core busy. */
const INTERIM_MAX = 10

/** Whether an answer with this `Age` is one that a cache had; some say 0 of all that they pass on. */
export function isKept(age: unknown): boolean {
  return age !== undefined && age !== '0'
}

/** A whole answer. */
export interface Answer {
  readonly kind: 'answered'
  readonly status: number
  /**
   * Whole with a 200, and with a 400 as far as a 200 is read; of another answer its beginning tells
   * whether it has a body.
   */
  readonly text: string
  /** It says of itself that a cache had it: it has an `Age` above 0. */
  readonly isCached: boolean
}

/**
 * How a request ended:
 * - `answered`: the whole answer is here;
 * - `unsent`: not a byte of it was written, and none will be;
 * - `lost`: it was written, at least in part, and no whole answer came.
 */
export type RequestEnd =
  | Answer
  | { readonly kind: 'unsent'; readonly detail: string }
  | { readonly kind: 'lost'; readonly detail: string }

export interface RequestPlan {
  /** Asked at the very moment of writing; false keeps the request from being written. */
  readonly mayWrite: () => boolean
  /** Whether an answer is the processor's own; after another one its connection is closed. */
  readonly isOwn: (answer: Answer) => boolean
  /** Latest start of writing, monotonic ms. */
  readonly sendBy: number
  /** Latest end of the answer, monotonic ms. */
  readonly answerBy: number
  /** Called once, never while the request is being dispatched. */
  readonly report: (end: RequestEnd) => void
  /** Called once, when undici has let go of the request: its connection is free or closed. */
  readonly onReleased: (request: InFlightRequest) => void
}

/**
 * One request as undici's handler, which ends exactly once. There is a new one for each request: a
 * late callback for an old request must never be able to speak for a newer one.
 *
 * undici swallows what a callback throws, or gives it back as the failure of the request, and a bug
 * would count as an outage of the processor: each callback ends the process by `crash` instead.
 */
export class InFlightRequest implements Dispatcher.DispatchHandler {
  /** Where it stands in the table of requests; written by the table. */
  index = -1
  readonly #plan: RequestPlan
  #controller: Dispatcher.DispatchController | undefined
  #closeConnection: (() => void) | undefined
  #dispatching = true
  #concluded = false
  #released = false
  #status = 0
  #interims = 0
  #isCached = false
  #bytes = 0
  #text = ''

  constructor(plan: RequestPlan) {
    this.#plan = plan
  }

  /** Called once `dispatch` has returned: from then on answers may be reported at once. */
  dispatched(): void {
    this.#dispatching = false
  }

  /** Says how to close the connection that it is sent over. */
  goesOver(close: () => void): void {
    this.#closeConnection = close
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
    try {
      this.#start(controller)
    } catch (bug) {
      crash(bug)
    }
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, unknown>>,
  ): void {
    this.#status = status
    this.#isCached = isKept(headers['age'])
    if (status < 200) this.#interims += 1
    if (this.#interims > INTERIM_MAX) controller.abort(TOO_MANY_INTERIMS)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    try {
      this.#append(controller, chunk)
    } catch (bug) {
      crash(bug)
    }
  }

  onResponseEnd(): void {
    try {
      const answer = this.#answer()
      // Before undici lets another request go over it.
      if (!this.#plan.isOwn(answer)) this.#closeConnection?.()
      this.#release()
      this.#conclude(answer)
    } catch (bug) {
      crash(bug)
    }
  }

  /**
   * What undici throws while it reads an answer comes here too, such as its assert that no 101 comes
   * unasked. That is the processor's doing, and no bug of this process.
   */
  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (error instanceof errors.InvalidArgumentError) crash(error)
    else this.#fail(error)
  }

  /** It could not even be dispatched. */
  fail(error: unknown): void {
    if (isBug(error) || error instanceof errors.InvalidArgumentError) crash(error)
    else this.#fail(error)
  }

  /** Nothing more will come. Without a start there was no byte: undici starts, then writes. */
  #fail(error: unknown): void {
    try {
      this.#release()
      const kind = this.#controller === undefined ? 'unsent' : 'lost'
      this.#conclude({ kind, detail: detailOf(error) })
    } catch (bug) {
      crash(bug)
    }
  }

  #start(controller: Dispatcher.DispatchController): void {
    // undici puts a running request back into its queue in some cases when a socket closes.
    if (this.#controller !== undefined) return controller.abort(SENT_TWICE)
    if (this.#concluded) return controller.abort(TIMED_OUT)
    if (!this.#plan.mayWrite()) return controller.abort(LEASE_LOST)
    this.#controller = controller
  }

  #append(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes > (this.#status === 200 ? ANSWER_BYTES_MAX : PAGE_BYTES_MAX)) {
      return controller.abort(TOO_LARGE)
    }
    const isRead = this.#status === 200 || this.#status === 400
    const keptMax = isRead ? ANSWER_BYTES_MAX : PAGE_BYTES_KEPT
    // Latin-1 has a character for each byte, and survives chunks that split one; the fields that are
    // read are ASCII.
    const left = keptMax - this.#text.length
    if (left > 0) this.#text += chunk.toString('latin1', 0, left)
  }

  #answer(): Answer {
    const status = this.#status
    return { kind: 'answered', status, text: this.#text, isCached: this.#isCached }
  }

  #release(): void {
    if (this.#released) return
    this.#released = true
    this.#plan.onReleased(this)
  }

  #conclude(end: RequestEnd): void {
    if (this.#concluded) return
    this.#concluded = true
    if (this.#dispatching) queueMicrotask(() => this.#plan.report(end))
    else this.#plan.report(end)
  }
}

const TIMED_OUT = failure('timeout')
const LEASE_LOST = failure('lease lost')
const SENT_TWICE = failure('sent twice')
const TOO_LARGE = failure('answer too large')
const TOO_MANY_INTERIMS = failure('too many interim answers')

function failure(code: string): Error & { code: string } {
  return Object.assign(new Error(code), { code })
}

/** Ends the process, as a bug that nothing catches does: out of reach of undici. */
function crash(bug: unknown): void {
  queueMicrotask(() => {
    throw bug
  })
}

function detailOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}

/** Shortest time between two sweeps, ms: how late a timeout may be noticed. */
const SWEEP_MS = 10

/** A timer later than this, ms, says that this process stood still: answers may lie in its sockets. */
const STOOD_STILL_MS = 100

/**
 * The requests in flight at one processor: a table of fixed size with a free list, because a Map or
 * Set whose members change this often makes young garbage survive. They share one timer, because
 * one per request costs as much as a request. It is set to the earliest deadline: a sweep every 10
 * ms would be a hundred wakeups a second.
 */
export class InFlightRequests {
  readonly #clock: Clock
  readonly #requests: (InFlightRequest | undefined)[]
  readonly #free: Int32Array
  #freeCount: number
  #timer: unknown = undefined
  /** Monotonic instant for which the timer is set, ms. */
  #timerDueAt = Number.POSITIVE_INFINITY

  constructor(capacity: number, clock: Clock) {
    this.#clock = clock
    this.#requests = new Array<InFlightRequest | undefined>(capacity).fill(undefined)
    this.#free = Int32Array.from({ length: capacity }, (_, index) => index)
    this.#freeCount = capacity
  }

  isFull(): boolean {
    return this.#freeCount === 0
  }

  /** The caller has asked `isFull` before. */
  add(request: InFlightRequest): void {
    this.#freeCount -= 1
    const index = this.#free[this.#freeCount]
    assert(index !== undefined, 'a request is added only while the table is not full')
    request.index = index
    this.#requests[index] = request
    this.#arm(request.dueAt, this.#clock.now())
  }

  remove(request: InFlightRequest): void {
    assert(this.#requests[request.index] === request, 'what is removed is in flight')
    this.#requests[request.index] = undefined
    this.#free[this.#freeCount] = request.index
    this.#freeCount += 1
  }

  /** Stops the timer; to be called once no request is in flight. */
  close(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#timerDueAt = Number.POSITIVE_INFINITY
  }

  /** Sets the timer so that there is a sweep at that instant or soon after. */
  #arm(dueAt: number, now: number): void {
    if (dueAt >= this.#timerDueAt) return
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
    this.#timerDueAt = Math.max(dueAt, now + SWEEP_MS)
    this.#timer = this.#clock.setTimeout(this.#onDue, Math.ceil(this.#timerDueAt - now))
  }

  /** Node runs timers before it reads sockets, and immediates after it. */
  readonly #onDue = (): void => {
    if (this.#clock.now() - this.#timerDueAt <= STOOD_STILL_MS) this.#sweep()
    else setImmediate(this.#sweep)
  }

  readonly #sweep = (): void => {
    this.#timer = undefined
    this.#timerDueAt = Number.POSITIVE_INFINITY
    const now = this.#clock.now()
    let next = Number.POSITIVE_INFINITY
    for (let index = 0; index < this.#requests.length; index += 1) {
      this.#requests[index]?.expire(now)
      // A request that has just ended has left the table, unless undici has not released it yet.
      next = Math.min(next, this.#requests[index]?.dueAt ?? next)
    }
    this.#arm(next, now)
  }
}
