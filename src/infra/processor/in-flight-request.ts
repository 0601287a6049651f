// One request under way at a processor, as undici's handler: it is concluded exactly once.

import type { Dispatcher } from 'undici'

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
