// One line that changes on a terminal, or plain lines now and then where nothing can change.

import type { WriteStream } from 'node:tty'

/** What `process.stderr` is: a terminal or not. */
export type ProgressStream = Pick<WriteStream, 'write'> & { readonly isTTY?: boolean }

const TERMINAL_INTERVAL_MS = 500

export class StatusLine {
  readonly #stream: ProgressStream
  readonly #plainIntervalMs: number
  #timer: NodeJS.Timeout | undefined

  /** @param plainIntervalMs between two lines where they stay, ms. */
  constructor(stream: ProgressStream, plainIntervalMs: number) {
    this.#stream = stream
    this.#plainIntervalMs = plainIntervalMs
  }

  /** A line that stays. */
  say(text: string): void {
    this.#stream.write(`${this.#lineStart}${text}\n`)
  }

  /** Shows what `read` says from time to time until `stop`. */
  show(read: () => string): void {
    const isTerminal = this.#stream.isTTY === true
    this.#timer = setInterval(
      () => this.#stream.write(`${this.#lineStart}${read()}${isTerminal ? '' : '\n'}`),
      isTerminal ? TERMINAL_INTERVAL_MS : this.#plainIntervalMs,
    )
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#stream.write(this.#lineStart)
  }

  /** On a terminal: back to the line's start, and clears it. */
  get #lineStart(): string {
    return this.#stream.isTTY === true ? '\r\u001B[K' : ''
  }
}
