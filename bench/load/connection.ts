// One keep-alive HTTP/1.1 connection, one request at a time, as cheap as a load generator that
// shares its cores with what it measures has to be. Loads only: Pit itself calls through undici.

import assert from 'node:assert'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { parseResponse } from './response.ts'
import type { Target } from './target.ts'

/**
 * - `timeout`: no whole answer within the bound; `refused`: no connection;
 * - `reset`: the connection ended before a whole answer; `malformed`: not HTTP, or past a bound;
 * - `closed`: the caller closed the connection.
 */
export type FailureCause = 'timeout' | 'refused' | 'reset' | 'malformed' | 'closed'

export type Answer =
  | {
      readonly kind: 'answered'
      readonly status: number
      readonly body: Buffer
      /** From the request's writing to the answer's last byte, ms; without connection set-up. */
      readonly tookMs: number
    }
  | {
      readonly kind: 'failed'
      readonly cause: FailureCause
      /** Short: an error code, or what was wrong. */
      readonly detail: string
      /** Whether any of the request may have gone out; if not, it certainly was not processed. */
      readonly sent: boolean
    }

export interface ConnectionOptions {
  readonly target: Target
  /** Bound on one request, connection set-up included, ms. */
  readonly timeoutMs: number
  /** Monotonic, ms; for specs, otherwise the time of this process. */
  readonly now?: () => number
}

interface Pending {
  readonly text: string
  readonly reply: (answer: Answer) => void
  readonly timer: NodeJS.Timeout
  /** Monotonic, ms; undefined until the request is written. */
  sentAt: number | undefined
  /** Received so far; one chunk holds the whole answer nearly always. */
  received: Buffer | undefined
}

/**
 * A connection that was idle for as long, ms, is not used again: nginx closes it after 75 s, maybe in
 * the moment in which a request is written, which is then reset.
 */
const IDLE_MAX_MS = 60_000

/** Connects when first used, and again after the server has closed the connection or a long rest. */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #now: () => number
  #socket: Socket | undefined
  #pending: Pending | undefined
  /** Monotonic instant of the last answer, ms. */
  #idleSince = 0

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  /** Whether a request is under way: the next has to wait for its reply. */
  get busy(): boolean {
    return this.#pending !== undefined
  }

  /** Sends `text` (from `formatRequest`); `reply` is called exactly once, never synchronously. */
  send(text: string, reply: (answer: Answer) => void): void {
    assert(this.#pending === undefined, 'connection: one request at a time')
    const timer = setTimeout(() => {
      this.#fail('timeout', `${this.#options.timeoutMs} ms`)
    }, this.#options.timeoutMs)
    const isOld = this.#socket !== undefined && this.#now() - this.#idleSince >= IDLE_MAX_MS
    if (isOld) this.#drop()
    this.#pending = { text, reply, timer, sentAt: undefined, received: undefined }
    const socket = this.#socket
    if (socket === undefined) this.#open()
    else if (!socket.connecting) this.#write(socket, this.#pending)
  }

  /** Ends the connection; a request under way fails with `closed`. */
  close(): void {
    if (this.#pending !== undefined) this.#fail('closed', 'closed by the caller')
    else this.#drop()
  }

  #open(): void {
    const { target } = this.#options
    const socket =
      'socketPath' in target
        ? connect({ path: target.socketPath })
        : connect({ host: target.host, port: target.port, noDelay: true })
    this.#socket = socket
    let code = 'ended'
    // A socket that was dropped may still speak: only the present one is listened to.
    const ifCurrent = (act: () => void): void => {
      if (this.#socket === socket) act()
    }
    socket.on('connect', () => ifCurrent(() => this.#pending && this.#write(socket, this.#pending)))
    socket.on('data', (chunk: Buffer) => ifCurrent(() => this.#receive(chunk)))
    socket.on('end', () => ifCurrent(() => this.#end()))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      code = error.code ?? error.message
    })
    socket.on('close', () => ifCurrent(() => this.#lose(code)))
  }

  #write(socket: Socket, pending: Pending): void {
    pending.sentAt = this.#now()
    socket.write(pending.text)
  }

  #receive(chunk: Buffer): void {
    const now = this.#now()
    const pending = this.#pending
    // Bytes that no request asked for: the connection is out of step.
    if (pending === undefined) return this.#drop()
    pending.received =
      pending.received === undefined ? chunk : Buffer.concat([pending.received, chunk])
    this.#parse('open', now)
  }

  #end(): void {
    // An idle connection is left at once, or the next request would be written into the void.
    if (this.#pending === undefined) this.#drop()
    else this.#parse('ended', this.#now())
  }

  #parse(stream: 'open' | 'ended', now: number): void {
    const received = this.#pending?.received
    if (received === undefined) return
    const parsed = parseResponse(received, stream)
    if (parsed.kind === 'partial') return
    if (parsed.kind === 'malformed') return this.#fail('malformed', parsed.detail)
    if (!parsed.reusable) this.#drop()
    const { status, body } = parsed
    const tookMs = now - (this.#pending?.sentAt ?? now)
    this.#finish({ kind: 'answered', status, body, tookMs })
  }

  #lose(code: string): void {
    const pending = this.#pending
    this.#socket = undefined
    if (pending !== undefined) this.#fail(pending.sentAt === undefined ? 'refused' : 'reset', code)
  }

  #fail(cause: FailureCause, detail: string): void {
    this.#drop()
    this.#finish({ kind: 'failed', cause, detail, sent: this.#pending?.sentAt !== undefined })
  }

  #finish(answer: Answer): void {
    const pending = this.#pending
    if (pending === undefined) return
    clearTimeout(pending.timer)
    this.#pending = undefined
    this.#idleSince = this.#now()
    pending.reply(answer)
  }

  #drop(): void {
    const socket = this.#socket
    this.#socket = undefined
    socket?.destroy()
  }
}
