// Shows a chaos run on the terminal and writes its faults into a log beside those of the processes.

import { appendFileSync } from 'node:fs'
import type { ProgressStream } from '../challenge/progress.ts'

const TERMINAL_INTERVAL_MS = 500
const PLAIN_INTERVAL_MS = 10_000

export class ChaosProgress {
  readonly #stream: ProgressStream
  readonly #logFile: string
  #timer: NodeJS.Timeout | undefined

  constructor(options: { readonly stream: ProgressStream; readonly logFile: string }) {
    this.#stream = options.stream
    this.#logFile = options.logFile
  }

  /** A line for people. */
  say(text: string): void {
    this.#stream.write(`${this.#lineStart}${text}\n`)
    this.log(text)
  }

  /** A line for the log only. */
  log(text: string): void {
    appendFileSync(this.#logFile, `${new Date().toISOString()} ${text}\n`)
  }

  /** Shows what `read` says from time to time until `stop`. */
  show(read: () => string): void {
    const isTerminal = this.#stream.isTTY === true
    this.#timer = setInterval(
      () => this.#stream.write(`${this.#lineStart}${read()}${isTerminal ? '' : '\n'}`),
      isTerminal ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS,
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
